"""Reads a Bicep file with pycep, and keeps the tokens.

pycep's own result does not tell a quoted text from a name, drops parentheses and knows no precedence of operators. Its
grammar decides whether a file is Bicep; its tokens, which still have all that, are what `parser` works on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from lark import Lark, Token, UnexpectedInput
from pycep.main import BicepParser

from tests.bicep.errors import BicepError, Place

Kind = Literal["name", "text", "lines", "number", "sign", "newline", "end"]

FILTERED_LOOP: Final = re.compile(r"(\[for\b[^'\n]*:[ \t]*if)[ \t]+\(")
"""`[for each in all: if (condition)`, which pycep only reads without a space before the parenthesis."""
TEXTS: Final = {"QUOTED_STRING", "QUOTED_INTERPOLATION"}


@dataclass(frozen=True)
class Lexeme:
    """A word of a Bicep file.

    Attributes:
        kind: `text` is quoted, `lines` is a multi-line string; both keep their quotes.
        text: As it stands in the file.
        place: Where it begins.
    """

    kind: Kind
    text: str
    place: Place


@cache
def _grammar() -> Lark:
    return BicepParser(cache=False).lark_parser


def lexemes(text: str, start: Place) -> list[Lexeme]:
    """Split a text into words, the last of which is of the kind `end`.

    Args:
        text: Whole declarations.
        start: The place of its first line.

    Raises:
        BicepError: It is not Bicep, as far as pycep knows the language.
    """
    try:
        tokens = _tokens(text)
    except UnexpectedInput as error:
        line = error.line if error.line > 0 else text.count("\n")
        raise BicepError(Place(start.file, start.line + line - 1), _complaint(error)) from error
    places = (Place(start.file, start.line + (token.line or 1) - 1) for token in tokens)
    found = [word for token, place in zip(tokens, places, strict=True) for word in _words(token, place)]
    last = Place(start.file, start.line + text.count("\n"))
    return [*found, Lexeme("newline", "\n", last), Lexeme("end", "", last)]


@cache
def _tokens(text: str) -> tuple[Token, ...]:
    reader = _grammar().parse_interactive(FILTERED_LOOP.sub(r"\1(", text))
    tokens = tuple(reader.iter_parse())
    reader.feed_eof()  # type: ignore[no-untyped-call]  # lark lacks the annotation
    return tokens


def _complaint(error: UnexpectedInput) -> str:
    token: Token | None = getattr(error, "token", None)
    if token is None or not token.strip():
        return "This is no Bicep that pycep can read."
    return f"This is no Bicep that pycep can read: {token.strip()!r} is unexpected."


def _words(token: Token, place: Place) -> Iterator[Lexeme]:
    if token.type in TEXTS:
        yield Lexeme("text", str(token), place)
    elif token.type == "MULTI_LINE_STRING":
        yield Lexeme("lines", str(token), place)
    elif token.endswith("\n"):
        yield Lexeme("newline", "\n", place)
    else:
        for word in re.findall(r"[A-Za-z_][\w.]*|\d+|\W+", token):
            kind: Kind = "number" if word.isdecimal() else "name" if word[0].isalpha() or word[0] == "_" else "sign"
            yield Lexeme(kind, word.strip(), place)


def read(file: Path) -> list[Lexeme]:
    """Split a file into words.

    Raises:
        BicepError: It is missing, or not Bicep.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise BicepError(Place(file, 1), "There is no such file.") from error
    return lexemes(text if text.endswith("\n") else text + "\n", Place(file, 1))
