"""Expressions that become columns, and the names that these get."""

from __future__ import annotations

from collections.abc import Iterable

from localcloud.kql.data import KqlError
from localcloud.kql.expressions import read
from localcloud.kql.parser import Parser
from localcloud.kql.scope import Expression, Scope


def named(parser: Parser, scope: Scope) -> tuple[str, Expression]:
    """Read `name = expression`, or an expression that has a name of its own.

    Raises:
        KqlError: it has none.
    """
    given = parser.assigned()
    binned = parser.is_name("bin", "floor") and parser.peek().value == "("
    column = parser.quoted(2) or parser.peek(2).value if binned else None
    found = read(parser, scope)
    name = given or found.column or (column if column in scope.columns else None)
    if name is None:
        raise KqlError(f"{found.text} needs a name here: name = {found.text}")
    return name, found


def several_named(parser: Parser, scope: Scope) -> dict[str, Expression]:
    """Read several of these, each of another name.

    Raises:
        KqlError: one has no name, or that of another.
    """
    pairs = parser.several(lambda: named(parser, scope))
    check_distinct(name for name, _ in pairs)
    return dict(pairs)


def read_keys(parser: Parser, scope: Scope) -> dict[str, Expression]:
    """Read `by ...`, if that is next."""
    return several_named(parser, scope) if parser.accept_name("by") else {}


def check_distinct(names: Iterable[str]) -> None:
    """Refuse columns of one name.

    Raises:
        KqlError: there are some.
    """
    found = list(names)
    if len(set(found)) != len(found):
        raise KqlError(f"A column is named twice among {', '.join(found)}")
