"""Azure's events and machines: every function and query, by two engines, and whichever API brought the rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from keywatch.pipeline.tables import TABLES, TableName
from localcloud import LocalCloud
from tests.azure.activity_rows import (
    ACTIVITY_ANSWERS,
    APPLICATION,
    FUNCTION_ANSWERS,
    MAIN,
    ODD,
    SENT,
    audit,
    machine,
    snapshot,
)
from tests.azure.files import QUERIES
from tests.azure.four_ways import WAYS, Row, ask, delivered, in_order
from tests.azure.local_engine import Tables

NOW: Final = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """Start a local cloud with all records in both workspaces."""
    with delivered(tmp_path_factory.mktemp("activity"), SENT) as running:
        yield running


def about(name: str) -> tuple[TableName, ...]:
    """Give the tables that a query or a function reads."""
    return ("activity",) if "activity" in name.lower() else ("virtual_machines", "subscriptions")


@pytest.mark.parametrize(
    ("table", "field", "value"),
    [
        ("activity", "Caller", APPLICATION),
        ("activity", "SubscriptionId", MAIN),
        ("virtual_machines", "MachineName", ODD),
        ("subscriptions", "SubscriptionId", MAIN),
    ],
)
def test_data_collector_has_given_a_guid_another_column(
    cloud: LocalCloud, table: TableName, field: str, value: str
) -> None:
    """What looks like a GUID is in a column of its own in the classic tables."""
    name = TABLES[table].full_name
    assert value in {row[f"{field}_g"] for row in cloud.rows(name, cloud.second_workspace)}
    assert value in {row[f"{field}_s"] for row in cloud.rows(name)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("query", ACTIVITY_ANSWERS)
def test_query_answers_exactly_this(cloud: LocalCloud, query: str, way: str) -> None:
    """Each query has these rows, these columns and this order."""
    assert ask(cloud, way, about(query), QUERIES[query]) == ACTIVITY_ANSWERS[query]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", FUNCTION_ANSWERS)
def test_function_gives_each_row_once(cloud: LocalCloud, function: str, way: str) -> None:
    """Each function has the columns of its table, the row of each record that counts, and ids as text."""
    expected = FUNCTION_ANSWERS[function]
    found = ask(cloud, way, about(function), f"{function}()")

    known = [{name: row[name] for name in expected[0]} for row in found]
    assert in_order(known) == in_order(expected)


@pytest.mark.parametrize("query", ACTIVITY_ANSWERS)
def test_query_of_empty_tables_has_no_rows(query: str) -> None:
    """Where the DAG never ran, there is nothing to list, to count or to draw."""
    assert Tables({}).query(QUERIES[query]) == []


def rows(table: TableName, records: list[Row]) -> dict[str, list[Row]]:
    """Give records as the rows of their table."""
    return {TABLES[table].full_name: [TABLES[table].row(each) for each in records]}


def test_sizes_beyond_the_tenth_are_others() -> None:
    """The bars are the ten largest, by number and name; what is left comes last, however much it is."""
    sizes = [f"size-{number:02}" for number in range(12) for _ in range(3 if number == 11 else 1)]
    machines = [machine(f"vm-{number}", MAIN, size) for number, size in enumerate(sizes)]

    found = Tables(rows("virtual_machines", snapshot(NOW, MAIN, *machines))).query(QUERIES["virtual_machines_by_size"])

    assert [(row["Label"], row["Machines"]) for row in found] == [
        ("size-11", 3),
        *((f"size-{number:02}", 1) for number in range(9)),
        ("Other", 2),
    ]


@pytest.mark.parametrize(
    ("hours", "alarmed"), [(25.9, False), (26.1, True), (None, True)], ids=["in time", "late", "never"]
)
def test_missing_report_is_noticed(hours: float | None, alarmed: bool) -> None:  # noqa: FBT001 - a case
    """After 26 hours without a row, or with none at all, the query has one row."""
    records = [] if hours is None else [audit(NOW - timedelta(hours=hours), MAIN, "activity", "denied")]

    found = Tables(rows("subscriptions", records)).query(QUERIES["no_azure_activity_for_26_hours"])

    assert len(found) == int(alarmed)
