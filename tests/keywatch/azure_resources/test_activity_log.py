"""The activity log: windows, slices, filters, and what Azure no longer keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.azure_resources.activity_log import ActivityQuery, Condition, activity_log, filter_of
from keywatch.azure_resources.windows import Window
from keywatch.errors import ActivityWindowError, ConfigurationError
from localcloud import LocalCloud, Paging
from tests.keywatch.azure_resources.reading import DAY, ids_of_events, last_days, manager

moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis' bounds


@given(moments, st.timedeltas(timedelta(microseconds=1), timedelta(days=12)))
def test_slices_are_the_window(start: datetime, length: timedelta) -> None:
    """The slices follow one another without a gap, none crosses midnight, and together they are the window."""
    window = Window(start, start + length)

    days = list(window.days())

    assert (days[0].start, days[-1].end) == (window.start, window.end)
    assert all(one.end == following.start for one, following in pairwise(days))
    assert all((day.end - timedelta(microseconds=1)).date() == day.start.date() for day in days)


def test_filter_includes_the_first_tick_and_not_the_end() -> None:
    """`le` includes its moment, so that the end is the last tick of 100 ns before."""
    window = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=timezone(timedelta(hours=1))))

    assert filter_of(window) == (
        "eventTimestamp ge '2026-03-01T00:00:00.0000000Z' and eventTimestamp le '2026-03-01T22:59:59.9999999Z'"
    )


def test_filter_has_one_condition_more() -> None:
    """A value is quoted as OData has it."""
    window = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))

    assert filter_of(window, Condition("resourceGroupName", "o'neill")).endswith(" and resourceGroupName eq 'o''neill'")


def test_neighbouring_windows_share_no_event_and_lose_none(cloud: LocalCloud) -> None:
    """Wherever the cut is, in the middle of a second or at an event's own moment, each event is on one side of it."""
    subscription, now = cloud.azure.subscription_id, datetime.now(UTC)
    whole = last_days(20)
    seeded = cloud.activity_events(subscription)
    cut = datetime.fromisoformat(seeded[len(seeded) // 2].event_timestamp)

    def ids(window: Window) -> list[str]:
        query = ActivityQuery(subscription, window)
        return [event["eventDataId"] for event in activity_log(manager(cloud), query, now)]

    assert sorted(ids(Window(whole.start, cut)) + ids(Window(cut, whole.end))) == ids_of_events(cloud)


def test_each_day_is_asked_for_alone(cloud: LocalCloud) -> None:
    """A window of days is as many lists."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    query = ActivityQuery(cloud.azure.subscription_id, Window(midnight - 3 * DAY, midnight))
    cloud.set_paging("activity", Paging())

    assert list(activity_log(manager(cloud), query, datetime.now(UTC)))

    assert len(cloud.requests(action="activityLog/list")) == 3


def test_condition_is_obeyed(cloud: LocalCloud) -> None:
    """Only the events of a provider come, if they alone are asked for."""
    query = ActivityQuery(
        cloud.azure.subscription_id, last_days(20), Condition("resourceProvider", "Microsoft.Compute")
    )

    found = list(activity_log(manager(cloud), query, datetime.now(UTC)))

    assert {event["resourceProviderName"]["value"].lower() for event in found} == {"microsoft.compute"}


def test_selected_properties_come_with_id_and_time(cloud: LocalCloud) -> None:
    """What is needed to tell events apart comes although it was not asked for; nothing else does."""
    query = ActivityQuery(cloud.azure.subscription_id, last_days(20), select=("operationName", "level"))

    found = list(activity_log(manager(cloud), query, datetime.now(UTC)))

    asked = {"eventDataId", "eventTimestamp", "operationName", "level"}
    assert {name for event in found for name in event} == asked | {"id"}, "and the id that Azure always gives"


@pytest.mark.parametrize("name", ["category", "EventDataId", "level,caller", ""])
def test_property_that_cannot_be_selected_is_refused(name: str) -> None:
    """A property that the log does not let one select is refused before anything is asked."""
    with pytest.raises(ConfigurationError, match="does not let one select"):
        ActivityQuery("0" * 8, last_days(1), select=(name,))


@pytest.mark.parametrize(("by", "value"), [("status", "Failed"), ("resourceUri", ""), ("resourceUri", "a\nb")])
def test_condition_that_the_log_does_not_know_is_refused(by: str, value: str) -> None:
    """No other syntax is allowed, and a value is one line."""
    with pytest.raises(ConfigurationError, match=r"cannot be filtered by|no usable value"):
        Condition(by, value)  # type: ignore[arg-type]  # as a form may send it


def test_window_that_azure_no_longer_keeps_is_refused_with_the_reason(cloud: LocalCloud) -> None:
    """It would look like a window without events."""
    start = datetime.now(UTC) - timedelta(days=91)
    query = ActivityQuery(cloud.azure.subscription_id, Window(start, start + DAY))

    with pytest.raises(ActivityWindowError, match=r"keeps its activity log for 90 days.*91 days ago"):
        next(activity_log(manager(cloud), query, datetime.now(UTC)))

    assert cloud.requests(action="activityLog/list") == []
