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
    smallest: Sequence[str] = (),
    largest: Sequence[str] = (),
    known: Sequence[str] = (),
) -> None:
    """Write rows, all of which have the same columns.

    Args:
        connection: In a transaction.
        table: Where to.
        rows: What to write.
        key: The columns that say which row is the same.
        since: The column of a moment: of the row that is there and the new one, the later has the say.
        smallest: Columns that take the smaller value, whichever row has it.
        largest: Columns that take the larger value, whichever row has it.
        known: Columns that take the other row's value where that of the later is none.
    """
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    new, old = statement.excluded, table.c

    def value(name: str) -> ColumnElement[Any]:
        if name in smallest:
            return case((new[name] < old[name], new[name]), else_=old[name])
        if name in largest or name == since:
            return case((new[name] > old[name], new[name]), else_=old[name])
        if since is None:
            taken: ColumnElement[Any] = new[name]
            return taken
        is_later = new[since] >= old[since]
        if name in known:
            return case((is_later, func.coalesce(new[name], old[name])), else_=func.coalesce(old[name], new[name]))
        return case((is_later, new[name]), else_=old[name])

    changed = {name: value(name) for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), list(rows))
