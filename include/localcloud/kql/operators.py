"""The tabular operators, by name: each reads its arguments and makes one table of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from localcloud.kql.aggregates import read_aggregate
from localcloud.kql.data import Data, KqlError, Row, hashable, missing
from localcloud.kql.expressions import Expression, Scope, read, read_condition
from localcloud.kql.parser import Parser


def _where(parser: Parser, data: Data, scope: Scope) -> Data:
    test = read_condition(parser, scope)
    return Data(data.columns, [row for row in data.rows if test.value(row)])


def named(parser: Parser, scope: Scope) -> tuple[str, Expression]:
    """Read `name = expression`, or an expression that has a name of its own."""
    given = parser.assigned()
    binned = parser.is_name("bin", "floor") and parser.peek().value == "("
    column = parser.peek(2).value if binned else None
    found = read(parser, scope)
    name = given or found.column or (column if column in scope.columns else None)
    if name is None:
        raise KqlError(f"{found.text} needs a name here: name = {found.text}")
    return name, found


def _project(parser: Parser, data: Data, scope: Scope) -> Data:
    found = _distinct_names(parser.several(lambda: named(parser, scope)))
    return Data(
        {name: each.kind for name, each in found.items()},
        [{name: each.value(row) for name, each in found.items()} for row in data.rows],
    )


def _distinct_names(pairs: list[tuple[str, Expression]]) -> dict[str, Expression]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise KqlError(f"A column is named twice among {', '.join(name for name, _ in pairs)}")
    return found


def _extend(parser: Parser, data: Data, scope: Scope) -> Data:
    found = _distinct_names(parser.several(lambda: named(parser, scope)))
    return Data(
        data.columns | {name: each.kind for name, each in found.items()},
        [row | {name: each.value(row) for name, each in found.items()} for row in data.rows],
    )


def _project_away(parser: Parser, data: Data, _: Scope) -> Data:
    names = parser.several(lambda: parser.name("a column"))
    data.check(*names)
    return _select(data, {name: name for name in data.columns if name not in names})


def _project_rename(parser: Parser, data: Data, _: Scope) -> Data:
    def pair() -> tuple[str, str]:
        new = parser.assigned()
        if new is None:
            raise parser.expected("new = old")
        return parser.name("a column"), new

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
    names = list(data.columns) if parser.accept("*") else parser.several(lambda: parser.name("a column"))
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
        known = [row for row in rows if key.value(row) is not None]
        nulls = [row for row in rows if key.value(row) is None]
        known.sort(key=key.value, reverse=descending)
        rows = nulls + known if nulls_first else known + nulls
    return Data(data.columns, rows)


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
    return Data(data.columns, data.rows[: parser.count()])


def _top(parser: Parser, data: Data, scope: Scope) -> Data:
    count = parser.count()
    parser.word("by")
    return Data(data.columns, _sorted(parser, data, scope).rows[:count])


def _count(_: Parser, data: Data, __: Scope) -> Data:
    return Data({"Count": "long"}, [{"Count": len(data.rows)}])


def _summarize(parser: Parser, data: Data, scope: Scope) -> Data:
    first = [] if parser.is_name("by") else parser.several(lambda: read_aggregate(parser, data, scope))
    by = parser.several(lambda: named(parser, scope)) if parser.accept_name("by") else []
    keys = _distinct_names(by)
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
}
