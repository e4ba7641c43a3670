"""A small, strict part of the Kusto Query Language, enough to ask what the workspace holds.

    Table
    | where Column == "text" and Other_d >= 5 and Status_s in ("Active", "Inactive")
    | project user_s, key = AccessKeyId_s
    | distinct user_s
    | sort by user_s asc, KeyAgeDays_d desc
    | take 10
    | count
    | summarize keys = count(), newest = max(CreateDate_t) by user_s
    | summarize arg_max(SnapshotTime_t, *) by RecordId_s

Operators are those of Kusto, case-sensitive; anything else is refused with a message that says what there is.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

TOKEN = re.compile(
    r"\s+|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)(?P<unit>[dhms]\b)?"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>==|!=|<=|>=|=~|!~|[<>=|,()*])"
)
DATE = re.compile(r"datetime\(\s*([0-9][^)]*?)\s*\)")
UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
OPERATORS = ("where", "project", "distinct", "sort", "order", "take", "limit", "count", "summarize")
AGGREGATES = ("count", "dcount", "min", "max", "sum", "arg_max", "arg_min")

Row = dict[str, Any]


class KqlError(ValueError):
    """The query is not one that this part of Kusto understands, or names what is not there."""


@dataclass(frozen=True)
class Token:
    """One word of a query: its kind (text, number, span, name, sign, end) and value."""

    kind: str
    value: Any


def table_of(kql: str) -> str:
    """Name the table that a query begins with.

    Raises:
        KqlError: it does not begin with one.
    """
    return str(_Parser(kql).name("a table"))


def run(kql: str, columns: dict[str, str], rows: Iterable[Row]) -> list[Row]:
    """Run a query on the rows of its table.

    Args:
        kql: the query.
        columns: the table's columns and their types, as the store names them.
        rows: the table's rows, each with every column.

    Raises:
        KqlError: the query has an unknown operator, function or column.
    """
    parser = _Parser(kql)
    parser.name("a table")
    data = Data(dict(columns), [dict(row) for row in rows])
    while not parser.at_end():
        parser.sign("|")
        name = parser.name("an operator")
        if name not in OPERATORS:
            raise KqlError(f"Operator {name} is not played here; there are {', '.join(OPERATORS)}")
        data = STEPS[name](parser, data)
    return data.rows


@dataclass(frozen=True)
class Data:
    """A table between two operators."""

    columns: dict[str, str]
    rows: list[Row]

    def check(self, *names: str) -> None:
        """Refuse a column that the table does not have."""
        for name in names:
            if name not in self.columns:
                raise KqlError(f"There is no column {name}; there are {', '.join(self.columns)}")


class _Parser:
    def __init__(self, kql: str) -> None:
        self._tokens = list(_tokens(kql))
        self._position = 0

    @property
    def current(self) -> Token:
        return self._tokens[self._position]

    def next(self) -> Token:
        token = self.current
        self._position = min(self._position + 1, len(self._tokens) - 1)
        return token

    def at_end(self) -> bool:
        return self.current.kind == "end"

    def is_sign(self, sign: str) -> bool:
        return self.current == Token("sign", sign)

    def accept(self, sign: str) -> bool:
        if not self.is_sign(sign):
            return False
        self.next()
        return True

    def accept_name(self, *names: str) -> str | None:
        if self.current.kind == "name" and self.current.value in names:
            return str(self.next().value)
        return None

    def sign(self, sign: str) -> None:
        if not self.accept(sign):
            raise KqlError(f"Expected {sign}, found {self.current.value!r}")

    def name(self, what: str) -> str:
        if self.current.kind != "name":
            raise KqlError(f"Expected {what}, found {self.current.value!r}")
        return str(self.next().value)

    def names(self) -> list[str]:
        found = [self.name("a column")]
        while self.accept(","):
            found.append(self.name("a column"))
        return found

    def number(self) -> int:
        token = self.next()
        if token.kind != "number" or token.value != int(token.value) or token.value < 0:
            raise KqlError(f"Expected a number of rows, found {token.value!r}")
        return int(token.value)

    def literal(self) -> Any:  # noqa: ANN401 - a literal of any type
        token = self.next()
        if token.kind in ("text", "number"):
            return token.value
        if token.kind == "name" and token.value in ("true", "false"):
            return token.value == "true"
        if token.kind == "name" and token.value in ("datetime", "ago", "now"):
            return self._moment(str(token.value))
        raise KqlError(f"Expected a literal, found {token.value!r}")

    def _moment(self, function: str) -> datetime:
        self.sign("(")
        moment = datetime.now(UTC)
        if function == "ago":
            span = self.next()
            if span.kind != "span":
                raise KqlError("ago() takes a time span such as 1d, 12h, 5m or 30s")
            moment -= span.value
        elif function == "datetime":
            moment = _date(str(self.next().value))
        self.sign(")")
        return moment


def _tokens(kql: str) -> Iterable[Token]:
    position = 0
    while position < len(kql):
        dated = DATE.match(kql, position)
        if dated:
            yield from (Token("name", "datetime"), Token("sign", "("), Token("text", dated[1]), Token("sign", ")"))
            position = dated.end()
            continue
        found = TOKEN.match(kql, position)
        if not found:
            raise KqlError(f"Cannot read the query from {kql[position : position + 20]!r} on")
        position = found.end()
        yield from _token(found)
    yield Token("end", "the end of the query")


def _token(found: re.Match[str]) -> Iterable[Token]:
    if found["text"]:
        yield Token("text", re.sub(r"\\(.)", r"\1", found["text"][1:-1]))
    elif found["number"] and found["unit"]:
        yield Token("span", float(found["number"]) * UNITS[found["unit"]])
    elif found["number"]:
        yield Token("number", float(found["number"]))
    elif found["name"]:
        yield Token("name", found["name"])
    elif found["sign"]:
        yield Token("sign", found["sign"])


def _date(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise KqlError(f"datetime({text}) is not ISO 8601") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(left: Any, right: Any) -> bool:  # noqa: ANN401
        return left is not None and compare(left, right)

    return test


def _text(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def test(left: Any, right: Any) -> bool:  # noqa: ANN401
        return compare(str(left or "").lower(), str(right).lower())

    return test


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "=~": _text(operator.eq),
    "!~": _text(operator.ne),
    "contains": _text(lambda left, right: right in left),
    "startswith": _text(str.startswith),
    "endswith": _text(str.endswith),
}
TESTS: dict[str, Callable[[Any], bool]] = {
    "isnull": lambda value: value is None,
    "isnotnull": lambda value: value is not None,
    "isempty": lambda value: value in (None, ""),
    "isnotempty": lambda value: value not in (None, ""),
}


def _where(parser: _Parser, data: Data) -> Data:
    rows = data.rows
    while True:
        test = _condition(parser, data)
        rows = [row for row in rows if test(row)]
        if not parser.accept_name("and"):
            return Data(data.columns, rows)


def _condition(parser: _Parser, data: Data) -> Callable[[Row], bool]:
    name = parser.name("a column")
    if name in TESTS and parser.accept("("):
        column = parser.name("a column")
        data.check(column)
        parser.sign(")")
        return lambda row: TESTS[name](row[column])
    data.check(name)
    if parser.accept_name("in"):
        wanted = _list(parser)
        _check_types(data, name, wanted)
        return lambda row: _value(row, name, data) in wanted
    compare = _comparison(parser)
    right = parser.literal()
    _check_types(data, name, [right])
    return lambda row: compare(_value(row, name, data), right)


def _comparison(parser: _Parser) -> Callable[[Any, Any], bool]:
    token = parser.next()
    if token.value not in COMPARISONS:
        raise KqlError(f"Comparison {token.value!r} is not played here; there are {', '.join(COMPARISONS)}, in")
    return COMPARISONS[token.value]


def _list(parser: _Parser) -> list[Any]:
    parser.sign("(")
    values = [parser.literal()]
    while parser.accept(","):
        values.append(parser.literal())
    parser.sign(")")
    return values


KINDS: dict[str, type] = {"string": str, "guid": str, "datetime": datetime, "real": float, "bool": bool}


def _check_types(data: Data, column: str, literals: Sequence[object]) -> None:
    kind = data.columns[column]
    for literal in literals:
        if not isinstance(literal, KINDS[kind]):
            raise KqlError(f"{column} is {kind}, which does not compare with {literal!r}")


def _value(row: Row, column: str, data: Data) -> Any:  # noqa: ANN401
    value = row[column]
    if value is None:
        return "" if KINDS[data.columns[column]] is str else None
    return _date(value) if data.columns[column] == "datetime" else value


def _project(parser: _Parser, data: Data) -> Data:
    pairs: list[tuple[str, str]] = []
    while True:
        name = source = parser.name("a column")
        if parser.accept("="):
            source = parser.name("a column")
        data.check(source)
        pairs.append((name, source))
        if not parser.accept(","):
            break
    rows = [{name: row[source] for name, source in pairs} for row in data.rows]
    return Data({name: data.columns[source] for name, source in pairs}, rows)


def _distinct(parser: _Parser, data: Data) -> Data:
    names = parser.names()
    data.check(*names)
    seen = {tuple(row[name] for name in names): None for row in data.rows}
    columns = {name: data.columns[name] for name in names}
    return Data(columns, [dict(zip(names, values, strict=True)) for values in seen])


def _sort(parser: _Parser, data: Data) -> Data:
    if not parser.accept_name("by"):
        raise KqlError("sort by <column> [asc|desc], ...")
    orders: list[tuple[str, bool]] = []
    while True:
        name = parser.name("a column")
        data.check(name)
        orders.append((name, parser.accept_name("asc", "desc") != "asc"))
        if not parser.accept(","):
            break
    rows = list(data.rows)
    for name, descending in reversed(orders):
        rows.sort(key=lambda row: _sortable(_value(row, name, data)), reverse=descending)
    return Data(data.columns, rows)


def _sortable(value: Any) -> tuple[bool, Any]:  # noqa: ANN401
    return (value is not None, value if value is not None else 0)


def _take(parser: _Parser, data: Data) -> Data:
    return Data(data.columns, data.rows[: parser.number()])


def _count(_: _Parser, data: Data) -> Data:
    return Data({"Count": "real"}, [{"Count": len(data.rows)}])


@dataclass(frozen=True)
class _Aggregate:
    name: str
    function: str
    column: str | None


def _summarize(parser: _Parser, data: Data) -> Data:
    aggregates = [_aggregate(parser, data)]
    while parser.accept(","):
        aggregates.append(_aggregate(parser, data))
    keys = parser.names() if parser.accept_name("by") else []
    data.check(*keys)
    groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
    for row in data.rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    columns = {key: data.columns[key] for key in keys}
    for aggregate in aggregates:
        columns |= _columns(aggregate, data)
    rows = [
        dict(zip(keys, values, strict=True)) | _results(aggregates, group, data) for values, group in groups.items()
    ]
    return Data(columns, rows)


def _aggregate(parser: _Parser, data: Data) -> _Aggregate:
    name = function = parser.name("an aggregate")
    named = parser.accept("=")
    if named:
        function = parser.name("an aggregate")
    if function not in AGGREGATES:
        raise KqlError(f"Aggregate {function} is not played here; there are {', '.join(AGGREGATES)}")
    parser.sign("(")
    column = None if function == "count" else parser.name("a column")
    if column is not None:
        data.check(column)
    if function.startswith("arg_"):
        parser.sign(",")
        parser.sign("*")
    parser.sign(")")
    default = f"{function}_{column or ''}"
    return _Aggregate(name if named else default, function, column)


def _columns(aggregate: _Aggregate, data: Data) -> dict[str, str]:
    if aggregate.function.startswith("arg_"):
        return data.columns
    if aggregate.function in ("min", "max") and aggregate.column:
        return {aggregate.name: data.columns[aggregate.column]}
    return {aggregate.name: "real"}


def _results(aggregates: Sequence[_Aggregate], rows: list[Row], data: Data) -> Row:
    result: Row = {}
    for aggregate in aggregates:
        result |= _result(aggregate, rows, data)
    return result


def _result(aggregate: _Aggregate, rows: list[Row], data: Data) -> Row:
    column = aggregate.column
    if column is None:
        return {aggregate.name: len(rows)}

    def value(row: Row) -> tuple[bool, Any]:
        return _sortable(_value(row, column, data))

    present = [row for row in rows if row[column] is not None]
    if aggregate.function.startswith("arg_"):
        return max(rows, key=value) if aggregate.function == "arg_max" else min(rows, key=value)
    if aggregate.function == "dcount":
        return {aggregate.name: len({row[column] for row in present})}
    if aggregate.function == "sum":
        return {aggregate.name: sum(row[column] for row in present)}
    choose = max if aggregate.function == "max" else min
    return {aggregate.name: choose(present, key=value)[column] if present else None}


STEPS: dict[str, Callable[[_Parser, Data], Data]] = {
    "where": _where,
    "project": _project,
    "distinct": _distinct,
    "sort": _sort,
    "order": _sort,
    "take": _take,
    "limit": _take,
    "count": _count,
    "summarize": _summarize,
}
