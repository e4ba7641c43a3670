"""What `summarize` makes of the rows of a group."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from localcloud.kql.data import Data, KqlError, Row, family, hashable
from localcloud.kql.expressions import read, read_condition
from localcloud.kql.parser import Parser, known
from localcloud.kql.scope import Expression, Scope

SIMPLE: Final = ("dcount", "min", "max", "sum", "avg", "make_list", "make_set")
EXTREMES: Final = ("arg_max", "arg_min")
AGGREGATES: Final = ("count", "countif", "dcountif", *SIMPLE, *EXTREMES)
OF_NUMBERS: Final = ("sum", "avg")
OF_ORDERED: Final = ("min", "max")
PREFIXES: Final = {"make_list": "list", "make_set": "set"}
"""How the result is called, where that is not like the function."""
KINDS: Final = {"dcount": "long", "avg": "real", "make_list": "dynamic", "make_set": "dynamic"}
"""The result's kind, where that is not the argument's."""


@dataclass(frozen=True)
class Aggregate:
    """Columns of the result, with their kinds, and how they come from a group's rows; one left out is null."""

    columns: dict[str, str]
    compute: Callable[[Sequence[Row]], Row]


def read_aggregate(parser: Parser, data: Data, scope: Scope) -> Aggregate:
    """Read one aggregate, with its name if it has one.

    Raises:
        KqlError: there is none of that name, or its arguments are others.
    """
    given = parser.assigned()
    function = known(parser.name("an aggregate"), AGGREGATES, "Aggregate")
    parser.sign("(")
    if function == "count":
        found = _counted(given or "count_", None)
    elif function == "countif":
        test = read_condition(parser, scope)
        found = _counted(given or f"countif_{test.column or ''}", test)
    elif function == "dcountif":
        of = read(parser, scope)
        parser.sign(",")
        found = _distinct_if(given, of, read_condition(parser, scope))
    elif function in EXTREMES:
        found = _extreme(parser, data, scope, given, largest=function == "arg_max")
    else:
        found = _simple(function, given, read(parser, scope))
    parser.sign(")")
    return found


def _counted(name: str, test: Expression | None) -> Aggregate:
    return Aggregate(
        {name: "long"}, lambda rows: {name: len(rows) if test is None else sum(bool(test.value(row)) for row in rows)}
    )


def _distinct_if(given: str | None, of: Expression, test: Expression) -> Aggregate:
    counted = _simple("dcount", given or f"dcountif_{of.column or ''}", of)
    return Aggregate(counted.columns, lambda rows: counted.compute([row for row in rows if test.value(row)]))


def _simple(function: str, given: str | None, of: Expression) -> Aggregate:
    name = given or f"{PREFIXES.get(function, function)}_{of.column or ''}"
    unordered = function in OF_ORDERED and of.kind == "dynamic"
    if unordered or (function in OF_NUMBERS and family(of.kind) != "number"):
        raise KqlError(f"{of.text} is {of.kind}, which has no {function}")
    compute = COMPUTE[function]

    def value(rows: Sequence[Row]) -> Row:
        found = compute([each for row in rows if (each := of.value(row)) is not None])
        return {} if found is None else {name: found}

    return Aggregate({name: KINDS.get(function, of.kind)}, value)


def _average(values: list[Any]) -> float:
    """Give the mean, which is no number if there are no values: that is how Kusto divides by zero here."""
    return sum(values) / len(values) if values else math.nan


def _set(values: list[Any]) -> list[Any]:
    """Give each value once; of arrays, each element."""
    each = (element for value in values for element in (value if isinstance(value, list) else [value]))
    return list({hashable(element): element for element in each}.values())


COMPUTE: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "dcount": lambda values: len({hashable(value) for value in values}),
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "sum": sum,
    "avg": _average,
    "make_list": list,
    "make_set": _set,
}


def _extreme(parser: Parser, data: Data, scope: Scope, given: str | None, *, largest: bool) -> Aggregate:
    by = read(parser, scope)
    parser.sign(",")
    name = given or by.column
    if name is None:
        raise parser.expected("a name for what is not a column")
    if parser.accept("*"):
        kept = [column for column in data.columns if column != name]
    else:
        kept = parser.several(lambda: parser.entity("a column"))
        data.check(*kept)

    def value(rows: Sequence[Row]) -> Row:
        if not rows:
            return {}
        valued = [(each, row) for row in rows if (each := by.value(row)) is not None]
        choose = max if largest else min
        best, chosen = choose(valued, key=lambda pair: pair[0]) if valued else (None, rows[0])
        return {name: best} | {column: chosen[column] for column in kept}

    return Aggregate({name: by.kind} | {column: data.columns[column] for column in kept}, value)
