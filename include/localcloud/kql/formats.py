"""The formats of `format_datetime`: letters for the parts of a moment, with delimiters between them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from localcloud.kql.data import KqlError

RUN: Final = re.compile(r"([A-Za-z])\1*|.", re.DOTALL)
DELIMITERS: Final = " /-:,._[]"
MOST_DIGITS: Final = 7
"""A fraction of a second has them, in ticks."""


def _ticks(moment: datetime) -> str:
    return f"{moment.microsecond:06}0"


def _hour(moment: datetime) -> int:
    return moment.hour % 12 or 12


PARTS: Final[dict[str, Callable[[datetime], str]]] = {
    "d": lambda moment: f"{moment.day}",
    "dd": lambda moment: f"{moment.day:02}",
    "h": lambda moment: f"{_hour(moment)}",
    "hh": lambda moment: f"{_hour(moment):02}",
    "H": lambda moment: f"{moment.hour}",
    "HH": lambda moment: f"{moment.hour:02}",
    "m": lambda moment: f"{moment.minute}",
    "mm": lambda moment: f"{moment.minute:02}",
    "M": lambda moment: f"{moment.month}",
    "MM": lambda moment: f"{moment.month:02}",
    "s": lambda moment: f"{moment.second}",
    "ss": lambda moment: f"{moment.second:02}",
    "y": lambda moment: f"{moment.year % 100}",
    "yy": lambda moment: f"{moment.year % 100:02}",
    "yyyy": lambda moment: f"{moment.year:04}",
    "tt": lambda moment: "AM" if moment.hour < 12 else "PM",  # noqa: PLR2004 - noon
}


def format_with(text: str) -> Callable[[datetime], str]:
    """Give what writes a moment in a format.

    Raises:
        KqlError: it has letters or delimiters that Kusto does not know.
    """
    parts = [_part(run[0]) for run in RUN.finditer(text)]
    return lambda moment: "".join(part(moment) for part in parts)


def _part(run: str) -> Callable[[datetime], str]:
    if run in DELIMITERS:
        return lambda _: run
    if run in PARTS:
        return PARTS[run]
    if run[0] in "fF" and len(run) <= MOST_DIGITS:
        digits = len(run)
        return lambda moment: _ticks(moment)[:digits] if run[0] == "f" else _ticks(moment)[:digits].rstrip("0")
    raise KqlError(
        f"{run!r} is no part of a format of format_datetime; there are {', '.join(PARTS)}, "
        f"f and F up to {MOST_DIGITS} times, and between them any of {DELIMITERS!r}"
    )
