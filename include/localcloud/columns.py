"""How the Data Collector turns JSON values into columns: a suffix for the type that a value seems to have.

Source: HTTP Data Collector API, "Record type and properties".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localcloud import declared_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGEST_FIELD = 32 * 1024
"""Bytes of UTF-8 that are kept of one value; the rest is cut off."""
MOST_COLUMNS = 500
"""Custom columns of a table; values of further ones go to `AdditionalFields`."""
ADDITIONAL = "AdditionalFields"

GUID = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}")
DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,7})?(?:Z|[+-]\d{2}:\d{2})?")
"""Which strings become `_t`. Unverified beyond `YYYY-MM-DDThh:mm:ss[.f]Z`: a date alone stays a string here."""


@dataclass(frozen=True)
class Typed:
    """A value with the suffix of its type, one of `s b d t g`."""

    suffix: str
    value: str | bool | float


def infer(value: object) -> Typed | None:
    """Tell the type that a JSON value seems to have; None for null.

    Raises:
        TypeError: the value is a list or an object.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return Typed("b", value)
    if isinstance(value, int | float):
        return Typed("d", float(value))
    if isinstance(value, str):
        return _infer_text(value)
    raise TypeError(f"a value is a {type(value).__name__}, not a string, number, boolean or null")


def _infer_text(text: str) -> Typed:
    if GUID.fullmatch(text):
        return Typed("g", _dashed(text))
    if DATE_TIME.fullmatch(text) and is_date_time(text):
        return Typed("t", text)
    return Typed("s", shortened(text))


def _dashed(guid: str) -> str:
    digits = guid.replace("-", "")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def is_date_time(text: str) -> bool:
    """Tell whether ISO 8601 text names a moment that exists."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def shortened(text: str) -> str:
    """Cut text to `LARGEST_FIELD` bytes, between characters."""
    if len(text) * 4 <= LARGEST_FIELD:
        return text
    return text.encode()[:LARGEST_FIELD].decode("utf-8", "ignore")


class Schema:
    """The columns of one table, which grow with what is sent unless they are declared."""

    def __init__(self, columns: Mapping[str, str] | None = None, *, declared: bool = False) -> None:
        self.columns: dict[str, str] = dict(columns or {})
        """Column name to Kusto type, in the order of creation."""
        self.declared = declared

    def copy(self) -> Schema:
        """Give one like it that can grow on its own."""
        return Schema(self.columns, declared=self.declared)

    def place(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Turn a record into a row, adding the columns that it needs.

        A string that only an existing number or boolean column can take is converted to that column's type; any other
        clash of types makes a second column with another suffix. In a table whose columns are declared, what has no
        column of its name and suffix is dropped.

        Raises:
            TypeError: a value is a list or an object.
        """
        row: dict[str, Any] = {}
        additional: dict[str, Any] = {}
        for name, raw in record.items():
            typed = infer(raw)
            if typed is None:
                continue
            typed = self._as_existing(name, typed)
            column = f"{name}_{typed.suffix}"
            if self.declared:
                row |= self._as_declared(column, typed.value)
                continue
            target = row if self._has_room_for(column, typed.suffix) else additional
            target[column] = typed.value
        if additional:
            row[ADDITIONAL] = additional
        return row

    def _as_existing(self, name: str, typed: Typed) -> Typed:
        if typed.suffix != "s" or f"{name}_s" in self.columns:
            return typed
        for suffix, convert in CONVERSIONS.items():
            if f"{name}_{suffix}" in self.columns:
                value = convert(str(typed.value))
                if value is not None:
                    return Typed(suffix, value)
        return typed

    def _as_declared(self, column: str, value: object) -> dict[str, Any]:
        kind = self.columns.get(column)
        return {} if kind is None else {column: declared_columns.convert(value, kind)}

    def _has_room_for(self, column: str, suffix: str) -> bool:
        if column not in self.columns and len(self.columns) < MOST_COLUMNS:
            self.columns[column] = TYPES[suffix]
        return column in self.columns


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text) else None


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


TYPES = {"s": "string", "b": "bool", "d": "real", "t": "datetime", "g": "guid"}
CONVERSIONS: dict[str, Callable[[str], float | bool | None]] = {"d": _number, "b": _boolean}
