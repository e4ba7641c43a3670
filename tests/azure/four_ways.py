"""Records in both workspaces of a local cloud, each by its API, and four ways to ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from azure.identity import ManagedIdentityCredential

from keywatch.pipeline.tables import TABLES, TableName
from keywatch.staging import encode
from localcloud import LocalCloud, Seed, Workspace
from tests.azure.duckdb_engine import DuckDb
from tests.keywatch.reach import collector
from tests.localcloud.rule import ROLE, Sender

Row = dict[str, Any]
Sent = Mapping[TableName, Sequence[Sequence[Row]]]
"""The records of each table, by request, in order of arrival."""

LOCAL, CLASSIC = "local cloud", "local cloud, of the Data Collector's rows"
DUCKDB, DUCKDB_CLASSIC = "DuckDB", "DuckDB, of the Data Collector's rows"
WAYS: Final = (LOCAL, CLASSIC, DUCKDB, DUCKDB_CLASSIC)


@contextmanager
def delivered(folder: Path, sent: Sent) -> Iterator[LocalCloud]:
    """Start a local cloud with all records in both workspaces: by the rule in one, by the old API in the other."""
    with LocalCloud(folder / "localcloud", Seed(accounts=1, users=1)) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.identity_environment().items():
            patch.setenv(name, value)
        running.grant("airflow-worker", ROLE, "/dcr")
        with ManagedIdentityCredential() as credential, Sender(running, credential).client() as client:
            for table, requests in sent.items():
                for records in requests:
                    rows: list[Any] = [TABLES[table].row(each) for each in records]
                    client.upload(running.logs_ingestion.rule_id, TABLES[table].stream, rows)
                    body = b"[" + b",".join(encode(each) for each in records) + b"]"
                    collector(running, TABLES[table].name).send(body)
        yield running


def ask(cloud: LocalCloud, way: str, tables: Sequence[TableName], text: str) -> list[Row]:
    """Run a query that reads some tables: DuckDB knows no difference between the columns of those that it has."""
    workspace = cloud.second_workspace if way in (CLASSIC, DUCKDB_CLASSIC) else None
    if way in (LOCAL, CLASSIC):
        return cloud.query(text, workspace)
    return duckdb(cloud, tables, workspace).query(text)


def duckdb(cloud: LocalCloud, tables: Sequence[TableName], workspace: Workspace | None) -> DuckDb:
    """Give the second engine, with some tables of a workspace."""
    names = [TABLES[each].full_name for each in tables]
    return DuckDb({name: (cloud.tables(workspace)[name], cloud.rows(name, workspace)) for name in names})


def answered(table: TableName, record: Row, *names: str) -> Row:
    """Give the row that a record becomes, with every column of its table or those that are named."""
    row = TABLES[table].row(record)
    empty = {each.name: "" if each.type == "string" else None for each in TABLES[table].columns}
    return {name: row.get(name, empty[name]) for name in names or (set(empty) - {"TimeGenerated"})}


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Sort rows."""
    return sorted(rows, key=lambda row: str(row["RecordId_s"]))
