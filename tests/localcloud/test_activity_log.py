"""Activity logs as the local cloud's Resource Manager plays them."""

from __future__ import annotations

import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.monitor import MonitorManagementClient

from localcloud import LocalCloud, LocalCloudError, Paging, SeededEvent
from tests.localcloud.arm import Arm, insights_error, moment, since
from tests.localcloud.azure import error_of

DAY: Final = timedelta(days=1)
INVALID: Final = (400, "BadRequest", "$filter searching parameters invalid.")
SINCE: Final = f"eventTimestamp ge '{moment(5)}'"
UNTIL: Final = f"eventTimestamp le '{moment(1)}'"


def told(truth: list[SeededEvent]) -> list[tuple[str, str]]:
    """Give ids and timestamps of events that are to be seen."""
    return [(each.event_data_id, each.event_timestamp) for each in truth if not each.late]


def seen(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Give ids and timestamps of events that are seen."""
    return [(each["eventDataId"], each["eventTimestamp"]) for each in events]


def add(cloud: LocalCloud, count: int, *, days: float = 2, late: int = 0, number: int = 1) -> list[SeededEvent]:
    """Add events to the first subscription, spread over the days before an hour ago."""
    end = datetime.now(UTC) - timedelta(hours=1)
    start = end - timedelta(days=days)
    return cloud.add_activity_events(cloud.azure.subscription_id, count, start=start, end=end, late=late, number=number)


def test_every_event_is_listed_once_newest_first(arm: Arm) -> None:
    """What the logs of all subscriptions show is what there is: 600 events of the last ten days, the newest first."""
    cloud = arm.azure.cloud
    for each in cloud.azure.subscription_ids:
        events = arm.items(arm.activity(each))

        assert seen(events) == told(cloud.activity_events(each))
        assert [each["eventTimestamp"] for each in events] == sorted(
            (e["eventTimestamp"] for e in events), reverse=True
        )
    truth = cloud.activity_events()
    assert len({UUID(each.event_data_id) for each in truth}) == len(truth) == 600
    assert min(each.event_timestamp for each in truth) > moment(10.1)


def test_event_is_written_whole(arm: Arm) -> None:
    """An event has all that the reference names, with seven decimals in its times, and an id that holds both."""
    first = arm.azure.cloud.azure.subscription_id
    events = arm.items(arm.activity(first))
    event = next(each for each in events if each["category"]["value"] == "Administrative")

    assert set(event) == {
        *("authorization", "caller", "category", "channels", "claims", "correlationId", "description", "eventDataId"),
        *("eventName", "eventTimestamp", "httpRequest", "id", "level", "operationId", "operationName", "properties"),
        *("resourceGroupName", "resourceId", "resourceProviderName", "resourceType", "status", "subStatus"),
        *("submissionTimestamp", "subscriptionId", "tenantId"),
    }
    assert event["id"].startswith(f"{event['resourceId']}/events/{event['eventDataId']}/ticks/63")
    assert len(event["eventTimestamp"]) == len(event["submissionTimestamp"]) == len("2014-07-16T04:36:37.6407898Z")
    assert event["submissionTimestamp"] > event["eventTimestamp"]
    assert event["authorization"]["scope"] == event["resourceId"]
    assert (event["subscriptionId"], event["tenantId"]) == (first, arm.azure.cloud.azure.tenant_id)
    assert set(event["httpRequest"]) == {"clientRequestId", "clientIpAddress", "method"}
    assert event["claims"]["iss"] == f"https://sts.windows.net/{event['tenantId']}/"


def test_events_are_of_many_kinds(arm: Arm) -> None:
    """Operations begin and end, fail, are people's or applications'; policy and Azure's own health have their say."""
    cloud = arm.azure.cloud
    events = [event for each in cloud.azure.subscription_ids for event in arm.items(arm.activity(each))]
    callers = {each.get("caller") for each in events}
    incident = next(each for each in events if each["category"]["value"] == "ServiceHealth")

    assert {each["category"]["value"] for each in events} == {"Administrative", "Policy", "ServiceHealth"}
    assert {each["level"] for each in events} == {"Informational", "Warning", "Error"}
    assert {"Started", "Succeeded", "Failed"} <= {each["status"]["value"] for each in events}
    assert "zoë.müller@contoso.com" in callers
    assert any(len(str(each)) == 36 and UUID(str(each)) for each in callers if each and "@" not in each)
    assert any("größe-prüfung" in each["resourceId"] for each in events)
    assert (incident["resourceGroupName"], incident["operationId"], "caller" in incident) == ("", "", False)
    assert 2 in Counter(each["correlationId"] for each in events).values()


def test_filter_is_exact_at_both_ends(arm: Arm) -> None:
    """The span of a filter includes both its ends, to the tenth of a microsecond."""
    cloud = arm.azure.cloud
    first = cloud.azure.subscription_id
    truth = cloud.activity_events(first)
    oldest, newest = truth[40], truth[10]
    text = f"eventTimestamp ge '{oldest.event_timestamp}' and eventTimestamp le '{newest.event_timestamp}'"

    assert seen(arm.items(arm.activity(first, text))) == told(truth[10:41])


@pytest.mark.parametrize(
    ("name", "value_of"),
    [
        ("resourceGroupName", lambda event: event["resourceGroupName"].swapcase()),
        ("resourceUri", lambda event: event["resourceId"]),
        ("resourceProvider", lambda event: event["resourceProviderName"]["value"]),
        ("correlationId", lambda event: event["correlationId"]),
    ],
)
def test_filter_may_have_one_more_condition(arm: Arm, name: str, value_of: Any) -> None:  # noqa: ANN401 - of an event
    """Events may be asked for by group, resource, provider or correlation, whatever the case of their letters."""
    first = arm.azure.cloud.azure.subscription_id
    events = arm.items(arm.activity(first))
    value = value_of(next(each for each in events if each["resourceGroupName"] == "müller-tests"))
    expected = [each for each in events if value_of(each).casefold() == value.casefold()]
    text = since(20, 0, f" and {name} eq '{value}'")

    assert 0 < len(expected) < len(events)
    assert seen(arm.items(arm.activity(first, text))) == seen(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        UNTIL,
        f"{SINCE} and {UNTIL} and caller eq 'ada.brandt@contoso.com'",
        f"{SINCE} and {UNTIL} and eventChannels eq 'Admin, Operation'",
        f"{SINCE} and {UNTIL} and resourceGroupName eq 'a' and correlationId eq 'b'",
        f"{SINCE} or {UNTIL}",
        f"{SINCE} and {UNTIL} ",
        f"{SINCE} and eventTimestamp lt '{moment(1)}'",
        f"eventTimestamp gt '{moment(5)}'",
        f"eventTimestamp ge {moment(5)}",
        f"eventTimestamp ge '{moment(5)[:10]}'",
        f"eventTimestamp ge '{moment(5)[:-1]}'",
        f"eventTimestamp ge '{moment(5)[:-1]}+00:00'",
        f"eventTimestamp ge '{moment(5)[:-1]}00Z'",
        "eventTimestamp ge '2026-02-30T00:00:00Z'",
        f"{SINCE} and resourceGroupName eq 'it's'",
    ],
    ids=lambda text: re.sub(r"[0-9]", "", text),  # the same in every process
)
def test_no_other_syntax_is_allowed(arm: Arm, text: str) -> None:
    """A filter is refused that has no start, other words, or moments that are not written as they have to be."""
    assert insights_error(arm.activity(arm.azure.cloud.azure.subscription_id, text)) == INVALID


