"""How SQLite goes about a list: which indexes it takes, and where it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from keywatch.report.engine import open_engine, sqlite_url
from keywatch.report.query import Cursor, KeyQuery
from keywatch.report.read import ReportReader
from tests.keywatch.report.found import ONE, THREE, TWO, ok, record, write

FOUND = [
    record("alice", age=400, idle=1, ServiceName="sts", Region="us-east-1"),
    record("bob", TWO, age=50, Status="Expired"),
    record("carol", THREE, age=5),
]

FOUND_BY = [
    (KeyQuery(service="sts"), "access_key_by_service (service=? "),
    (KeyQuery(region="us-east-1"), "access_key_by_region (region=? "),
    (KeyQuery(status="Expired"), "access_key_by_unusual_status (status=?)"),
    (KeyQuery(search="ali", sort="age"), "access_key_by_user (user_name=?)"),
    (KeyQuery(search="search", sort="age"), "access_key_by_account (account_id=?)"),
]


@pytest.fixture
def folder(store: Engine, tmp_path: Path) -> Path:
    """Give the folder of a store with three accounts, each with a key."""
    write(store, FOUND, ok(ONE, name="Payments"), ok(TWO, name="search"), ok(THREE))
    return tmp_path


def plan(folder: Path, query: KeyQuery, cursor: Cursor | None = None) -> str:
    """Tell how SQLite reads the first page of a list, from the statement that the reader sends."""
    engine = open_engine(sqlite_url(folder / "report.db"), writing=False)
    sent: list[tuple[str, Any]] = []
    event.listen(
        engine, "before_cursor_execute", lambda _c, _u, statement, values, *_: sent.append((statement, values))
    )
    ReportReader(engine).keys(query, cursor)
    statement, values = sent[-1]
    with engine.begin() as connection:
        steps = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    engine.dispose()
    return "\n".join(steps)


@pytest.mark.parametrize(("query", "index"), FOUND_BY)
def test_values_that_few_keys_have_are_found_in_their_index(folder: Path, query: KeyQuery, index: str) -> None:
    """A list that few keys meet reads these keys alone."""
    assert index in plan(folder, query)


@pytest.mark.parametrize(("query", "index"), FOUND_BY)
def test_values_that_many_keys_have_are_come_upon(
    folder: Path, monkeypatch: pytest.MonkeyPatch, query: KeyQuery, index: str
) -> None:
    """A list that many keys meet is read in its own order, up to as many as a page has."""
    monkeypatch.setattr("keywatch.report.uneven.FEW", 0)

    steps = plan(folder, query)
    assert index not in steps
    assert "INDEX access_key_by_age" in steps


@pytest.mark.parametrize("few", [0, 10_000], ids=["many", "few"])
def test_keys_of_a_person_are_read_in_their_index(folder: Path, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """The keys of whoever answers for them are read alone and in order, however many they are: nothing is sorted."""
    monkeypatch.setattr("keywatch.report.uneven.FEW", few)
    query = KeyQuery(owner_address="payments.owner@keywatch.example")

    first, next_page = (plan(folder, query, cursor) for cursor in (None, Cursor(1_700_000_000, 1, forward=True)))
    assert "access_key_by_owner_address (<expr>=? AND deleted=?)" in first
    assert "access_key_by_owner_address (<expr>=? AND deleted=? AND created>?)" in next_page
    assert first.count("USE TEMP B-TREE") == plan(folder, KeyQuery()).count("USE TEMP B-TREE")


@pytest.mark.parametrize("common", [0, 100], ids=["common", "looked up"])
@pytest.mark.parametrize("descending", [True, False])
def test_list_sorted_by_what_is_searched_begins_at_the_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch, common: int, *, descending: bool
) -> None:
    """A list that is sorted by user begins at the first user that has the text, and ends at the last."""
    monkeypatch.setattr("keywatch.report.search.COMMON", common)
    monkeypatch.setattr("keywatch.report.uneven.FEW", 0)

    steps = plan(folder, KeyQuery(search="car", sort="user", descending=descending))
    assert "access_key_by_user (user_name>? AND user_name<?)" in steps


@pytest.mark.parametrize("descending", [True, False])
def test_list_sorted_by_account_begins_at_the_first_that_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, descending: bool
) -> None:
    """A list that is sorted by account begins at the first account that has the text, if no user has it."""
    monkeypatch.setattr("keywatch.report.uneven.FEW", 0)

    steps = plan(folder, KeyQuery(search="search", sort="account", descending=descending))
    assert "access_key_by_account (account_id>? AND account_id<?)" in steps
