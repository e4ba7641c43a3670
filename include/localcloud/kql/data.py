"""Tables and values as a query sees them, and how they come from and go back to JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from localcloud.declared_columns import read_moment
from localcloud.model import utc_text

Row = dict[str, Any]

FAMILIES: Final = {"int": "number", "long": "number", "real": "number", "string": "text", "guid": "text"}
"""Kinds that compare with one another; every other kind does with itself alone."""
NEVER_NULL: Final = "string"
INGESTED: Final = "$IngestionTime"
"""Where a row holds, beside its columns, when it was stored."""


class KqlError(ValueError):
    """The query is not one that this part of Kusto understands, or names what is not there."""


def family(kind: str) -> str:
    """Give what a kind compares with."""
    return FAMILIES.get(kind, kind)


@dataclass(frozen=True)
class Data:
    """A table between two operators: its columns with their kinds, and its rows, which nobody changes.

    Attributes:
        columns: names and kinds.
        rows: a value for every column.
        ingested: whether the rows are still those of a stored table, of which `INGESTED` is known.
    """

    columns: dict[str, str]
    rows: list[Row]
    ingested: bool = False

    @classmethod
    def load(
        cls, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]], received: Iterable[str] | None = None
    ) -> Data:
        """Read rows as the store keeps them: moments as text, what was not sent as None.

        Args:
            columns: names and kinds.
            rows: values by column.
            received: when each row was stored, if that is known.
        """
        readers = {name: READERS.get(kind, _as_it_is) for name, kind in columns.items()}
        loaded: list[Row] = [{name: read(row.get(name)) for name, read in readers.items()} for row in rows]
        if received is None:
            return cls(dict(columns), loaded)
        timed = [row | {INGESTED: read_moment(moment)} for row, moment in zip(loaded, received, strict=True)]
        return cls(dict(columns), timed, ingested=True)

    def having(self, rows: list[Row], columns: dict[str, str] | None = None) -> Data:
        """Give a table of other rows that come of these, perhaps with further columns."""
        return replace(self, columns=self.columns | (columns or {}), rows=rows)

    def dump(self) -> list[Row]:
        """Give the rows as JSON has them."""
        return [{name: _json(row[name]) for name in self.columns} for row in self.rows]

    def check(self, *names: str) -> None:
        """Refuse a column that the table does not have.

        Raises:
            KqlError: it has none of that name.
        """
        for name in names:
            if name not in self.columns:
                raise KqlError(f"There is no column {name}; there are {', '.join(self.columns)}")


class Catalog(Protocol):
    """What a query can name."""

    def table(self, name: str) -> Data:
        """Give a table.

        Raises:
            UnknownTableError: there is none of that name.
        """

    def function(self, name: str) -> str | None:
        """Give the text of a saved function, or None."""


def is_null(value: object) -> bool:
    """Tell whether a value is null, or an empty string, which stands for it."""
    return value is None or value == ""


def hashable(value: Any) -> Any:  # noqa: ANN401 - a value of any kind
    """Give something that equals another only if the values do."""
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, dict | list) else value


def missing(kind: str) -> str | None:
    """Give what a column holds where nothing was sent."""
    return "" if kind == NEVER_NULL else None


def span_text(span: timedelta) -> str:
    """Write a time span as Kusto does: `d.hh:mm:ss.fffffff`, days and fraction only if there are any."""
    sign, span = ("-", -span) if span < timedelta() else ("", span)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days = f"{span.days}." if span.days else ""
    fraction = f".{span.microseconds:06}0" if span.microseconds else ""
    return f"{sign}{days}{hours:02}:{minutes:02}:{seconds:02}{fraction}"


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 - a value of any kind
    return value


def _text(value: Any) -> str:  # noqa: ANN401 - what was stored
    return "" if value is None else str(value)


READERS: Final[dict[str, Callable[[Any], Any]]] = {"datetime": read_moment, "string": _text}


def _json(value: Any) -> Any:  # noqa: ANN401 - a value of any kind
    if isinstance(value, list):
        return [_json(each) for each in value]
    if isinstance(value, dict):
        return {name: _json(each) for name, each in value.items()}
    if isinstance(value, datetime):
        return utc_text(value)
    return span_text(value) if isinstance(value, timedelta) else value