def test_filter_is_required(arm: Arm) -> None:
    """Without a filter, and so without a start, nothing is listed."""
    path = f"/subscriptions/{arm.azure.cloud.azure.subscription_id}/providers/microsoft.insights/eventTypes/management"
    refused = arm.get(f"{path}/values", {"api-version": "2015-04-01"})

    assert insights_error(refused) == INVALID


def test_log_goes_back_90_days(arm: Arm) -> None:
    """A start that is a little less than 90 days ago is taken; one that is more is refused, and the refusal says so."""
    first = arm.azure.cloud.azure.subscription_id
    refused = arm.activity(first, since(90.001))

    assert arm.activity(first, since(89.999)).status_code == 200
    assert insights_error(refused) == (400, "BadRequest", "The start time cannot be more than 90 days in the past.")
    assert insights_error(arm.activity(first, since(1, 2)))[:2] == (400, "BadRequest")
    assert arm.activity(first, since(1, -9)).status_code == 200


def test_only_selected_properties_come(arm: Arm) -> None:
    """A selection gives what it names, and the id, which is always there; the GUID of the event only if it is named."""
    first = arm.azure.cloud.azure.subscription_id
    names = "eventTimestamp,operationName,status,caller"
    events = arm.items(arm.activity(first, select=names))

    assert {name for each in events for name in each} == {*names.split(","), "id"}
    named = arm.items(arm.activity(first, select=f"{names},eventDataId"))
    assert seen(named) == told(arm.azure.cloud.activity_events(first))


@pytest.mark.parametrize("select", ["", "colour", "eventTimestamp,colour", "eventTimestamp, status", "eventtimestamp"])
def test_selection_of_what_is_not_there_is_refused(arm: Arm, select: str) -> None:
    """A selection names properties, with commas and nothing else between them."""
    refused = insights_error(arm.activity(arm.azure.cloud.azure.subscription_id, select=select))

    assert refused[:2] == (400, "BadRequest")
    assert refused[2].startswith("$select names no property of an event")


