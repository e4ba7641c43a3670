"""Where the report store is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from keywatch.errors import ConfigurationError, StoreUnavailableError
from keywatch.report.query import KeyQuery
from keywatch_airflow import report_store
from keywatch_airflow.report_store import report_reader, report_store_url, report_writer
from tests.keywatch.report.found import record, write
from tests.keywatch_airflow.conftest import Connect


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let the store be a file of the test's."""
    path = tmp_path / "store" / "report.db"
    monkeypatch.setenv("AIRFLOW__KEYWATCH__REPORT_DATABASE", str(path))
    forget_where_it_is()
    yield path
    forget_where_it_is()


def forget_where_it_is() -> None:
    """Let the page ask anew, as it does after a minute."""
    report_store._remembered_url.cache_clear()


def test_store_is_a_file_where_tasks_run_beside_airflow(database: Path) -> None:
    """With LocalExecutor, what a run writes into the file is what the page reads."""
    write(report_writer(), [record("alice")])

    assert database.is_file()
    assert report_reader().count(KeyQuery()) == 1
    assert report_reader() is report_reader()


def test_file_that_is_replaced_is_read_anew(database: Path) -> None:
    """A lost store that a run has made anew is what the page shows, though it still had the old file open."""
    write(report_writer(), [record("old")])
    reader = report_reader()
    assert [row.user_name for row in reader.keys(KeyQuery()).rows] == ["old"]

    for file in database.parent.iterdir():
        file.unlink()
    assert reader.overview() is None
    write(report_writer(), [record("new")])

    assert [row.user_name for row in reader.keys(KeyQuery()).rows] == ["new"]


def test_file_that_is_cut_short_ends_no_process(database: Path) -> None:
    """Whoever copies another file over the store while it is exported gets an error, as does the page."""
    writer = report_writer()
    write(writer, [record(f"user{number}", key=f"AKIA...{number:04}") for number in range(3_000)])
    writer.dispose()
    export = report_reader().export(KeyQuery())
    next(export)

    os.truncate(database, 0)

    with pytest.raises(StoreUnavailableError):
        list(export)


def test_folder_that_cannot_be_looked_into_is_said(database: Path) -> None:
    """What prevents the store from being found is an error of the store's, and not taken for an empty one."""
    database.parent.write_text("no folder")

    with pytest.raises(StoreUnavailableError, match="Not a directory"):
        report_reader().overview()


@pytest.mark.parametrize(
    "executor",
    [
        "CeleryExecutor",
        "KubernetesExecutor",
        "LocalExecutor,CeleryExecutor",
        "airflow.providers.edge3.executors.EdgeExecutor",
    ],
)
def test_file_is_refused_where_tasks_run_elsewhere(executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With any other executor, a file is refused with the reason, and with what to create."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)

    with pytest.raises(ConfigurationError, match=r"do not share it\. Create connection `keywatch_report`") as refused:
        report_store_url()

    assert executor.rsplit(",", maxsplit=1)[-1] in str(refused.value)


def test_connection_leads_to_postgresql(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is taken with any executor; of its extras, those that the client library knows."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    extra = {"sslmode": "verify-full", "cursor": "dictcursor"}
    server = {
        "conn_type": "postgres",
        "host": "db.example",
        "login": "keeper",
        "password": "s3cr/t",
        "schema": "report",
    }
    connect("keywatch_report", server | {"port": 5433, "extra": extra})

    url = report_store_url()

    assert url.render_as_string() == "postgresql+psycopg://keeper:***@db.example:5433/report?sslmode=verify-full"
    assert url.password == "s3cr/t"


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        ({"conn_type": "mysql", "schema": "report"}, "Make it one of type postgres"),
        ({"conn_type": "postgres", "host": "db.example"}, r"names no database\. Enter it as \*Database\*"),
    ],
)
def test_connection_that_leads_nowhere_is_refused(connect: Connect, connection: dict[str, str], message: str) -> None:
    """A connection of another type, or without a database, is refused with what to correct."""
    connect("keywatch_report", connection)

    with pytest.raises(ConfigurationError, match=message):
        report_store_url()


def test_database_that_is_away_is_named_without_its_user(connect: Connect) -> None:
    """The error names database and host, and neither user nor password."""
    away = {"conn_type": "postgres", "host": "127.0.0.1", "port": 9, "schema": "report"}
    connect("keywatch_report", away | {"login": "keeper", "password": "s3cr3t"})

    with pytest.raises(StoreUnavailableError, match=r"PostgreSQL database report on 127\.0\.0\.1") as away_error:
        report_reader().overview()

    assert "keeper" not in str(away_error.value)
    assert "s3cr3t" not in str(away_error.value)
