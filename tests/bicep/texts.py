"""Takes quoted texts apart: escapes, and where something is interpolated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.bicep.errors import BicepError
from tests.bicep.tokens import Lexeme

ESCAPES: Final = {"\\": "\\", "'": "'", "n": "\n", "r": "\r", "t": "\t", "$": "$"}


@dataclass(frozen=True)
class Interpolated:
    """The source of an expression within a text."""

    source: str


def multi_line(lexeme: Lexeme) -> str:
    """Return what a multi-line string says: all between its quotes but a newline at its start."""
    inner = lexeme.text.removeprefix("'''").removesuffix("'''")
    return inner.removeprefix("\r\n") if inner.startswith("\r\n") else inner.removeprefix("\n")


def parts(lexeme: Lexeme) -> Iterator[str | Interpolated]:
    """Find what a quoted text consists of.

    Raises:
        BicepError: Of an escape that Bicep does not know, or a text that ends elsewhere than pycep thinks.
    """
    inner = lexeme.text[1:-1]
    position = 0
    plain = ""
    while position < len(inner):
        character = inner[position]
        if inner.startswith("${", position):
            end = _end_of_interpolation(inner, position + 2, lexeme)
            yield plain
            yield Interpolated(inner[position + 2 : end])
            plain, position = "", end + 1
        elif character == "\\":
            said, position = _escape(inner, position + 1, lexeme)
            plain += said
        elif character in "'\n":
            raise BicepError(lexeme.place, "This text ends elsewhere than pycep thinks: it misreads a backslash.")
        else:
            plain += character
            position += 1
    yield plain


def _escape(inner: str, position: int, lexeme: Lexeme) -> tuple[str, int]:
    character = inner[position : position + 1]
    if code_point := re.compile(r"u\{([0-9A-Fa-f]{1,5})\}").match(inner, position):
        return chr(int(code_point[1], 16)), code_point.end()
    if character not in ESCAPES:
        raise BicepError(lexeme.place, f"Bicep knows no escape \\{character}.")
    return ESCAPES[character], position + 1


def _end_of_interpolation(inner: str, position: int, lexeme: Lexeme) -> int:
    depth = 1
    quoted = False
    for at in range(position, len(inner)):
        character = inner[at]
        if character == "'" and inner[at - 1] != "\\":
            quoted = not quoted
        elif not quoted and character in "{}":
            depth += 1 if character == "{" else -1
        if depth == 0:
            return at
    raise BicepError(lexeme.place, "An interpolation has no end.")
