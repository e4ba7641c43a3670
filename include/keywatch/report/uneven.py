"""Which keys have a value that many have, or few: an index of it helps only then."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Connection, UnaryExpression, func, select
from sqlalchemy.sql.operators import custom_op

from keywatch.report.schema import keys

FEW: Final = 10_000
"""As many keys are soon read and sorted, whatever else is asked of them."""


def is_value(connection: Connection, column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    """Say that a column has a value.

    SQLite takes an index of the column whenever there is one, as it does not know how many keys have which value; when
    many do, a list comes upon them sooner in its own order. PostgreSQL knows by itself.
    """
    if connection.dialect.name != "sqlite" or _few_have(connection, column, value):
        return column == value
    return _unindexed(column) == value


def _few_have(connection: Connection, column: ColumnElement[str], value: str) -> bool:
    some = select(keys.c.id).where(column == value).limit(FEW + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) <= FEW


def _unindexed(column: ColumnElement[str]) -> ColumnElement[str]:
    """Keep the column's index out of SQLite's choice, by a plus sign (SQLite, query planner, disqualifying terms)."""
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)
