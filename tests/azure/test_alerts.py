"""The alerts as they are deployed: what each of them fires at, and what not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from keywatch.pipeline.tables import TABLES
from tests.azure.activity_rows import MAIN, audit
from tests.azure.deployment import deployed
from tests.azure.finding_rows import at, deactivation, finding, text
from tests.azure.local_engine import Tables
from tests.azure.test_history import ACCOUNTS, Key, Run, tables

NOW: Final = datetime.now(UTC).replace(microsecond=0)
ACCOUNT: Final = ACCOUNTS[0]
QUERY_RULES: Final = "Microsoft.Insights/scheduledQueryRules"
RULES: Final = [each for each in deployed(watchActivity=True).resources if each.type == QUERY_RULES]
WITHOUT_DIMENSIONS: Final = ("no-report", "no-azure-activity")


def properties(rule: str) -> Any:  # noqa: ANN401 - JSON
    """Give the properties of a rule by its name."""
    [found] = [each.body["properties"] for each in RULES if each.name == f"keywatch-{rule}"]
    return found


def query(rule: str) -> str:
    """Give the query of a rule."""
    [condition] = properties(rule)["criteria"]["allOf"]
    return str(condition["query"])


def key(*, age: int | None = None, idle: int | None = None, status: str = "Active") -> Key:
    """Give a key of these days; without an age it is root's."""
    if age is None:
        return Key(0, ACCOUNT, "<root_account>", None, None, None)
    since = timedelta(hours=1)
    used = None if idle is None else NOW - timedelta(days=idle) - since
    return Key(0, ACCOUNT, "ann", status, NOW - timedelta(days=age) - since, used)


def fired(rule: str, keys: Sequence[Key], status: str = "ok", moment: datetime = NOW) -> list[dict[str, Any]]:
    """Give the rows that a rule's query finds after one run."""
    return tables([Run("manual", moment, {ACCOUNT: status}, tuple(keys))]).query(query(rule))


@pytest.mark.parametrize(("age", "fires"), [(90, False), (91, True), (97, True), (98, False)])
def test_key_that_has_become_old_fires(age: int, fires: bool) -> None:  # noqa: FBT001 - a case
    """A key fires in the first week in which it is older than 90 days, if it is active."""
    assert bool(fired("old-keys", [key(age=age)])) is fires
    assert fired("old-keys", [key(age=age, status="Inactive")]) == []


@pytest.mark.parametrize(("idle", "fires"), [(44, False), (45, True), (51, True), (52, False)])
def test_key_that_has_become_unused_fires(idle: int, fires: bool) -> None:  # noqa: FBT001 - a case
    """A key fires in the first week in which it is unused for 45 days; of one never used, its creation counts."""
    assert bool(fired("unused-keys", [key(age=400, idle=idle)])) is fires
    assert bool(fired("unused-keys", [key(age=idle)])) is fires
    assert fired("unused-keys", [key(age=400, idle=idle, status="Inactive")]) == []


def test_key_of_root_fires() -> None:
    """Any key of a root user fires, for its account."""
    assert [row["account_number_s"] for row in fired("root-key", [key(), key(age=1)])] == [ACCOUNT]
    assert fired("root-key", [key(age=400)]) == []


@pytest.mark.parametrize(("name", "fires"), [("root", True), ("old", True), ("other", False), ("inactive", False)])
def test_new_finding_fires_on_its_first_day(name: str, fires: bool) -> None:  # noqa: FBT001 - a case
    """A finding that is critical or high fires, for its account, until the findings run of the next day has it too."""
    found = {"FirstFound": text(NOW)}
    first = finding(name, NOW, **found)
    again = finding(name, NOW + timedelta(days=1), **found)
    resolved = finding(name, NOW + timedelta(hours=1), "resolved", **found)

    assert [row["account_number_s"] for row in fired_by_finding(first)] == [first["account_number"]] * fires
    assert fired_by_finding(first, again) == fired_by_finding(first, resolved) == []


def fired_by_finding(*records: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the rows that the rule about findings finds."""
    table = TABLES["findings"]
    return Tables({table.full_name: [table.row(each) for each in records]}).query(query("critical-finding"))


@pytest.mark.parametrize("result", ["deactivated", "unknown", "would_deactivate", "refused", "failed", "not_attempted"])
def test_key_that_was_deactivated_fires_for_a_day(result: str) -> None:
    """A key fires, for its account, if it was deactivated in the last 24 hours, or may have been."""
    table = TABLES["deactivations"]
    moments = [NOW - timedelta(hours=hours) for hours in (23, 25)]
    records = [deactivation(number, each, "approved", result) for number, each in enumerate(moments)]

    found = Tables({table.full_name: [table.row(each) for each in records]}).query(query("key-deactivated"))

    assert [row["SnapshotTime_t"] for row in found] == [at(moments[0])["SnapshotTime"]] * (
        result in ("deactivated", "unknown")
    )


@pytest.mark.parametrize("status", ["ok", "partial", "denied", "failed", "skipped"])
def test_account_that_was_not_read_fires(status: str) -> None:
    """An account fires unless it was read in whole or left out on purpose."""
    assert bool(fired("account-not-read", [], status)) is (status in ("partial", "denied", "failed"))


@pytest.mark.parametrize("hours", [25, 27])
def test_missing_report_fires(hours: int) -> None:
    """The rule fires 26 hours after the newest row."""
    assert bool(fired("no-report", [], moment=NOW - timedelta(hours=hours))) is (hours > 26)


@pytest.mark.parametrize("hours", [25, 27])
def test_missing_report_of_azure_fires(hours: int) -> None:
    """The rule fires 26 hours after the newest row, however the subscription ended."""
    table = TABLES["subscriptions"]
    record = audit(NOW - timedelta(hours=hours), MAIN, "activity", "failed")
    assert bool(Tables({table.full_name: [table.row(record)]}).query(query("no-azure-activity"))) is (hours > 26)


def test_rule_about_azure_is_there_only_where_it_is_wanted() -> None:
    """Where nobody reads Azure's subscriptions, nothing waits for a report of them; all else is watched."""
    names = {each.name for each in deployed().resources if each.type == QUERY_RULES}
    assert names == {each.name for each in RULES} - {"keywatch-no-azure-activity"}


@pytest.mark.parametrize("rule", [each.name.removeprefix("keywatch-") for each in RULES])
def test_rule_is_split_by_a_column_of_its_query(rule: str) -> None:
    """Dimensions are columns that the query answers with; each rule tells somebody."""
    [condition] = properties(rule)["criteria"]["allOf"]
    text = query(rule)
    assert all(f"{each['name']}" in text.rpartition("project")[2] for each in condition["dimensions"])
    assert len(condition["dimensions"]) == (0 if rule in WITHOUT_DIMENSIONS else 1)
    assert properties(rule)["actions"]["actionGroups"]
