"""`mv-expand`: a row for each element of an array."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from localcloud.kql.data import Data, KqlError, Row, missing
from localcloud.kql.literals import read_kind
from localcloud.kql.naming import check_distinct, named
from localcloud.kql.parser import Parser
from localcloud.kql.scope import Expression, Scope

Cast = Callable[[Any], Any]


def _of(*types: type) -> Cast:
    return lambda value: value if type(value) in types else None


def _whole(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None


CASTS: Final[dict[str, Cast]] = {
    "string": _of(str),
    "int": _whole,
    "long": _whole,
    "real": lambda value: float(value) if type(value) in (int, float) else None,
    "bool": _of(bool),
    "datetime": _of(datetime),
    "timespan": _of(timedelta),
    "dynamic": lambda value: value,
}
"""What becomes of an element in a column of a kind: null if it is of another; nothing is parsed."""


def mv_expand(parser: Parser, data: Data, scope: Scope) -> Data:
    """Put the elements of arrays below one another, those of several arrays side by side.

    Raises:
        KqlError: one is not dynamic, or has no name.
    """
    parts = parser.several(lambda: _read_part(parser, scope))
    check_distinct(name for name, _, _ in parts)
    rows: list[Row] = []
    for row in data.rows:
        expanded = [(name, kind, _elements(found.value(row))) for name, found, kind in parts]
        rows += [
            row | {name: _element(elements, number, kind) for name, kind, elements in expanded}
            for number in range(max(len(elements) for _, _, elements in expanded))
        ]
    return data.having(rows, {name: kind for name, _, kind in parts})


def _read_part(parser: Parser, scope: Scope) -> tuple[str, Expression, str]:
    name, found = named(parser, scope)
    if found.kind != "dynamic":
        raise KqlError(f"{found.text} is {found.kind}; mv-expand takes dynamic")
    if not parser.accept_name("to"):
        return name, found, "dynamic"
    parser.word("typeof")
    parser.sign("(")
    kind = read_kind(parser, CASTS)
    parser.sign(")")
    return name, found, kind


def _elements(value: object) -> list[Any]:
    """Give an array's elements, or an object's properties; anything else, null too, is one element."""
    if isinstance(value, dict):
        return [{name: each} for name, each in value.items()]
    return value if isinstance(value, list) else [value]


def _element(elements: list[Any], number: int, kind: str) -> Any:  # noqa: ANN401 - a value of any kind
    value = CASTS[kind](elements[number]) if number < len(elements) else None
    return missing(kind) if value is None else value
