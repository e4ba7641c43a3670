"""What the workspaces hold: rows in SQLite.

Table and column names are case sensitive in Log Analytics and not in SQLite, so they are data here, not SQL names.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from localcloud.columns import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

STANDARD = {"TimeGenerated": "datetime", "Type": "string", "_ResourceId": "string"}
"""The columns that every table has, whatever is sent."""

SCHEMA = """
CREATE TABLE columns (workspace TEXT, tbl TEXT, name TEXT, type TEXT, PRIMARY KEY (workspace, tbl, name));
CREATE TABLE rows (position INTEGER PRIMARY KEY, workspace TEXT, tbl TEXT, time_generated TEXT, data TEXT);
CREATE INDEX by_table ON rows (workspace, tbl, position);
"""


class UnknownTableError(LookupError):
    """No record was ever sent to that table."""


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
        schema = Schema(known.columns)
        extra = {"_ResourceId": resource_id} if resource_id else {}
        rows = [(workspace, table, time, json.dumps(schema.place(record) | extra)) for time, record in records]
        new = [(workspace, table, *item) for item in schema.columns.items() if item[0] not in known.columns]
        with self._database:
            self._database.executemany("INSERT INTO columns VALUES (?, ?, ?, ?)", new)
            self._database.executemany(
                "INSERT INTO rows (workspace, tbl, time_generated, data) VALUES (?, ?, ?, ?)", rows
            )
        self._schemas[workspace, table] = schema

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

    def rows(self, workspace: str, table: str) -> list[dict[str, Any]]:
        """Give all rows in the order of arrival, each with every column; a value that was not sent is None.

        Raises:
            UnknownTableError: there is no such table.
        """
        empty = dict.fromkeys(self.columns(workspace, table))
        found = self._database.execute(
            "SELECT time_generated, data FROM rows WHERE workspace = ? AND tbl = ? ORDER BY position",
            (workspace, table),
        )
        return [empty | {"TimeGenerated": time, "Type": table} | json.loads(data) for time, data in found]
