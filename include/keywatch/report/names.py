"""The names of all users, a hundred in a row, where a part of a name is looked for without visiting every key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select

from keywatch.report.schema import keys, name_blocks

NAMES_AT_ONCE: Final = 100
"""In a row: as many are read where one of them has what is looked for."""

ROWS_AT_ONCE: Final = 100
"""Read from the database."""


def write_names(connection: Connection) -> None:
    """Write anew which names there are.

    Args:
        connection: In the transaction that wrote the run.
    """
    connection.execute(name_blocks.delete())
    in_order = select(keys.c.user_name).distinct().order_by(keys.c.user_name)
    names = connection.execute(in_order, execution_options={"yield_per": NAMES_AT_ONCE})
    for number, some in enumerate(names.scalars().partitions()):
        connection.execute(name_blocks.insert(), _block(number, some))


def find_names(connection: Connection, text: str, *, backwards: bool = False) -> Iterator[str]:
    """Yield the names that have a text in them, in any letter case, each once, in the database's order.

    Args:
        connection: To the store.
        text: What they have.
        backwards: The last name first.
    """
    wanted, number = text.casefold(), name_blocks.c.number
    chosen = select(name_blocks).where(_holds(connection, wanted)).order_by(number.desc() if backwards else number)
    with connection.execute(chosen, execution_options={"yield_per": ROWS_AT_ONCE}) as blocks:
        for block in blocks:
            lines = zip(block.folded.split("\n"), block.names.split("\n"), strict=True)
            names = [name for folded, name in lines if wanted in folded]
            yield from reversed(names) if backwards else names


def _block(number: int, names: Iterable[str]) -> dict[str, int | str]:
    joined = "\n".join(names)
    return {"number": number, "names": joined, "folded": joined.casefold()}


def _holds(connection: Connection, text: str) -> ColumnElement[bool]:
    place = func.instr if connection.dialect.name == "sqlite" else func.strpos
    return place(name_blocks.c.folded, text) > 0
