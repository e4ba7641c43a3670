"""`render`: how a client is to draw the result, which stays as it is."""

from __future__ import annotations

from typing import Final

from localcloud.kql.data import Data, KqlError
from localcloud.kql.lexer import Token
from localcloud.kql.parser import Parser, known
from localcloud.kql.scope import Scope

CHARTS: Final = ("areachart", "barchart", "columnchart", "piechart", "scatterchart", "table", "timechart")
"""Source: Microsoft Learn, "render operator", for Azure Monitor; as the properties and kinds below."""
PROPERTIES: Final = ("kind", "series", "title")
KINDS: Final = ("default", "unstacked", "stacked", "stacked100", "map")


def render(parser: Parser, data: Data, _: Scope) -> Data:
    """Check what is asked for.

    Raises:
        KqlError: Azure Monitor does not draw that, or another operator follows.
    """
    known(parser.name("a visualization"), CHARTS, "Visualization")
    if parser.accept_name("with"):
        parser.listed(lambda: _property(parser, data))
    ends = parser.at_end() or (parser.is_sign(";") and parser.peek().kind == "end")
    if not ends:
        raise KqlError(f"render is the last operator of a query; found {parser.current.value!r} behind it")
    return data


def _property(parser: Parser, data: Data) -> None:
    name = parser.assigned()
    if name is None:
        raise parser.expected("property = value")
    known(name, PROPERTIES, "Property of render")
    if name == "title" and parser.next().kind != "text":
        raise KqlError("The title of render is a text")
    if name == "kind":
        known(parser.name("a kind"), KINDS, "Kind of render")
    if name == "series":
        data.check(parser.entity("a column"))
        while parser.is_sign(",") and parser.peek(2) != Token("sign", "="):
            parser.next()
            data.check(parser.entity("a column"))
