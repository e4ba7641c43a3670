"""A second engine for the queries: DuckDB, by the package duckdb-kql, which knows nothing of the local cloud.

Two things that it does not know are put in other words first, looking at the text alone: `column_ifexists`, which
becomes the column or its default, and `ingestion_time()`, which becomes a column. It refuses `make-series`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import duckdb_kql

from tests.azure.files import FUNCTIONS

TYPES: Final = {
    "string": "VARCHAR",
    "guid": "VARCHAR",
    "datetime": "TIMESTAMPTZ",
    "real": "DOUBLE",
    "bool": "BOOLEAN",
    "boolean": "BOOLEAN",
}
STORED: Final = "_Stored"
"""The order of arrival, for `ingestion_time()`."""
COLUMN_IF_EXISTS: Final = re.compile(r"column_ifexists\(\"(\w+)\", ((?:[^()]|\([^()]*\))*)\)")

Row = dict[str, Any]
Tables = Mapping[str, tuple[Mapping[str, str], Sequence[Row]]]


class DuckDb:
    """One workspace.

    Args:
        tables: The columns' types and the rows, in order of arrival, of each table.
    """

    def __init__(self, tables: Tables) -> None:
        self._columns = {column for columns, _ in tables.values() for column in columns}
        self._connection = duckdb_kql.connect()
        for name, (columns, rows) in tables.items():
            self._load(name, columns, rows)
        self._functions = [f"function {name}() {{\n{self._reworded(body)}\n}}" for name, body in FUNCTIONS.items()]

    def query(self, text: str) -> list[Row]:
        """Run a query. Moments come as ISO 8601 in UTC."""
        result = duckdb_kql.query(self._connection, self._reworded(text), functions=self._functions)
        names = result.columns
        return [dict(zip(names, map(_answered, row), strict=True)) for row in result.fetchall()]

    def _load(self, table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
        declared = ", ".join(f'"{name}" {TYPES[kind]}' for name, kind in columns.items())
        self._connection.execute(f'CREATE TABLE "{table}" ({declared}, "{STORED}" TIMESTAMPTZ)')
        filled = [
            [*(_stored(row[name], kind) for name, kind in columns.items()), datetime.fromtimestamp(number, UTC)]
            for number, row in enumerate(rows)
        ]
        if filled:
            marks = ", ".join("?" * (len(columns) + 1))
            self._connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', filled)  # noqa: S608 - our table

    def _reworded(self, text: str) -> str:
        without_comments = re.sub(r"//[^\n]*", "", text)
        return COLUMN_IF_EXISTS.sub(self._column, without_comments.replace("ingestion_time()", STORED))

    def _column(self, found: re.Match[str]) -> str:
        name, default = found.groups()
        return name if name in self._columns else default


def _stored(value: Any, kind: str) -> Any:  # noqa: ANN401 - a value of any type
    if kind == "datetime" and value is not None:
        return datetime.fromisoformat(value)
    return "" if value is None and kind in ("string", "guid") else value


def _answered(value: Any) -> Any:  # noqa: ANN401 - a value of any type
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
