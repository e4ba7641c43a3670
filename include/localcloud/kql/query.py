"""Whole queries: `let` statements, then a table with operators behind it; and functions, saved or of the query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from localcloud.kql.data import Catalog, Data, KqlError, Row, missing
from localcloud.kql.expressions import read_constant
from localcloud.kql.functions import NAMES
from localcloud.kql.lexer import Token
from localcloud.kql.literals import TRUTHS
from localcloud.kql.operators import OPERATORS, ROW_OPERATORS, Operator
from localcloud.kql.parser import Parser, known
from localcloud.kql.scope import Expression, Scope
from localcloud.kql.sources import SOURCES
from localcloud.store import UnknownTableError

DEEPEST: Final = 16
"""How many saved functions may call one another."""
UNION: Final = "union"
PARTED: Final = frozenset(name.split("-", maxsplit=1)[0] for name in OPERATORS if "-" in name)
"""What the names of operators begin with that have a dash in them."""

__all__ = ["ROW_OPERATORS", "run", "transform"]


def run(kql: str, catalog: Catalog) -> list[Row]:
    """Run a query.

    Raises:
        KqlError: the query has an unknown operator, function or column, or is malformed.
        UnknownTableError: the catalog has no such table.
    """
    return _Query(catalog, datetime.now(UTC)).run(kql).dump()


def transform(kql: str, source: Data) -> Data:
    """Run a query that begins with `source` and looks at one row at a time.

    Raises:
        KqlError: it does anything else.
    """
    return _Query(_Source(source), datetime.now(UTC), operators=ROW_OPERATORS).run(kql)


class _Source:
    """The one table of a transformation."""

    def __init__(self, data: Data) -> None:
        self._data = data

    def table(self, name: str) -> Data:
        if name != "source":
            raise KqlError(f"A transformation begins with source, not with {name}")
        return self._data

    def function(self, name: str) -> str | None:
        del name
        return None


@dataclass(frozen=True)
class _Names:
    """What `let` named: values, tables, and which of the tables are called as functions."""

    values: dict[str, Expression]
    tables: dict[str, Data]
    functions: set[str]


class _Query:
    """One text with names of its own; a saved function that it calls is another."""

    def __init__(
        self,
        catalog: Catalog,
        now: datetime,
        *,
        operators: Mapping[str, Operator] = OPERATORS,
        depth: int = 0,
        names: _Names | None = None,
    ) -> None:
        self._catalog = catalog
        self._now = now
        self._operators = operators
        self._depth = depth
        self._names = names or _Names({}, {}, set())

    def run(self, kql: str) -> Data:
        """Run all statements and give what the last one has."""
        parser = Parser(kql)
        data = self.read(parser)
        if not parser.at_end():
            raise parser.expected("|")
        return data

    def read(self, parser: Parser) -> Data:
        """Run statements that something may follow."""
        while parser.accept_name("let"):
            self._let(parser)
            parser.sign(";")
        data = self._pipeline(parser)
        parser.accept(";")
        return data

    def _let(self, parser: Parser) -> None:
        name = parser.assigned()
        if name is None:
            raise parser.expected("let name = ...")
        self._names.functions.discard(name)
        if self._begins_a_function(parser):
            self._names.tables[name] = self._function(parser)
            self._names.functions.add(name)
        elif parser.accept_name("materialize"):
            self._names.tables[name] = self._parenthesised(parser)
        elif self._begins_a_table(parser):
            self._names.tables[name] = self._pipeline(parser)
        else:
            found = read_constant(parser, self._scope(Data({}, [])))
            self._names.values[name] = Expression(found.kind, name, found.value)

    @staticmethod
    def _begins_a_function(parser: Parser) -> bool:
        second, third = parser.peek(1), parser.peek(2)
        empty = second == Token("sign", ")")
        return parser.is_sign("(") and (empty or (second.kind == "name" and third == Token("sign", ":")))

    def _function(self, parser: Parser) -> Data:
        """Run the body of a function, which sees what was named before it, and whose own names end with it."""
        parser.sign("(")
        if not parser.accept(")"):
            raise KqlError("A function that let names takes no parameters here: let name = () { ... }")
        parser.sign("{")
        names = _Names(dict(self._names.values), dict(self._names.tables), set(self._names.functions))
        data = _Query(self._catalog, self._now, operators=self._operators, depth=self._depth, names=names).read(parser)
        parser.sign("}")
        return data

    def _begins_a_table(self, parser: Parser) -> bool:
        ahead = 0
        while parser.peek(ahead) == Token("sign", "("):
            ahead += 1
        token = parser.peek(ahead)
        quoted = parser.quoted(ahead)
        name = quoted if quoted is not None else token.value if token.kind == "name" else None
        return name is not None and name not in (*NAMES, *TRUTHS, *self._names.values)

    @property
    def _whole(self) -> bool:
        """Whether this is a query, not a transformation."""
        return self._operators is OPERATORS

    def _scope(self, data: Data) -> Scope:
        source = self._source if self._whole else _no_source
        return Scope(data.columns, self._names.values, self._now, source, data.ingested)

    def _pipeline(self, parser: Parser) -> Data:
        data = self._source(parser)
        while parser.accept("|"):
            name = parser.name("an operator")
            if name in PARTED and parser.accept("-"):
                name = f"{name}-{parser.name('an operator')}"
            if name == UNION and self._whole:
                data = self._union(parser, [data])
                continue
            data = self._operators[known(name, self._operators, "Operator")](parser, data, self._scope(data))
        return data

    def _source(self, parser: Parser) -> Data:
        if parser.is_sign("("):
            return self._parenthesised(parser)
        if self._whole and parser.accept_name(UNION):
            return self._union(parser, [])
        own = parser.accept_name(*SOURCES) if self._whole else None
        if own is not None:
            return SOURCES[own](parser, self._scope(Data({}, [])))
        if parser.is_name("materialize"):
            raise KqlError("materialize(...) stands behind let name = alone")
        name = parser.entity("a table")
        called = parser.accept("(")
        if called:
            parser.sign(")")
        return self._named(name, called=called)

    def _parenthesised(self, parser: Parser) -> Data:
        parser.sign("(")
        data = self._pipeline(parser)
        parser.sign(")")
        return data

    def _named(self, name: str, *, called: bool) -> Data:
        if name in self._names.tables and (not called or name in self._names.functions):
            return self._names.tables[name]
        body = self._catalog.function(name)
        if body is None and called:
            raise KqlError(f"There is no function {name}()")
        if body is None:
            return self._catalog.table(name)
        if self._depth == DEEPEST:
            raise KqlError(f"{name}() calls itself, or too many others")
        return _Query(self._catalog, self._now, operators=self._operators, depth=self._depth + 1).run(body)

    def _union(self, parser: Parser, parts: list[Data]) -> Data:
        fuzzy = self._is_fuzzy(parser)
        absent: list[UnknownTableError] = []

        def part() -> Data | None:
            mark = parser.mark()
            try:
                return self._source(parser)
            except UnknownTableError as error:
                if not fuzzy:
                    raise
                absent.append(error)
                parser.skip_part(mark)
                return None

        found = [*parts, *(data for data in parser.several(part) if data is not None)]
        if not found:
            raise absent[0]
        return _united(found)

    @staticmethod
    def _is_fuzzy(parser: Parser) -> bool:
        option = parser.assigned()
        if option is None:
            return False
        known(option, ("isfuzzy",), "Option of union")
        value = parser.accept_name(*TRUTHS)
        if value is None:
            raise parser.expected("true or false")
        return TRUTHS[value]


def _no_source(_: Parser) -> Data:
    raise KqlError("A transformation looks at one row at a time: it takes no toscalar")


def _united(parts: list[Data]) -> Data:
    """Put tables below one another, with the columns of all."""
    columns: dict[str, str] = {}
    for part in parts:
        for name, kind in part.columns.items():
            if columns.setdefault(name, kind) != kind:
                raise KqlError(f"{name} is {columns[name]} in one table of the union and {kind} in another")
    empty: dict[str, Any] = {name: missing(kind) for name, kind in columns.items()}
    rows = [empty | row for part in parts for row in part.rows]
    return Data(columns, rows, ingested=any(part.ingested for part in parts))
