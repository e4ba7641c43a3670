"""Tables that a query makes by itself: `range`, `print` and `datatable`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from localcloud.declared_columns import convert
from localcloud.kql.data import Data, KqlError, Row, family, missing
from localcloud.kql.expressions import read_constant
from localcloud.kql.literals import read_kind, read_literal
from localcloud.kql.naming import check_distinct, several_named
from localcloud.kql.parser import Parser
from localcloud.kql.scope import Scope
from localcloud.kql.steps import stepped

KINDS: Final = ("string", "int", "long", "real", "bool", "datetime", "timespan", "guid", "dynamic")


def _range(parser: Parser, scope: Scope) -> Data:
    name = parser.entity("a name for the column")
    found = []
    for word in ("from", "to", "step"):
        parser.word(word)
        found.append(read_constant(parser, scope))
    start, end, step = found
    steps = stepped("range", start, end, step, inclusive=True)
    return Data({name: steps.kind}, [{name: value} for value in steps.values()])


def _print(parser: Parser, scope: Scope) -> Data:
    found = several_named(parser, scope)
    return Data(
        {name: each.kind for name, each in found.items()}, [{name: each.value({}) for name, each in found.items()}]
    )


def _datatable(parser: Parser, _: Scope) -> Data:
    pairs = parser.listed(lambda: _column(parser))
    check_distinct(name for name, _ in pairs)
    values: list[Any] = []
    parser.sign("[")
    while not parser.accept("]"):
        name, kind = pairs[len(values) % len(pairs)] if pairs else ("", "")
        values.append(_value(parser, name, kind))
        if not parser.is_sign("]"):
            parser.sign(",")
    if not pairs or len(values) % len(pairs):
        raise KqlError(f"datatable has {len(pairs)} columns and {len(values)} values")
    names = [name for name, _ in pairs]
    rows: list[Row] = [
        dict(zip(names, values[first : first + len(names)], strict=True)) for first in range(0, len(values), len(names))
    ]
    return Data(dict(pairs), rows)


def _column(parser: Parser) -> tuple[str, str]:
    name = parser.entity("a column")
    parser.sign(":")
    return name, read_kind(parser, KINDS)


def _value(parser: Parser, name: str, kind: str) -> Any:  # noqa: ANN401 - a value of any kind
    """Read a literal of a column's kind, or one that stands for such a value: a whole number, or a GUID as text."""
    found, value = read_literal(parser)
    fitting = convert(value, kind) if (found, kind) in FITTING else value if found == kind else None
    if fitting is None and (value is not None or family(found) != family(kind)):
        raise KqlError(f"{value!r} is no {kind}, which {name} of datatable is")
    return missing(kind) if fitting is None else fitting


FITTING: Final = {("long", "int"), ("long", "real"), ("string", "guid")}
"""Kinds of literals, and of columns that they are converted for."""

Source = Callable[[Parser, Scope], Data]
SOURCES: Final[dict[str, Source]] = {"range": _range, "print": _print, "datatable": _datatable}
