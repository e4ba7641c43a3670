"""Whole queries: `let` statements, then a table with operators behind it; and the functions that are saved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from localcloud.kql.data import Catalog, Data, KqlError, Row, missing
from localcloud.kql.expressions import Expression, Scope, read
from localcloud.kql.functions import NAMES
from localcloud.kql.operators import OPERATORS, ROW_OPERATORS, Operator
from localcloud.kql.parser import Parser, known
from localcloud.store import UnknownTableError

DEEPEST: Final = 16
"""How many saved functions may call one another."""
UNION: Final = "union"
LITERALS: Final = ("true", "false")

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


class _Query:
    """One text with names of its own; a saved function that it calls is another."""

    def __init__(
        self, catalog: Catalog, now: datetime, *, operators: Mapping[str, Operator] = OPERATORS, depth: int = 0
    ) -> None:
        self._catalog = catalog
        self._now = now
        self._operators = operators
        self._depth = depth
        self._values: dict[str, Expression] = {}
        self._tables: dict[str, Data] = {}

    def run(self, kql: str) -> Data:
        """Run all statements and give what the last one has."""
        parser = Parser(kql)
        while parser.accept_name("let"):
            self._let(parser)
            parser.sign(";")
        data = self._pipeline(parser)
        parser.accept(";")
        if not parser.at_end():
            raise parser.expected("|")
        return data

    def _let(self, parser: Parser) -> None:
        name = parser.assigned()
        if name is None:
            raise parser.expected("let name = ...")
        if self._begins_a_table(parser):
            self._tables[name] = self._pipeline(parser)
            return
        found = read(parser, self._scope(Data({}, [])))
        value = found.value({})
        self._values[name] = Expression(found.kind, name, lambda _: value)

    def _begins_a_table(self, parser: Parser) -> bool:
        ahead = 0
        while parser.peek(ahead).value == "(" and parser.peek(ahead).kind == "sign":
            ahead += 1
        token = parser.peek(ahead)
        return token.kind == "name" and token.value not in (*NAMES, *LITERALS, *self._values)

    def _scope(self, data: Data) -> Scope:
        return Scope(data.columns, self._values, self._now)

    def _pipeline(self, parser: Parser) -> Data:
        data = self._source(parser)
        while parser.accept("|"):
            name = parser.name("an operator")
            if name == "project" and parser.accept("-"):
                name = f"project-{parser.name('an operator')}"
            if name == UNION and self._operators is OPERATORS:
                data = self._union(parser, [data])
                continue
            data = self._operators[known(name, self._operators, "Operator")](parser, data, self._scope(data))
        return data

    def _source(self, parser: Parser) -> Data:
        if parser.accept("("):
            data = self._pipeline(parser)
            parser.sign(")")
            return data
        name = parser.name("a table")
        if name == UNION and self._operators is OPERATORS:
            return self._union(parser, [])
        called = parser.accept("(")
        if called:
            parser.sign(")")
        return self._named(name, called=called)

    def _named(self, name: str, *, called: bool) -> Data:
        if name in self._tables and not called:
            return self._tables[name]
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
        value = parser.accept_name(*LITERALS)
        if value is None:
            raise parser.expected("true or false")
        return value == "true"


def _united(parts: list[Data]) -> Data:
    """Put tables below one another, with the columns of all."""
    columns: dict[str, str] = {}
    for part in parts:
        for name, kind in part.columns.items():
            if columns.setdefault(name, kind) != kind:
                raise KqlError(f"{name} is {columns[name]} in one table of the union and {kind} in another")
    empty: dict[str, Any] = {name: missing(kind) for name, kind in columns.items()}
    return Data(columns, [empty | row for part in parts for row in part.rows])
