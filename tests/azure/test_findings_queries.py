"""Findings, owners and deactivations: every function and query, by two engines, and whichever API brought the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from azure.identity import ManagedIdentityCredential

from keywatch.pipeline.tables import TABLES, TableName
from keywatch.staging import encode
from localcloud import LocalCloud, Seed, Workspace
from tests.azure.duckdb_engine import DuckDb
from tests.azure.files import QUERIES
from tests.azure.finding_rows import FINDING_ANSWERS, FUNCTION_ANSWERS, GUID, SENT, Row
from tests.azure.local_engine import Tables
from tests.keywatch.reach import collector
from tests.localcloud.rule import ROLE, Sender

LOCAL, CLASSIC = "local cloud", "local cloud, of the Data Collector's rows"
DUCKDB, DUCKDB_CLASSIC = "DuckDB", "DuckDB, of the Data Collector's rows"
ENGINES: Final = (LOCAL, CLASSIC, DUCKDB, DUCKDB_CLASSIC)
GROUPS: Final[tuple[tuple[TableName, ...], ...]] = (("keys", "audit"), ("findings",), ("deactivations",))
"""Tables that queries read together: DuckDB knows no difference between the columns of its tables."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """Start a local cloud with all records in both workspaces: by the rule in one, by the old API in the other."""
    folder = tmp_path_factory.mktemp("findings")
    with LocalCloud(folder / "localcloud", Seed(accounts=1, users=1)) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.identity_environment().items():
            patch.setenv(name, value)
        running.grant("airflow-worker", ROLE, "/dcr")
        with ManagedIdentityCredential() as credential, Sender(running, credential).client() as client:
            for table, requests in SENT.items():
                for records in requests:
                    rows: list[Any] = [TABLES[table].row(each) for each in records]
                    client.upload(running.logs_ingestion.rule_id, TABLES[table].stream, rows)
                    body = b"[" + b",".join(encode(each) for each in records) + b"]"
                    collector(running, TABLES[table].name).send(body)
        yield running


def duckdb(cloud: LocalCloud, table: TableName, workspace: Workspace | None) -> DuckDb:
    """Give the second engine, with a table and those that belong to it."""
    [group] = [each for each in GROUPS if table in each]
    names = [TABLES[each].full_name for each in group]
    return DuckDb({name: (cloud.tables(workspace)[name], cloud.rows(name, workspace)) for name in names})


def ask(cloud: LocalCloud, engine: str, table: TableName, text: str) -> list[Row]:
    """Run a query that is about a table by an engine."""
    workspace = cloud.second_workspace if engine in (CLASSIC, DUCKDB_CLASSIC) else None
    if engine in (LOCAL, CLASSIC):
        return cloud.query(text, workspace)
    return duckdb(cloud, table, workspace).query(text)


def about(name: str) -> TableName:
    """Give the table that a query or a function is about."""
    kinds: Mapping[str, TableName] = {"finding": "findings", "deactivation": "deactivations"}
    return next((table for word, table in kinds.items() if word in name.lower()), "keys")


def test_data_collector_has_given_an_owner_another_column(cloud: LocalCloud) -> None:
    """An owner that looks like a GUID is in Owner_g of the classic tables, and in Owner_s of the declared ones."""
    for table in ("keys", "findings", "deactivations"):
        name = TABLES[table].full_name
        assert GUID in {row["Owner_g"] for row in cloud.rows(name, cloud.second_workspace)}
        assert GUID in {row["Owner_s"] for row in cloud.rows(name)}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("query", FINDING_ANSWERS)
def test_query_answers_exactly_this(cloud: LocalCloud, query: str, engine: str) -> None:
    """Each query has these rows, these columns and this order."""
    assert ask(cloud, engine, about(query), QUERIES[query]) == FINDING_ANSWERS[query]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("function", FUNCTION_ANSWERS)
def test_function_gives_each_row_once(cloud: LocalCloud, function: str, engine: str) -> None:
    """Each function has the columns of its table, the newest row of each record, and owners as text."""
    expected = FUNCTION_ANSWERS[function]
    found = ask(cloud, engine, about(function), f"{function}()")

    known = [{name: row[name] for name in expected[0]} for row in found]
    assert in_order(known) == in_order(expected)


def in_order(rows: list[Row]) -> list[Row]:
    """Sort rows."""
    return sorted(rows, key=lambda row: str(row["RecordId_s"]))


@pytest.mark.parametrize("query", FINDING_ANSWERS)
def test_query_of_empty_tables_has_no_rows(query: str) -> None:
    """Before the first findings run, there is nothing to list, to count or to draw."""
    assert Tables({}).query(QUERIES[query]) == []
