"""The steps of a run over subscriptions: select, read, load, publish, verdict."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keywatch.azure_resources.activity_log import Condition
from keywatch.azure_resources.subscriptions import Subscription, list_subscriptions
from keywatch.azure_resources.windows import Window
from keywatch.errors import (
    ActivityWindowError,
    ConfigurationError,
    IncompleteReportError,
    NoSubscriptionsError,
    ServiceUnavailableError,
    StagingDamagedError,
    StagingGoneError,
    ThrottledError,
)
from keywatch.pipeline.azure.folder import DatasetFolder
from keywatch.pipeline.azure.load import load_dataset
from keywatch.pipeline.azure.manifests import LoadedDataset, PublishedActivity, ReadDataset, SubscriptionRef
from keywatch.pipeline.azure.publish import publish_activity
from keywatch.pipeline.azure.read import read_activity, read_virtual_machines
from keywatch.pipeline.azure.select import select_subscriptions
from keywatch.pipeline.azure.verdict import activity_verdict
from keywatch.pipeline.folders import RunFolder
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.azure_resources.reading import ids_of_events, last_days, manager
from tests.keywatch.fakes import MemoryDestination

KEEP = timedelta(days=7)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder[Path]:
    """Begin a run."""
    return RunFolder(tmp_path, "azure_activity_report/manual__1")


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def select(
    cloud: LocalCloud, run: RunFolder[Path], *wanted: str, window: Window | None = None
) -> list[SubscriptionRef]:
    """Select subscriptions, by default those that the credential can see."""
    visible = list_subscriptions(manager(cloud))
    return select_subscriptions(visible, wanted, window or last_days(20), run, now())


def only(cloud: LocalCloud, run: RunFolder[Path]) -> SubscriptionRef:
    """Select the one subscription that the credential can see."""
    (subscription,) = select(cloud, run)
    return subscription


def publish(
    subscriptions: list[SubscriptionRef], loaded: list[LoadedDataset], run: RunFolder[Path]
) -> tuple[PublishedActivity, list[dict[str, Any]]]:
    """Publish, and return the audit rows too."""
    audit = MemoryDestination()
    published = publish_activity(subscriptions, loaded, run, [audit], now=now(), keep=KEEP)
    return published, audit.records


def test_whole_run_delivers_everything_once(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """Events and machines of a subscription are staged, delivered, reconciled, and judged to be complete."""
    subscription = only(cloud, run)
    tables = {"activity": MemoryDestination(50_000), "virtual_machines": MemoryDestination()}

    read = [
        read_activity(manager(cloud), subscription, run, now()),
        read_virtual_machines(manager(cloud), subscription, run, now()),
    ]
    loaded = [load_dataset(each, run, [tables[each["dataset"]]]) for each in read]
    published, audit = publish([subscription], loaded, run)

    events, machines = tables["activity"].records, tables["virtual_machines"].records
    assert sorted(event["EventDataId"] for event in events) == ids_of_events(cloud)
    assert len(machines) == len(cloud.virtual_machines(cloud.azure.subscription_id))
    assert {event["RunId"] for event in events} == {run.run_id}
    assert {(row["Dataset"], row["Status"], row["RecordCount"]) for row in audit} == {
        ("activity", "ok", len(events)),
        ("virtual_machines", "ok", len(machines)),
    }
    assert published["complete"]
    assert published["accepted"] == len(events) + len(machines)
    assert activity_verdict(published).startswith(f"Complete: {len(events)} events from ")


def test_retry_sends_only_what_has_no_receipt(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """A load that failed half-way goes on where it was."""
    read = read_activity(manager(cloud), only(cloud, run), run, now())
    destination = MemoryDestination(8_000, errors=[None, None, ServiceUnavailableError("down")])

    with pytest.raises(ServiceUnavailableError):
        load_dataset(read, run, [destination], in_flight=1)
    loaded = load_dataset(read, run, [destination], in_flight=1)

    assert loaded["accepted"] == read["count"]
    assert sorted(event["EventDataId"] for event in destination.records) == ids_of_events(cloud)


def test_records_that_were_altered_are_not_sent(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """What is loaded is what was read."""
    read = read_virtual_machines(manager(cloud), only(cloud, run), run, now())
    folder = DatasetFolder.of(run, "virtual_machines", read["subscription"]["id"])
    folder.records.write_bytes(b"{}\n" + folder.records.read_bytes())
    destination = MemoryDestination()

    with pytest.raises(StagingDamagedError):
        load_dataset(read, run, [destination])

    assert destination.records == []


def test_record_that_no_request_can_carry_is_kept_and_named(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """It goes to the dead letters, is counted, and makes the run incomplete."""
    subscription = only(cloud, run)
    read = read_activity(manager(cloud), subscription, run, now())
    loaded = load_dataset(read, run, [MemoryDestination(1_050)])
    published, audit = publish([subscription], [loaded, machines_of(cloud, subscription, run)], run)

    assert 0 < loaded["rejected"] < read["count"]
    letters = (run.staging / "dead-letters" / run.name / f"activity-{subscription['id']}-load.ndjson").read_text()
    assert {json.loads(letter)["subject"] for letter in letters.splitlines()} == {subscription["id"]}
    assert len(letters.splitlines()) == loaded["rejected"] == published["rejected"]
    (row,) = [row for row in audit if row["Dataset"] == "activity"]
    assert (row["Status"], row["RejectedCount"]) == ("partial", loaded["rejected"])
    with pytest.raises(IncompleteReportError, match=rf"{loaded['rejected']} of {read['count']} events were rejected"):
        activity_verdict(published)


def machines_of(cloud: LocalCloud, subscription: SubscriptionRef, run: RunFolder[Path]) -> LoadedDataset:
    """Read and deliver the machines of a subscription."""
    return load_dataset(read_virtual_machines(manager(cloud), subscription, run, now()), run, [MemoryDestination()])


def test_event_without_an_id_is_kept_and_named(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """What Azure sends that is no event goes to the dead letters, and the rest goes on."""
    body = json.dumps({"value": [{"eventTimestamp": "2026-01-01T00:00:00Z"}]})
    cloud.inject(Fault(FaultKind.REPLACE, action="activityLog/list", status=200, body=body, count=1))

    read = read_activity(manager(cloud), only(cloud, run), run, now())

    assert (read["malformed"], read["status"]) == (1, "ok")
    letters = (
        run.staging / "dead-letters" / run.name / f"activity-{read['subscription']['id']}-read.ndjson"
    ).read_text()
    assert "has no eventDataId" in letters


def test_subscription_that_denies_costs_itself(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """The reading ends well, with what Azure refused and why; nothing is taken for a subscription without events."""
    first, second, _ = cloud.azure.subscription_ids
    subscriptions = select(cloud, run, first, second)

    reads = [read_activity(manager(cloud), each, run, now()) for each in subscriptions]
    loaded = [load_dataset(each, run, [MemoryDestination()]) for each in reads]
    loaded += [machines_of(cloud, each, run) for each in subscriptions]
    published, audit = publish(subscriptions, loaded, run)

    assert [each["status"] for each in reads] == ["ok", "denied"]
    assert reads[1]["action"] == "Microsoft.Insights/eventtypes/values/Read"
    denied = [row for row in audit if row["Status"] == "denied"]
    assert {(row["SubscriptionId"], row["Dataset"]) for row in denied} == {
        (second, "activity"),
        (second, "virtual_machines"),
    }
    with pytest.raises(IncompleteReportError, match=f"{second}, events: denied: Azure does not let"):
        activity_verdict(published)


def test_denial_in_the_middle_leaves_what_was_read(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """A right that is taken away while a log is read makes it partial."""
    cloud.inject(Fault(FaultKind.DENY, action="activityLog/list", after=15, count=None))

    read = read_activity(manager(cloud), only(cloud, run), run, now())

    assert read["status"] == "partial"
    assert 0 < read["count"] < len(ids_of_events(cloud))


def test_what_may_pass_is_left_to_airflow(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """Throttling to the end fails the step, which Airflow tries again; the audit then tells which task to look at."""
    subscription = only(cloud, run)
    cloud.inject(Fault(FaultKind.THROTTLE, action="activityLog/list", count=None, retry_after=0))

    with pytest.raises(ThrottledError):
        read_activity(manager(cloud), subscription, run, now())
    published, _ = publish([subscription], [machines_of(cloud, subscription, run)], run)

    (problem,) = published["problems"]
    assert problem.endswith("events: failed: not read: look at the log of task activity.read, map index 0")


def test_dataset_that_was_not_delivered_is_told(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """What was read and did not arrive is not taken for delivered."""
    subscription = only(cloud, run)
    read: ReadDataset = read_activity(manager(cloud), subscription, run, now())
    published, _ = publish([subscription], [machines_of(cloud, subscription, run)], run)

    (problem,) = published["problems"]
    assert f"{read['count']} events were read but not all delivered: look at the log of task activity.load" in problem


def test_earlier_window_skips_the_machines(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """A run of an earlier day takes no snapshot, says so in the audit, and is complete."""
    start = now() - timedelta(days=5)
    (subscription,) = select(cloud, run, window=Window(start, start + timedelta(days=1)))
    loaded = load_dataset(read_activity(manager(cloud), subscription, run, now()), run, [MemoryDestination()])
    published, audit = publish([subscription], [loaded], run)

    assert not subscription["reads_machines"]
    (skipped,) = [row for row in audit if row["Dataset"] == "virtual_machines"]
    assert skipped["Status"] == "skipped"
    assert "only as they are now" in skipped["Reason"]
    assert activity_verdict(published).startswith("Complete")


def test_subscription_that_is_named_is_read_although_it_is_not_seen(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """Each once, in the order of the form, whatever the case; its name is told if it can be seen."""
    first, second, _ = cloud.azure.subscription_ids

    chosen = select(cloud, run, second, first.upper(), second)

    assert [(each["number"], each["id"], each["name"]) for each in chosen] == [
        (0, second, None),
        (1, first, "Cloud security"),
    ]


def test_no_subscription_is_an_error_of_its_own(run: RunFolder[Path]) -> None:
    """Nothing to read is not taken for nothing that happened."""
    with pytest.raises(NoSubscriptionsError, match="can see no subscription"):
        select_subscriptions([], [], last_days(1), run, now())


def test_selection_is_checked_before_anything_is_read(run: RunFolder[Path]) -> None:
    """An id that is none, and a window that Azure no longer keeps, end the run at its first step."""
    seen = [Subscription("11111111-2222-3333-4444-555555555555")]
    old = now() - timedelta(days=100)

    with pytest.raises(ConfigurationError, match="not the id of a subscription"):
        select_subscriptions(seen, ["payments"], last_days(1), run, now())
    with pytest.raises(ActivityWindowError, match="90 days"):
        select_subscriptions(seen, [], Window(old, old + timedelta(days=1)), run, now())


def test_files_that_were_removed_are_told(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """A step of a run whose files are gone says so, and reads nothing."""
    subscription = SubscriptionRef(
        number=0,
        id=cloud.azure.subscription_id,
        name=None,
        window_start="2026-01-01T00:00:00+00:00",
        window_end="2026-01-02T00:00:00+00:00",
        condition=None,
        reads_machines=True,
    )

    with pytest.raises(StagingGoneError):
        read_virtual_machines(manager(cloud), subscription, run, now())

    assert cloud.requests(action="virtualMachines/list") == []


def test_verdict_without_a_publication_says_where_to_look() -> None:
    """A run that could not publish points to its first red task."""
    with pytest.raises(IncompleteReportError, match="first red task"):
        activity_verdict(None)


def test_subscription_that_was_deleted_is_left_out_unless_it_is_named(
    run: RunFolder[Path], caplog: pytest.LogCaptureFixture
) -> None:
    """Azure lists it for some days; it would make every run red."""
    gone = Subscription("11111111-2222-3333-4444-555555555555", "Old", "Deleted")
    there = Subscription("22222222-2222-3333-4444-555555555555", "New", "Warned")

    chosen = select_subscriptions([gone, there], [], last_days(1), run, now())
    named = select_subscriptions([gone, there], [gone.id], last_days(1), run, now())

    assert ([each["id"] for each in chosen], [each["id"] for each in named]) == ([there.id], [gone.id])
    assert f"{gone.id} (Old) is left out" in caplog.text


def test_run_that_reads_some_events_says_so_in_the_audit(cloud: LocalCloud, run: RunFolder[Path]) -> None:
    """A window that was read by a filter is not taken for one that was read in whole."""
    condition = Condition("resourceProvider", "Microsoft.Compute")
    visible = list_subscriptions(manager(cloud))
    chosen = select_subscriptions(visible, [], last_days(20), run, now(), condition=condition)
    read = read_activity(manager(cloud), chosen[0], run, now(), condition=condition)
    loaded = [load_dataset(read, run, [MemoryDestination()]), machines_of(cloud, chosen[0], run)]

    _, audit = publish(chosen, loaded, run)

    filters = {row["Dataset"]: row.get("Filter") for row in audit}
    assert filters == {"activity": "resourceProvider eq 'Microsoft.Compute'", "virtual_machines": None}
