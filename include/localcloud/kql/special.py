"""Functions that take more than values, or look at more than the row that they are computed for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from localcloud.kql.data import INGESTED, KqlError, Row, missing
from localcloud.kql.formats import format_with
from localcloud.kql.literals import read_dynamic
from localcloud.kql.parser import Parser
from localcloud.kql.scope import Expression, Scope, read_name

Read = Callable[[Parser, Scope], Expression]
"""Reads an argument."""


def _column_if_exists(parser: Parser, scope: Scope, read: Read) -> Expression:
    parser.sign("(")
    if parser.current.kind != "text":
        raise parser.expected("a column's name as text")
    name = str(parser.next().value)
    parser.sign(",")
    default = read(parser, scope)
    parser.sign(")")
    return read_name(name, scope) if name in scope.columns else default


def _dynamic(parser: Parser, _: Scope, __: Read) -> Expression:
    value = read_dynamic(parser)
    return Expression("dynamic", "dynamic(...)", lambda _: value)


def _to_scalar(parser: Parser, scope: Scope, _: Read) -> Expression:
    """Read `toscalar(pipeline)`, which is run here and now: once, whatever the number of rows it is used in."""
    data = scope.source(parser)
    name, kind = next(iter(data.columns.items()), ("", ""))
    if not name:
        raise KqlError("toscalar takes a table with a column")
    value = data.rows[0][name] if data.rows else missing(kind)
    return Expression(kind, "toscalar(...)", lambda _: value)


def _ingestion_time(parser: Parser, scope: Scope, _: Read) -> Expression:
    parser.sign("(")
    parser.sign(")")
    if not scope.ingested:
        raise KqlError("ingestion_time() is known of a table's rows until project, summarize and the like; ask before")
    return Expression("datetime", "ingestion_time()", lambda row: row.get(INGESTED))


def _format_datetime(parser: Parser, scope: Scope, read: Read) -> Expression:
    parser.sign("(")
    moment = read(parser, scope)
    if moment.kind != "datetime":
        raise KqlError(f"format_datetime takes datetime; {moment.text} is {moment.kind}")
    parser.sign(",")
    if parser.current.kind != "text":
        raise parser.expected("a format as text")
    write = format_with(str(parser.next().value))
    parser.sign(")")

    def value(row: Row) -> str:
        found = moment.value(row)
        return "" if found is None else write(found)

    return Expression("string", "format_datetime(...)", value)


SPECIAL: Final[dict[str, Callable[[Parser, Scope, Read], Expression]]] = {
    "column_ifexists": _column_if_exists,
    "dynamic": _dynamic,
    "toscalar": _to_scalar,
    "ingestion_time": _ingestion_time,
    "format_datetime": _format_datetime,
}
