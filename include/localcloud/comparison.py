"""Hold two tables with the same records against each other: one with declared columns, one with inferred ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

OF_THE_TABLE: Final = frozenset({"Type", "_ResourceId", "TenantId"})
SUFFIX: Final = re.compile(r"_[sdtbg]$")

Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Comparison:
    """What the comparison found.

    Attributes:
        rows: how many rows both tables have.
        columns: the columns that were compared.
        moved: how often a value was found in another column, by declared and inferred column.
        differences: what is not equal, one line each.
    """

    rows: int
    columns: tuple[str, ...]
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)
    differences: tuple[str, ...] = ()


def compare(declared: Rows, inferred: Rows) -> Comparison:
    """Compare two tables, row by row (by RecordId_s) and column by column.

    Args:
        declared: rows of the table whose columns a data collection rule declares.
        inferred: rows of the table whose columns the Data Collector made.
    """
    left, right = _by_record(declared), _by_record(inferred)
    moved: Counter[tuple[str, str]] = Counter()
    differences = [f"{key}: only in one of the tables" for key in sorted(left.keys() ^ right.keys())]
    columns = sorted({name for row in left.values() for name in row} - OF_THE_TABLE)
    for key in sorted(left.keys() & right.keys()):
        here, there = left[key], dict(right[key])
        for name in columns:
            found = _column(name, there)
            if found not in (None, name):
                moved[name, str(found)] += 1
            value = there.pop(found) if found else None
            if not _equal(here.get(name), value):
                differences.append(f"{key}: {name} is {here.get(name)!r} here and {value!r} there")
        differences += [f"{key}: {name} is only there" for name in there.keys() - OF_THE_TABLE]
    return Comparison(len(left), tuple(columns), moved, tuple(differences))


def _by_record(rows: Rows) -> dict[str, dict[str, Any]]:
    """Give each row's values by its RecordId; one that is there twice counts as two."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        key = str(row["RecordId_s"])
        while key in found:
            key += " (again)"
        found[key] = {name: value for name, value in row.items() if value is not None}
    return found


def _column(name: str, row: Mapping[str, Any]) -> str | None:
    """Find the column that holds a declared column's value: of the same name, or with another suffix."""
    if name in row:
        return name
    stem = SUFFIX.sub("", name)
    return next((each for each in row if each != name and SUFFIX.sub("", each) == stem), None)


def _equal(here: object, there: object) -> bool:
    """Compare two values; a GUID is one whatever its dashes and case, a number or a date whatever its spelling."""
    if here == there:
        return True
    if here is None or there is None:
        return False
    return any(form(here) == form(there) for form in (_plain, _number, _moment))


def _plain(value: object) -> str:
    return str(value).replace("-", "").lower()


def _number(value: object) -> float | object:
    try:
        return float(str(value))
    except ValueError:
        return object()


def _moment(value: object) -> object:
    text = str(value).replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return object()
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
