"""What the workspaces hold: rows in SQLite.

Table and column names are case sensitive in Log Analytics and not in SQLite, so they are data here, not SQL names.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localcloud.columns import Schema
from localcloud.model import utc_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

STANDARD = {"TimeGenerated": "datetime", "Type": "string", "_ResourceId": "string"}
"""The columns that every table has, whatever is sent."""

SCHEMA = """
CREATE TABLE columns (workspace TEXT, tbl TEXT, name TEXT, type TEXT, PRIMARY KEY (workspace, tbl, name));
CREATE TABLE rows (
    position INTEGER PRIMARY KEY, workspace TEXT, tbl TEXT, time_generated TEXT, received TEXT, data TEXT
);
CREATE INDEX by_table ON rows (workspace, tbl, position);
"""
INSERT_ROW = "INSERT INTO rows (workspace, tbl, time_generated, received, data) VALUES (?, ?, ?, ?, ?)"


class UnknownTableError(LookupError):
    """Nobody declared that table or ever sent a record to it."""


class Store:
    """The tables of all workspaces. Use it from one thread."""

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.unlink(missing_ok=True)
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._database.executescript(SCHEMA)
        self._schemas: dict[tuple[str, str], Schema] = {}

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def clear(self) -> None:
        """Forget all tables."""
        self._schemas.clear()
        with self._database:
            self._database.execute("DELETE FROM rows")
            self._database.execute("DELETE FROM columns")

    def add(
        self,
        workspace: str,
        table: str,
        records: Iterable[tuple[str, Mapping[str, Any]]],
        resource_id: str | None = None,
    ) -> None:
        """Add records, all or none.

        Args:
            workspace: the workspace's id.
            table: the table's name, with _CL.
            records: TimeGenerated (ISO 8601 UTC) and the record as sent.
            resource_id: the Azure resource they belong to.

        Raises:
            TypeError: a value is a list or an object.
        """
        known = self._schemas.get((workspace, table), Schema())
        schema = known.copy()
        extra = {"_ResourceId": resource_id} if resource_id else {}
        now = utc_text(datetime.now(UTC))
        rows = [(workspace, table, time, now, json.dumps(schema.place(record) | extra)) for time, record in records]
        new = [(workspace, table, *item) for item in schema.columns.items() if item[0] not in known.columns]
        with self._database:
            self._database.executemany("INSERT INTO columns VALUES (?, ?, ?, ?)", new)
            self._database.executemany(INSERT_ROW, rows)
        self._schemas[workspace, table] = schema

    def declare(self, workspace: str, table: str, columns: Mapping[str, str]) -> None:
        """Create a table with declared columns, or change the columns of such a table; its rows stay.

        Raises:
            ValueError: the table was made by the Data Collector, or a column would change its type.
        """
        known = self._schemas.get((workspace, table))
        if known is not None and not known.declared:
            raise ValueError(f"{table} is a classic table; migrate it before its columns are declared")
        for name, kind in (known.columns if known else {}).items():
            if columns.get(name, kind) != kind:
                raise ValueError(f"{name} of {table} is {kind} and cannot become {columns[name]}")
        with self._database:
            self._database.execute("DELETE FROM columns WHERE workspace = ? AND tbl = ?", (workspace, table))
            self._database.executemany(
                "INSERT INTO columns VALUES (?, ?, ?, ?)", [(workspace, table, *item) for item in columns.items()]
            )
        self._schemas[workspace, table] = Schema(columns, declared=True)

    def add_declared(self, workspace: str, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows to a table with declared columns, all or none.

        Args:
            workspace: the workspace's id.
            table: the table's name, with _CL.
            rows: values of the columns' types, TimeGenerated among them; those without a column are dropped.

        Raises:
            UnknownTableError: there is no such table.
        """
        kept = self.columns(workspace, table).keys() - STANDARD.keys()
        now = utc_text(datetime.now(UTC))
        data = [
            (workspace, table, row["TimeGenerated"], now, json.dumps({name: row[name] for name in row if name in kept}))
            for row in rows
        ]
        with self._database:
            self._database.executemany(INSERT_ROW, data)

    def declared(self, workspace: str) -> list[str]:
        """List the tables of a workspace whose columns are declared."""
        return sorted(
            table for (owner, table), schema in self._schemas.items() if owner == workspace and schema.declared
        )

    def tables(self, workspace: str) -> list[str]:
        """List the tables of a workspace."""
        return sorted(table for owner, table in self._schemas if owner == workspace)

    def columns(self, workspace: str, table: str) -> dict[str, str]:
        """Give a table's columns and their types.

        Raises:
            UnknownTableError: there is no such table.
        """
        try:
            return STANDARD | self._schemas[workspace, table].columns
        except KeyError:
            known = ", ".join(self.tables(workspace)) or "none"
            raise UnknownTableError(f"There is no table {table}; tables: {known}") from None

    def received(self, workspace: str, table: str) -> list[str]:
        """Tell when each row was stored, in the order of `rows` (ISO 8601 UTC); rows stored together have one time."""
        found = self._database.execute(
            "SELECT received FROM rows WHERE workspace = ? AND tbl = ? ORDER BY position", (workspace, table)
        )
        return [received for (received,) in found]

    def rows(self, workspace: str, table: str) -> list[dict[str, Any]]:
        """Give all rows in the order of arrival, each with every column; a value that was not sent is None.

        Of a declared table, what is in a column that it has lost does not show.

        Raises:
            UnknownTableError: there is no such table.
        """
        empty = dict.fromkeys(self.columns(workspace, table))
        found = self._database.execute(
            "SELECT time_generated, data FROM rows WHERE workspace = ? AND tbl = ? ORDER BY position",
            (workspace, table),
        )
        rows = [empty | {"TimeGenerated": time, "Type": table} | json.loads(data) for time, data in found]
        if not self._schemas[workspace, table].declared:
            return rows
        return [{name: row[name] for name in empty} for row in rows]
