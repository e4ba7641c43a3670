"""Table and data collection rule definitions, generated from the record types.

    python -m keywatch.pipeline.infra include/infra

Sources: Microsoft Learn, "Tables - Create Or Update" (2025-07-01) and "Structure of a data collection rule".
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from keywatch.log_analytics.tables import Table
from keywatch.pipeline.tables import TABLES

TABLE_TYPES: Final = {"string": "string", "real": "real", "boolean": "boolean", "datetime": "dateTime"}
"""The tables API spells one type differently."""

RETENTION_DAYS: Final = 730
DESTINATION: Final = "workspace"


def table_definition(table: Table) -> dict[str, Any]:
    """Return the body that creates a table."""
    columns = [{"name": column.name, "type": TABLE_TYPES[column.type]} for column in table.columns]
    schema = {"name": table.full_name, "columns": columns}
    return {"properties": {"plan": "Analytics", "totalRetentionInDays": RETENTION_DAYS, "schema": schema}}


def rule_definition(tables: Iterable[Table]) -> dict[str, Any]:
    """Return the part of a data collection rule that does not depend on where it is deployed.

    Whoever deploys it adds `location` and the destination named `workspace`.
    """
    tables = list(tables)
    streams = {
        table.stream: {"columns": [{"name": column.name, "type": column.type} for column in table.columns]}
        for table in tables
    }
    flows = [
        {
            "streams": [table.stream],
            "destinations": [DESTINATION],
            "transformKql": "source",
            "outputStream": f"Custom-{table.full_name}",
        }
        for table in tables
    ]
    return {"kind": "Direct", "properties": {"streamDeclarations": streams, "dataFlows": flows}}


def definitions() -> dict[str, dict[str, Any]]:
    """Return every definition, by the path of its file below the infrastructure folder."""
    tables = {f"tables/{table.full_name}.json": table_definition(table) for table in TABLES.values()}
    return {**tables, "data_collection_rule.json": rule_definition(TABLES.values())}


def as_text(definition: dict[str, Any]) -> str:
    """Return a definition as its file holds it."""
    return json.dumps(definition, indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """Write every definition below the folder that is named."""
    if len(arguments) != 1:
        sys.stderr.write("Usage: python -m keywatch.pipeline.infra <folder>\n")
        return 2
    for path, definition in definitions().items():
        file = Path(arguments[0]) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(as_text(definition), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
