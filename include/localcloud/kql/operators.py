"""The tabular operators, by name: each reads its arguments and makes one table of another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from localcloud.kql.aggregates import read_aggregate
from localcloud.kql.data import Data, KqlError, Row, hashable, missing
from localcloud.kql.expansion import mv_expand
from localcloud.kql.expressions import read, read_condition
from localcloud.kql.joins import join, lookup
from localcloud.kql.naming import read_keys, several_named
from localcloud.kql.parser import Parser
from localcloud.kql.rendering import render
from localcloud.kql.scope import Expression, Scope
from localcloud.kql.series import make_series


def _where(parser: Parser, data: Data, scope: Scope) -> Data:
    test = read_condition(parser, scope)
    return data.having([row for row in data.rows if test.value(row)])


def _project(parser: Parser, data: Data, scope: Scope) -> Data:
    found = several_named(parser, scope)
    return Data(
        {name: each.kind for name, each in found.items()},
        [{name: each.value(row) for name, each in found.items()} for row in data.rows],
    )


def _extend(parser: Parser, data: Data, scope: Scope) -> Data:
    found = several_named(parser, scope)
    return data.having(
        [row | {name: each.value(row) for name, each in found.items()} for row in data.rows],
        {name: each.kind for name, each in found.items()},
    )


def _project_away(parser: Parser, data: Data, _: Scope) -> Data:
    names = parser.several(lambda: parser.entity("a column"))
    data.check(*names)
    return _select(data, {name: name for name in data.columns if name not in names})


def _project_rename(parser: Parser, data: Data, _: Scope) -> Data:
    def pair() -> tuple[str, str]:
        new = parser.assigned()
        if new is None:
            raise parser.expected("new = old")
        return parser.entity("a column"), new

    renamed = dict(parser.several(pair))
    data.check(*renamed)
    sources = {renamed.get(name, name): name for name in data.columns}
    if len(sources) != len(data.columns):
        raise KqlError(f"project-rename would leave two columns of one name: {', '.join(renamed.values())}")
    return _select(data, sources)


def _select(data: Data, sources: dict[str, str]) -> Data:
    """Keep some columns, under new names."""
    return Data(
        {name: data.columns[source] for name, source in sources.items()},
        [{name: row[source] for name, source in sources.items()} for row in data.rows],
    )


def _distinct(parser: Parser, data: Data, _: Scope) -> Data:
    names = list(data.columns) if parser.accept("*") else parser.several(lambda: parser.entity("a column"))
    data.check(*names)
    seen: dict[tuple[Any, ...], Row] = {}
    for row in data.rows:
        seen.setdefault(tuple(hashable(row[name]) for name in names), {name: row[name] for name in names})
    return Data({name: data.columns[name] for name in names}, list(seen.values()))


def _sort(parser: Parser, data: Data, scope: Scope) -> Data:
    if not parser.accept_name("by"):
        raise KqlError("sort by <expression> [asc|desc] [nulls first|nulls last], ...")
    return _sorted(parser, data, scope)


def _sorted(parser: Parser, data: Data, scope: Scope) -> Data:
    rows = list(data.rows)
    for key, descending, nulls_first in reversed(parser.several(lambda: _order(parser, scope))):
        nulls = [row for row in rows if key.value(row) is None]
        no_numbers = [row for row in rows if _is_nan(key.value(row))]
        known = [row for row in rows if not (key.value(row) is None or _is_nan(key.value(row)))]
        known.sort(key=key.value, reverse=descending)
        rows = nulls + no_numbers + known if nulls_first else known + no_numbers + nulls
    return data.having(rows)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _order(parser: Parser, scope: Scope) -> tuple[Expression, bool, bool]:
    """Read one key, whether it descends, and whether nulls come first: they do when it ascends, unless told."""
    key = read(parser, scope)
    if key.kind == "dynamic":
        raise KqlError(f"{key.text} is dynamic, which has no order")
    descending = parser.accept_name("asc", "desc") != "asc"
    if not parser.accept_name("nulls"):
        return key, descending, not descending
    place = parser.accept_name("first", "last")
    if place is None:
        raise parser.expected("first or last")
    return key, descending, place == "first"


def _take(parser: Parser, data: Data, _: Scope) -> Data:
    return data.having(data.rows[: parser.count()])


def _top(parser: Parser, data: Data, scope: Scope) -> Data:
    count = parser.count()
    parser.word("by")
    return data.having(_sorted(parser, data, scope).rows[:count])


def _count(_: Parser, data: Data, __: Scope) -> Data:
    return Data({"Count": "long"}, [{"Count": len(data.rows)}])


def _summarize(parser: Parser, data: Data, scope: Scope) -> Data:
    first = [] if parser.is_name("by") else parser.several(lambda: read_aggregate(parser, data, scope))
    keys = read_keys(parser, scope)
    groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
    for row in data.rows:
        groups.setdefault(tuple(hashable(key.value(row)) for key in keys.values()), []).append(row)
    columns = {name: key.kind for name, key in keys.items()}
    for aggregate in first:
        columns |= {name: kind for name, kind in aggregate.columns.items() if name not in keys}
    rows = []
    for group in groups.values():
        result = {name: missing(kind) for name, kind in columns.items()}
        for aggregate in first:
            result |= aggregate.compute(group)
        rows.append(result | {name: key.value(group[0]) for name, key in keys.items()})
    return Data(columns, rows)


Operator = Callable[[Parser, Data, Scope], Data]
ROW_OPERATORS: Final[dict[str, Operator]] = {
    "where": _where,
    "filter": _where,
    "project": _project,
    "project-away": _project_away,
    "project-rename": _project_rename,
    "extend": _extend,
}
"""What looks at one row at a time."""
OPERATORS: Final[dict[str, Operator]] = ROW_OPERATORS | {
    "distinct": _distinct,
    "sort": _sort,
    "order": _sort,
    "take": _take,
    "limit": _take,
    "top": _top,
    "count": _count,
    "summarize": _summarize,
    "make-series": make_series,
    "mv-expand": mv_expand,
    "lookup": lookup,
    "join": join,
    "render": render,
}
