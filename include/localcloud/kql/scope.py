"""What an expression is, and what it can name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localcloud.kql.data import Data, KqlError, Row
from localcloud.kql.parser import Parser


@dataclass(frozen=True)
class Expression:
    """Something that has a value in every row.

    Attributes:
        kind: of the value.
        text: how messages call it.
        value: computes it; null is None.
        column: the column's name, if it is nothing but a column.
    """

    kind: str
    text: str
    value: Callable[[Row], Any]
    column: str | None = None


@dataclass(frozen=True)
class Scope:
    """What an expression can name.

    Attributes:
        columns: those of its table, with their kinds.
        values: those that `let` named.
        now: the time of the query.
        source: reads another table, or a pipeline in parentheses.
        ingested: whether the table's rows know when they were stored.
    """

    columns: Mapping[str, str]
    values: Mapping[str, Expression]
    now: datetime
    source: Callable[[Parser], Data]
    ingested: bool = False


def constant(kind: str, value: Any) -> Expression:  # noqa: ANN401 - a value of any kind
    """Give a literal."""
    return Expression(kind, repr(value), lambda _: value)


def read_name(name: str, scope: Scope) -> Expression:
    """Give what a name stands for.

    Raises:
        KqlError: nothing is called that.
    """
    if name in scope.columns:
        return Expression(scope.columns[name], name, lambda row: row[name], name)
    if name in scope.values:
        return scope.values[name]
    raise KqlError(f"There is no column {name}; there are {', '.join(scope.columns) or 'none'}")
