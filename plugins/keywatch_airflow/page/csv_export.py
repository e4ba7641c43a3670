"""A list of keys as CSV (RFC 4180), row by row.

It begins with a byte order mark: without one, Excel takes UTF-8 for the machine's own code page, and account names may
have any letter. Python's `utf-8-sig`, pandas and PowerShell pass over it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator, Iterator
from dataclasses import fields
from datetime import datetime
from itertools import islice
from typing import Final

from keywatch.report.model import KeyRow
from keywatch_airflow.page.presentation import iso

COLUMNS: Final = tuple(field.name for field in fields(KeyRow))
ROWS_AT_ONCE: Final = 500
MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"

FORMULA: Final = re.compile(r"^(?=[\t\r\n])|(^|[;\t\r\n])(?=[\s\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""Where a cell begins that a spreadsheet may take for a formula; for some, one begins at a semicolon or a tab too."""


def csv_chunks(rows: Iterator[KeyRow]) -> Generator[str, None, None]:
    """Yield the file in pieces of some hundred rows, the first with the header."""
    head = MARK + _written([COLUMNS])
    while some := list(islice(rows, ROWS_AT_ONCE)):
        yield head + _written([[_cell(getattr(row, name)) for name in COLUMNS] for row in some])
        head = ""
    if head:
        yield head


def _cell(value: datetime | str | int | None) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return iso(value)
    return FORMULA.sub(r"\1'", str(value))


def _written(rows: list[tuple[str, ...]] | list[list[str]]) -> str:
    target = io.StringIO(newline="")
    csv.writer(target, lineterminator="\r\n").writerows(rows)
    return target.getvalue()
