"""A run over 3,000 virtual machines and 25,000 events, from pages with everything odd that pages are known for."""

from __future__ import annotations

import subprocess
from collections import Counter
from datetime import datetime

import pytest

from localcloud import Fault, FaultKind, Paging
from tests.activity.running import ACTIVITY, AUDIT, DAY, MACHINES, Activity, ids, midnight

EVENTS = 25_000
YESTERDAY = {"window_start": midnight(1).isoformat(), "window_end": midnight(0).isoformat()}
"""The window of a run of today, whatever the hour."""


def moment(text: str) -> datetime:
    """Read a moment, to the microsecond."""
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def finished(activity: Activity) -> subprocess.CompletedProcess[str]:
    """Run the DAG over yesterday, while pages are empty or come twice, and Resource Manager throttles."""
    cloud = activity.cloud
    first, second, _ = cloud.azure.subscription_ids
    yesterday = midnight(1)
    cloud.add_activity_events(first, EVENTS - 1_000, start=yesterday, end=yesterday + DAY, number=1)
    cloud.add_activity_events(second, 1_000, start=yesterday, end=yesterday + DAY, number=2, late=40)
    cloud.set_paging("activity", Paging(size=1_000, empty_first=True, empty_every=3, repeat_every=4))
    cloud.set_paging("machines", Paging(size=1_000, empty_every=1))
    cloud.inject(Fault(FaultKind.THROTTLE, action="activityLog/list", after=5, count=2, retry_after=1))
    return activity.run(**YESTERDAY)


def test_run_succeeds_and_says_what_it_did(finished: subprocess.CompletedProcess[str]) -> None:
    """The last line of the log counts events and machines."""
    said = finished.stdout + finished.stderr
    assert finished.returncode == 0, said[-3_000:]
    assert f"Complete: {EVENTS - 40:,} events from" in said
    assert "3,000 virtual machines (6 ok); 27,960 records delivered." in said


@pytest.mark.usefixtures("finished")
def test_events_are_stored_one_to_one(activity: Activity) -> None:
    """Each event that the log shows has one row, with its own time to the microsecond; late ones have none yet."""
    seeded = [event for event in activity.cloud.activity_events() if not event.late]

    rows = activity.rows(ACTIVITY)

    assert activity.event_ids() == ids(seeded)
    assert {row["EventDataId_s"]: moment(row["EventTimestamp_t"]) for row in rows} == {
        event.event_data_id: moment(event.event_timestamp) for event in seeded
    }
    assert len({row["RecordId_s"] for row in rows}) == len(rows)


@pytest.mark.usefixtures("finished")
def test_machines_are_stored_one_to_one(activity: Activity) -> None:
    """Each virtual machine has one row."""
    seeded = [machine.id for machine in activity.cloud.virtual_machines()]

    assert sorted(row["AzureResourceId_s"] for row in activity.rows(MACHINES)) == sorted(seeded)


@pytest.mark.usefixtures("finished")
def test_pages_were_as_odd_as_they_were_to_be(activity: Activity) -> None:
    """The run met throttling, and more pages than the events fill."""
    pages = Counter(record.status for record in activity.cloud.requests(action="activityLog/list"))

    assert pages[429] == 2
    assert pages[200] > EVENTS / 1_000 + 10


@pytest.mark.usefixtures("finished")
def test_audit_has_a_row_for_each_subscription_and_dataset(activity: Activity) -> None:
    """What was read is told apart from what may not be read, and from what was not there."""
    audit = {(row["SubscriptionId_s"], row["Dataset_s"]): row for row in activity.rows(AUDIT)}

    assert len(audit) == 6
    assert {row["Status_s"] for row in audit.values()} == {"ok"}
    first, _, third = activity.cloud.azure.subscription_ids
    assert audit[first, "activity"]["RecordCount_d"] == EVENTS - 1_000
    assert audit[third, "activity"]["RecordCount_d"] == 0
    assert audit[third, "virtual_machines"]["RecordCount_d"] > 0


@pytest.mark.usefixtures("finished")
def test_late_events_are_found_when_the_day_is_read_again(activity: Activity) -> None:
    """An event that arrives after its day was read comes with the next run that reads it, and nothing else is added."""
    cloud = activity.cloud
    cloud.release_late_events()
    before = Counter(activity.event_ids())

    again = activity.run(**YESTERDAY)

    assert again.returncode == 0, (again.stdout + again.stderr)[-3_000:]
    assert sorted(set(activity.event_ids())) == ids(cloud.activity_events())
    assert len(set(activity.event_ids()) - set(before)) == 40
    assert len({row["RecordId_s"] for row in activity.rows(ACTIVITY)}) == EVENTS
    assert len({row["RecordId_s"] for row in activity.rows(MACHINES)}) == 3_000, "the same machines on the same day"
