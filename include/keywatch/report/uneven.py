"""Values that many keys have, or few: an index of the column helps only then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, UnaryExpression, func, select
from sqlalchemy.sql.operators import custom_op

from keywatch.report.schema import keys

FEW: Final = 10_000
"""As many keys are soon read and sorted, whatever else is asked of them."""


def has_one_of(connection: Connection, column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    """Say that a column has one of some values.

    SQLite takes an index of the column whenever there is one, as it does not know how many keys have which value; when
    many do, a list comes upon them sooner in its own order. PostgreSQL knows by itself.
    """
    condition = column.in_(values)
    if connection.dialect.name != "sqlite" or few_meet(connection, condition):
        return condition
    return _unindexed(column).in_(values)


def has_none(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Say that a column has no value, with its index only where few keys have none, as above."""
    condition = column.is_(None)
    if connection.dialect.name != "sqlite" or few_meet(connection, condition):
        return condition
    return _unindexed(column).is_(None)


def few_meet(connection: Connection, condition: ColumnElement[bool]) -> bool:
    """Tell whether few keys meet a condition that an index answers."""
    some = select(keys.c.id).where(condition).limit(FEW + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) <= FEW


def _unindexed(column: ColumnElement[str]) -> ColumnElement[str]:
    """Keep the column's index out of SQLite's choice, by a plus sign (SQLite, query planner, disqualifying terms)."""
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)
