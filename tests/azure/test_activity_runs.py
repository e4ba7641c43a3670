"""What the functions and queries say of rows that runs have brought is what Azure has, whichever API brought them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from keywatch.pipeline.tables import TABLES
from localcloud import LocalCloud, Seed
from localcloud.azure.roles import AZURE_READER
from tests.azure.activity_rows import ACTIVITY_ANSWERS
from tests.azure.files import QUERIES
from tests.azure.four_ways import CLASSIC, DUCKDB, DUCKDB_CLASSIC, LOCAL, ask
from tests.azure.runs import reported
from tests.azure.test_activity_queries import about

TODAY: Final = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY: Final = TODAY - timedelta(days=1)
DAY_BEFORE: Final = YESTERDAY - timedelta(days=1)
OVERLAP: Final = timedelta(hours=2)
LATE: Final = 7
"""Events of the end of the first day that the activity log does not show until the first run is over."""


@dataclass(frozen=True)
class Runs:
    """A cloud whose subscriptions were read on two days, and once more when one of them denied it."""

    cloud: LocalCloud
    denying: str

    def events(self) -> list[tuple[str, datetime]]:
        """Give the events of both days and the end of the day before, as Azure has them."""
        known = [
            (each.event_data_id, datetime.fromisoformat(each.event_timestamp)) for each in self.cloud.activity_events()
        ]
        return [each for each in known if DAY_BEFORE - OVERLAP <= each[1] < TODAY]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Read two days, one after the other; the second once more without a role on one of the subscriptions."""
    seed = Seed(accounts=1, users=1, virtual_machines=13, activity_events=400)
    with reported(tmp_path_factory.mktemp("activity"), seed) as organisation:
        cloud = organisation.cloud
        first, denying, *_ = cloud.azure.subscription_ids
        cloud.add_activity_events(first, 30, start=YESTERDAY - OVERLAP, end=YESTERDAY, late=LATE)
        organisation.run_azure("first", DAY_BEFORE)
        cloud.release_late_events()
        organisation.run_azure("second", YESTERDAY)
        cloud.revoke("keywatch", AZURE_READER, f"/subscription/{denying}")
        organisation.run_azure("third", YESTERDAY, list(cloud.azure.subscription_ids))
        yield Runs(cloud, denying)


def asked(runs: Runs, way: str, text: str, name: str) -> list[dict[str, Any]]:
    """Run a query, or what is said of a function."""
    return ask(runs.cloud, way, about(name), text)


@pytest.mark.parametrize("way", [LOCAL, CLASSIC])
def test_every_event_is_shown_once(runs: Runs, way: str) -> None:
    """Events that were read by several runs are there once, also those that came late; none is missing."""
    expected = runs.events()
    sent = runs.cloud.rows(TABLES["activity"].full_name)

    found = asked(runs, way, "AzureActivity()", "AzureActivity")

    assert len(sent) > len(expected) > 2 * LATE
    assert Counter(row["EventDataId_s"] for row in found) == Counter(identifier for identifier, _ in expected)


@pytest.mark.parametrize("way", [LOCAL, CLASSIC, DUCKDB, DUCKDB_CLASSIC])
def test_each_day_has_its_events(runs: Runs, way: str) -> None:
    """Events are counted on the day on which they happened."""
    expected = Counter(moment.strftime("%Y-%m-%dT00:00:00Z") for _, moment in runs.events())
    found = asked(runs, way, QUERIES["activity_by_day"], "activity_by_day")
    assert {row["Day"]: row["Events"] for row in found} == expected


@pytest.mark.parametrize("way", [LOCAL, CLASSIC])
def test_every_machine_is_shown_once(runs: Runs, way: str) -> None:
    """All machines are there, also those of a subscription that has begun to deny access."""
    machines = runs.cloud.virtual_machines()
    found = asked(runs, way, "CurrentVirtualMachines()", "CurrentVirtualMachines")

    assert Counter((row["SubscriptionId_s"], row["MachineName_s"], row["VmId_s"]) for row in found) == Counter(
        (each.subscription_id, each.name, each.vm_id) for each in machines
    )
    assert runs.denying in {each.subscription_id for each in machines}


@pytest.mark.parametrize("way", [LOCAL, CLASSIC])
def test_subscription_that_denies_is_named(runs: Runs, way: str) -> None:
    """It has a row for its events and one for its machines, with what Azure was asked; no other has."""
    found = asked(runs, way, QUERIES["subscriptions_not_read"], "subscriptions_not_read")

    assert {(row["SubscriptionId_s"], row["Status_s"]) for row in found} == {(runs.denying, "denied")}
    assert {row["Dataset_s"]: row["Action_s"].lower() for row in found} == {
        "activity": "microsoft.insights/eventtypes/values/read",
        "virtual_machines": "microsoft.compute/virtualmachines/read",
    }
    assert all(row["WholeTime_t"] < row["SnapshotTime_t"] for row in found)


@pytest.mark.parametrize("query", ACTIVITY_ANSWERS)
def test_every_way_has_the_same_answer(runs: Runs, query: str) -> None:
    """Both engines answer alike, and both destinations hold the same."""
    first, *others = (asked(runs, way, QUERIES[query], query) for way in (LOCAL, CLASSIC, DUCKDB, DUCKDB_CLASSIC))
    assert others == [first] * 3
    assert first or query in ("activity_late", "virtual_machines_new_and_gone")
