"""The words of a query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from localcloud.declared_columns import read_moment
from localcloud.kql.data import KqlError

TOKEN: Final = re.compile(
    r"(?P<space>\s+|//[^\n]*)"
    r"|datetime\(\s*(?P<moment>\d[^)]*?)\s*\)"
    r"|(?P<null>[a-z]+)\(\s*null\s*\)"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<number>\d+(?:\.\d+)?)(?P<unit>(?:ms|[dhms])\b)?(?!\w)"
    r"|(?P<name>!?[A-Za-z_]\w*~?)"
    r"|(?P<sign>==|!=|<=|>=|=~|!~|\.\.|[<>=|,()*;+\-/%\[\]{}:])"
)
UNITS: Final = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
ESCAPED: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))")
ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}
KINDS_OF_NULL: Final = {"real", "double", "int", "long", "datetime", "timespan", "bool", "guid", "dynamic"}
END: Final = "the end of the query"


@dataclass(frozen=True)
class Token:
    """One word: its kind (text, int, real, span, moment, null, name, sign, end) and value."""

    kind: str
    value: Any


def tokens(kql: str) -> Iterator[Token]:
    """Split a query into words, comments left out, with one of kind `end` behind them.

    Raises:
        KqlError: something in it is no word.
    """
    position = 0
    while position < len(kql):
        found = TOKEN.match(kql, position)
        if found is None or (found["null"] and found["null"] not in KINDS_OF_NULL):
            raise KqlError(f"Cannot read the query from {kql[position : position + 20]!r} on")
        position = found.end()
        if found.lastgroup != "space":
            yield _token(found)
    yield Token("end", END)


def _token(found: re.Match[str]) -> Token:
    if found["moment"]:
        return Token("moment", _moment(found["moment"]))
    if found["null"]:
        return Token("null", "real" if found["null"] == "double" else found["null"])
    if found["text"]:
        return Token("text", ESCAPED.sub(_unescaped, found["text"][1:-1]))
    if found["number"]:
        return _number(found["number"], found["unit"])
    return Token("name", found["name"]) if found["name"] else Token("sign", found["sign"])


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else ESCAPES.get(found[2], found[2])


def _number(digits: str, unit: str | None) -> Token:
    if unit:
        return Token("span", float(digits) * UNITS[unit])
    return Token("real", float(digits)) if "." in digits else Token("int", int(digits))


def _moment(text: str) -> datetime:
    moment = read_moment(text.strip("\"'"))
    if moment is None:
        raise KqlError(f"datetime({text}) is not ISO 8601")
    return moment