@pytest.mark.parametrize("version", ["2014-04-01", "2024-07-01"])
def test_log_has_one_version(arm: Arm, version: str) -> None:
    """Another version of the API is refused by Resource Manager, in its own form."""
    path = f"/subscriptions/{arm.azure.cloud.azure.subscription_id}/providers/Microsoft.Insights/eventtypes/management"
    refused = arm.get(f"{path}/values", {"api-version": version, "$filter": since(1)})

    assert error_of(refused) == (404, "InvalidResourceType", None)


def test_late_events_show_once_they_are_released(arm: Arm) -> None:
    """Late events are known, and not shown until they are released; then they are shown, as submitted only now."""
    cloud = arm.azure.cloud
    first = cloud.azure.subscription_id
    before = cloud.activity_events(first)
    added = add(cloud, 50, late=7)
    late = [each for each in added if each.late]
    shown = arm.items(arm.activity(first))

    assert len(late) == 7
    assert Counter(seen(shown)) == Counter(told(before) + told(added))
    released = datetime.now(UTC)
    assert cloud.release_late_events() == 7
    again = arm.items(arm.activity(first))
    assert len(again) == len(shown) + 7
    assert seen(again) == told(cloud.activity_events(first))
    ids = {each.event_data_id for each in late}
    submitted = {each["submissionTimestamp"] for each in again if each["eventDataId"] in ids}
    assert min(submitted) >= f"{released:%Y-%m-%dT%H:%M:%S.%f}"
    assert cloud.release_late_events() == 0


def test_listing_goes_on_as_it_began(arm: Arm) -> None:
    """What arrives after a listing has begun is in none of its pages, so that these hold every other event once."""
    cloud = arm.azure.cloud
    first = cloud.azure.subscription_id
    add(cloud, 20, late=10)
    begun = told(cloud.activity_events(first))
    cloud.set_paging("activity", Paging(size=50))
    answer = arm.activity(first)
    cloud.release_late_events()
    add(cloud, 30, number=2)

    assert seen(arm.items(answer)) == begun
    assert len(arm.items(arm.activity(first))) == len(begun) + 40


def test_events_that_are_added_differ(arm: Arm) -> None:
    """Adding twice gives events unlike any other, within the time that is asked for; a reset takes them away."""
    cloud = arm.azure.cloud
    first = cloud.azure.subscription_id
    before = cloud.activity_events(first)
    start, end = datetime.now(UTC) - 3 * DAY, datetime.now(UTC) - 2 * DAY
    added = [each for _ in range(2) for each in cloud.add_activity_events(first, 40, start=start, end=end)]

    assert len({each.event_data_id for each in before + added}) == len(before) + 80
    assert all(moment(3.01) < each.event_timestamp < moment(1.99) for each in added)
    cloud.reset()
    assert cloud.activity_events(first) == before


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"end": datetime.now(UTC) - 5 * DAY}, "a start and, after it, an end"),
        ({"start": datetime(2026, 1, 1)}, "a start and, after it, an end"),  # noqa: DTZ001 - to be refused
        ({"late": 9}, "Of 8 events there cannot be 9 late"),
    ],
)
def test_events_that_cannot_be_are_refused(cloud: LocalCloud, values: dict[str, Any], message: str) -> None:
    """Events need time to happen in, and no more of them are late than there are."""
    given: dict[str, Any] = {"start": datetime.now(UTC) - DAY, "end": datetime.now(UTC)} | values
    with pytest.raises(LocalCloudError, match=message):
        cloud.add_activity_events(cloud.azure.subscription_id, 8, **given)


def test_sdk_pages_through_many_thousands(arm: Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official client lists 25,000 events, with pages between them that have none, in a few seconds."""
    azure = arm.azure
    sandbox = azure.cloud.azure.subscription_ids[2]
    end = datetime.now(UTC) - timedelta(hours=1)
    azure.cloud.add_activity_events(sandbox, 25_000, start=end - 40 * DAY, end=end)
    for name, value in azure.cloud.identity_environment("app_service").items():
        monkeypatch.setenv(name, value)
    started = time.monotonic()
    with (
        ManagedIdentityCredential() as credential,
        MonitorManagementClient(credential, sandbox, **azure.sdk) as client,
    ):
        listed = [event.event_data_id for event in client.activity_logs.list(since(80), select="eventDataId")]

    assert time.monotonic() - started < 20
    assert listed == [each.event_data_id for each in azure.cloud.activity_events(sandbox)]
    assert len(set(listed)) == len(listed) == 25_200
    assert len(azure.cloud.requests(action="activityLog/list", status=200)) == 26 + 9


def test_sdk_tells_why_it_is_refused(arm: Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official client finds the reason in the log's own form of a refusal."""
    azure = arm.azure
    for name, value in azure.cloud.identity_environment("app_service").items():
        monkeypatch.setenv(name, value)
    with (
        ManagedIdentityCredential() as credential,
        MonitorManagementClient(credential, azure.cloud.azure.subscription_id, **azure.sdk) as client,
        pytest.raises(HttpResponseError, match="more than 90 days in the past"),
    ):
        list(client.activity_logs.list(since(91)))
