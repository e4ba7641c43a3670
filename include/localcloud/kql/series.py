"""`make-series`: what `summarize` has in rows, a bin each, as arrays without gaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from localcloud.kql.aggregates import Aggregate, read_aggregate
from localcloud.kql.data import Data, KqlError, Row, family, hashable
from localcloud.kql.expressions import WHOLE, read_constant
from localcloud.kql.naming import check_distinct, named, read_keys
from localcloud.kql.parser import Parser, known
from localcloud.kql.scope import Expression, Scope
from localcloud.kql.steps import Steps, stepped

FORM: Final = "make-series takes on <column> from <start> to <end> step <step>"

Bins = dict[int, list[Row]]


@dataclass(frozen=True)
class _Series:
    """A number for each bin.

    Attributes:
        name: of the column.
        compute: makes it of a bin's rows.
        default: what a bin without rows has.
    """

    name: str
    compute: Callable[[Sequence[Row]], Row]
    default: Any

    def values(self, bins: Bins, count: int) -> list[Any]:
        return [
            self.compute(bins[number]).get(self.name) if number in bins else self.default for number in range(count)
        ]


def make_series(parser: Parser, data: Data, scope: Scope) -> Data:
    """Make a table with a row for each group, in which arrays are.

    Raises:
        KqlError: it is none that is played here.
    """
    nonempty = _is_nonempty(parser)
    series = parser.several(lambda: _read_series(parser, data, scope))
    parser.word("on")
    axis_name, axis = named(parser, scope)
    steps = _read_steps(parser, scope, axis)
    keys = read_keys(parser, scope)
    if nonempty and keys:
        raise KqlError("make-series kind=nonempty is played without by alone")
    check_distinct([*keys, *(each.name for each in series), axis_name])

    groups: dict[tuple[Any, ...], tuple[Row, Bins]] = _grouped(data, keys, axis, steps)
    if nonempty and not groups:
        groups = {(): ({}, {})}
    columns = {name: key.kind for name, key in keys.items()}
    columns |= dict.fromkeys((*(each.name for each in series), axis_name), "dynamic")
    rows = [
        {name: key.value(first) for name, key in keys.items()}
        | {each.name: each.values(bins, steps.count) for each in series}
        | {axis_name: steps.values()}
        for first, bins in groups.values()
    ]
    return Data(columns, rows)


def _grouped(
    data: Data, keys: Mapping[str, Expression], axis: Expression, steps: Steps
) -> dict[tuple[Any, ...], tuple[Row, Bins]]:
    """Put rows into bins, and these into groups with the first row of each; rows in no bin are left out."""
    groups: dict[tuple[Any, ...], tuple[Row, Bins]] = {}
    for row in data.rows:
        number = steps.number(axis.value(row))
        if number is not None:
            _, bins = groups.setdefault(tuple(hashable(key.value(row)) for key in keys.values()), (row, {}))
            bins.setdefault(number, []).append(row)
    return groups


def _is_nonempty(parser: Parser) -> bool:
    if not parser.is_name("kind"):
        return False
    known(parser.assigned() or "", ("kind",), "Option of make-series")
    known(parser.name("a kind"), ("nonempty",), "Kind of make-series")
    return True


def _read_series(parser: Parser, data: Data, scope: Scope) -> _Series:
    aggregate = read_aggregate(parser, data, scope)
    name = _number_of(aggregate)
    default = 0
    if parser.accept_name("default"):
        parser.sign("=")
        found = read_constant(parser, scope)
        if family(found.kind) != "number":
            raise KqlError(f"{found.text} is {found.kind}; make-series takes a number as default")
        default = found.value({})
    return _Series(name, aggregate.compute, default)


def _number_of(aggregate: Aggregate) -> str:
    """Give the name of an aggregate that is one number."""
    if [family(kind) for kind in aggregate.columns.values()] != ["number"]:
        found = ", ".join(f"{name} is {kind}" for name, kind in aggregate.columns.items())
        raise KqlError(f"make-series takes aggregates that are one number; {found}")
    return next(iter(aggregate.columns))


def _read_steps(parser: Parser, scope: Scope, axis: Expression) -> Steps:
    found = []
    for word in ("from", "to", "step"):
        if not parser.accept_name(word):
            raise KqlError(f"{FORM}: {word} is missing")
        found.append(read_constant(parser, scope))
    start, end, step = found
    steps = stepped("make-series", start, end, step, inclusive=False)
    if family(axis.kind) != family(steps.kind) or (axis.kind in WHOLE and steps.kind == "real"):
        raise KqlError(f"{axis.text} is {axis.kind}; make-series goes by steps of {steps.kind} on it")
    if not steps.count:
        raise KqlError(f"make-series from {start.text} to {end.text} has no bins")
    return steps
