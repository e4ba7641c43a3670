"""Insert a row, or update the one that is there: the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, case, func
from sqlalchemy.dialects import postgresql, sqlite

Row = Mapping[str, Any]


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    *,
    key: Sequence[str],
    since: str | None = None,
    first: Sequence[str] = (),
    largest: Sequence[str] = (),
    known: Sequence[str] = (),
) -> None:
    """Write rows, all of which have the same columns.

    Args:
        connection: In a transaction.
        table: Where to.
        rows: What to write.
        key: The columns that say which row is the same.
        since: The column of a moment: a row that is there stays if its moment is later.
        first: Columns that keep the value that is there.
        largest: Columns that take the larger value.
        known: Columns that keep the value that is there where the new one is none.
    """
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    new = statement.excluded

    def value(name: str) -> ColumnElement[Any]:
        if name in largest:
            return case((new[name] > table.c[name], new[name]), else_=table.c[name])
        return func.coalesce(new[name], table.c[name]) if name in known else new[name]

    changed = {name: value(name) for name in rows[0] if name not in (*key, *first)}
    where = None if since is None else new[since] >= table.c[since]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed, where=where), list(rows))
