"""Records of events and machines, made of what Azure says of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.azure_resources.records import ActivityRecord, activity_record, virtual_machine_record
from keywatch.errors import MalformedRowError
from localcloud import LocalCloud
from tests.keywatch.azure_resources.reading import events, machines

NOW = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
EVENT = {"eventDataId": "AB-1", "eventTimestamp": "2026-02-28T10:00:00.1234567Z"}

json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=12), inside, max_size=3),
    max_leaves=8,
)


def record(event: dict[str, Any]) -> dict[str, Any]:
    """Make an event's record."""
    return dict(activity_record(event, SUBSCRIPTION, "Payments", "run-1", NOW))


def test_event_becomes_a_record(cloud: LocalCloud) -> None:
    """Everything that an event says of who did what to which resource is in its record, texts as they are."""
    for event in events(cloud):
        made = record(event)
        assert (made["EventDataId"], made["EventTimestamp"]) == (event["eventDataId"], event["eventTimestamp"])
        assert made["OperationName"] == event["operationName"]["value"]
        assert made.get("Caller") == event.get("caller")
        assert made.get("AzureResourceId") == event.get("resourceId")
        assert set(made) <= set(ActivityRecord.__annotations__)


def test_event_is_the_same_record_whenever_it_is_read() -> None:
    """The id of its row is made of the event's own id, whatever its case, and of nothing else."""
    again = activity_record(EVENT | {"eventDataId": "ab-1"}, "other", None, "run-2", datetime(2026, 3, 2, tzinfo=UTC))

    assert record(EVENT)["RecordId"] == again["RecordId"]
    assert record(EVENT)["RecordId"] != record(EVENT | {"eventDataId": "ab-2"})["RecordId"]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"eventDataId": "x"},
        EVENT | {"eventDataId": ""},
        EVENT | {"eventDataId": 3},
        EVENT | {"eventTimestamp": "x"},
    ],
)
def test_event_without_id_or_time_is_malformed(event: dict[str, Any]) -> None:
    """A row that could not be told apart, or placed in time, is none."""
    with pytest.raises(MalformedRowError):
        record(event)


@given(st.dictionaries(st.sampled_from([*EVENT, "caller", "status", "httpRequest", "operationName"]), json_values))
def test_no_event_breaks_the_reading(event: dict[str, Any]) -> None:
    """Whatever JSON an event is, it is a record of texts, or it is malformed."""
    try:
        made = record(event)
    except MalformedRowError:
        return
    assert all(isinstance(value, str) for value in made.values())


def test_machine_becomes_a_record(cloud: LocalCloud) -> None:
    """A machine's record says what it is, where, and which id it has; a value that is not there is left out."""
    truth = {machine.id: machine for machine in cloud.virtual_machines(cloud.azure.subscription_id)}
    found = machines(cloud)
    for machine in found:
        made = virtual_machine_record(machine, SUBSCRIPTION, None, "run-1", NOW)
        seeded = truth[machine["id"]]
        assert (made["MachineName"], made["VmId"], made["Location"]) == (seeded.name, seeded.vm_id, seeded.location)
        assert made["ResourceGroup"] == machine["id"].split("/")[4]
        assert made["CreatedTime"].endswith("Z")
        assert ("Zones" in made) is bool(machine.get("zones"))
        assert "SubscriptionName" not in made
    assert len(found) == len(truth)


def test_machine_has_one_record_a_day() -> None:
    """The id of its row is made of its resource id, whatever its case, and of the day."""
    identifier = "/subscriptions/x/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/web"
    early = virtual_machine_record({"id": identifier}, SUBSCRIPTION, None, "run-1", NOW)
    late = virtual_machine_record({"id": identifier.upper()}, SUBSCRIPTION, None, "run-2", NOW.replace(hour=23))
    tomorrow = virtual_machine_record({"id": identifier}, SUBSCRIPTION, None, "run-3", NOW.replace(day=2))

    assert early["RecordId"] == late["RecordId"] != tomorrow["RecordId"]
    assert early["MachineName"] == "web"


def test_machine_without_an_id_is_malformed() -> None:
    """A row that could not be told apart is none."""
    with pytest.raises(MalformedRowError):
        virtual_machine_record({"name": "web"}, SUBSCRIPTION, None, "run-1", NOW)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2026-02-28T10:00:00.1234567Z", "2026-02-28T10:00:00.1234567Z"),
        ("2026-02-28T10:00:00+02:00", "2026-02-28T08:00:00Z"),
        ("2026-W09-6T10:00Z", "2026-02-28T10:00:00Z"),
        ("20260228T100000Z", "2026-02-28T10:00:00Z"),
    ],
)
def test_moment_is_written_as_log_analytics_reads_it(written: str, kept: str) -> None:
    """As Azure writes it, to 100 ns; any other form of ISO 8601 as the usual one."""
    assert record(EVENT | {"eventTimestamp": written})["EventTimestamp"] == kept
