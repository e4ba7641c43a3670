"""The local cloud's engine on tables of a test's own, declared as they are deployed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from localcloud import kql
from localcloud.store import UnknownTableError
from tests.azure.deployment import PROJECT
from tests.azure.files import FUNCTIONS

Row = dict[str, Any]


def _columns() -> dict[str, dict[str, str]]:
    found = {}
    for file in (PROJECT / "include/infra/tables").glob("*.json"):
        schema = json.loads(file.read_text(encoding="utf-8"))["properties"]["schema"]
        found[schema["name"]] = {each["name"]: each["type"].lower() for each in schema["columns"]}
    return found


COLUMNS: Final = _columns()


class Tables:
    """Some rows of each table, in the order of their arrival; the saved functions are there."""

    def __init__(self, rows: Mapping[str, Sequence[Row]]) -> None:
        self._rows = rows

    def table(self, name: str) -> kql.Data:
        """Give a table.

        Raises:
            UnknownTableError: There is none of that name.
        """
        if name not in COLUMNS:
            raise UnknownTableError(f"There is no table {name}")
        rows = self._rows.get(name, ())
        received = [datetime.fromtimestamp(number, UTC).isoformat() for number in range(len(rows))]
        return kql.Data.load(COLUMNS[name], rows, received)

    def function(self, name: str) -> str | None:
        """Give a saved function's text."""
        return FUNCTIONS.get(name)

    def query(self, text: str) -> list[Row]:
        """Run a query."""
        return kql.run(text, self)
