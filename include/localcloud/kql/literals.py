"""Values written out in a query: those of `datatable`, and the JSON in `dynamic(...)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from localcloud.kql.parser import Parser, known

T = TypeVar("T")

KINDS: Final = {"text": "string", "int": "long", "real": "real", "span": "timespan", "moment": "datetime"}
"""The kinds of literals, by kind of word."""
TRUTHS: Final = {"true": True, "false": False}
ALIASES: Final = {"double": "real", "boolean": "bool", "date": "datetime", "time": "timespan"}
"""Second names of kinds."""


def read_kind(parser: Parser, kinds: Iterable[str]) -> str:
    """Read the name of a kind that is one of these.

    Raises:
        KqlError: it is none of them.
    """
    name = parser.name("a type")
    return known(ALIASES.get(name, name), kinds, "Type")


def read_literal(parser: Parser) -> tuple[str, Any]:
    """Read a literal, and give its kind and value.

    Raises:
        KqlError: something else is there.
    """
    if parser.accept("-"):
        if parser.current.kind not in ("int", "real", "span"):
            raise parser.expected("a number or a time span")
        return KINDS[parser.current.kind], -parser.next().value
    token = parser.current
    if token.kind in KINDS:
        return KINDS[token.kind], parser.next().value
    if token.kind == "null":
        return str(parser.next().value), None
    truth = parser.accept_name(*TRUTHS)
    if truth is not None:
        return "bool", TRUTHS[truth]
    if parser.accept_name("dynamic"):
        return "dynamic", read_dynamic(parser)
    raise parser.expected("a literal")


def read_dynamic(parser: Parser) -> Any:  # noqa: ANN401 - JSON
    """Read what stands behind `dynamic`: JSON in parentheses, in which other literals may be.

    Raises:
        KqlError: it is not JSON.
    """
    parser.sign("(")
    value = _json(parser)
    parser.sign(")")
    return value


def _json(parser: Parser) -> Any:  # noqa: ANN401 - JSON
    if parser.accept("["):
        return _rest(parser, "]", lambda: _json(parser))
    if parser.accept("{"):
        return dict(_rest(parser, "}", lambda: _member(parser)))
    if parser.accept_name("null"):
        return None
    return read_literal(parser)[1]


def _rest(parser: Parser, closing: str, one: Callable[[], T]) -> list[T]:
    found = [] if parser.is_sign(closing) else parser.several(one)
    parser.sign(closing)
    return found


def _member(parser: Parser) -> tuple[str, Any]:
    if parser.current.kind != "text":
        raise parser.expected("a property's name as text")
    name = str(parser.next().value)
    parser.sign(":")
    return name, _json(parser)
