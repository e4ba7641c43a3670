"""Windows: what a run reads, as far as Azure keeps it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from keywatch.azure_resources.windows import Window
from keywatch.errors import ActivityWindowError

NOW = datetime(2026, 3, 31, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TODAY = datetime(2026, 3, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        (TODAY, TODAY - DAY, "not after its start"),
        (TODAY, TODAY, "not after its start"),
        (datetime(2026, 1, 1), TODAY, "need a time zone"),  # noqa: DTZ001 - as said
        (TODAY, datetime(2026, 4, 1), "need a time zone"),  # noqa: DTZ001 - as said
    ],
)
def test_window_that_is_none_is_refused(start: datetime, end: datetime, why: str) -> None:
    """A window has a beginning and an end, in this order, somewhere in the world."""
    with pytest.raises(ActivityWindowError, match=why):
        Window(start, end)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_window_at_the_end_of_time_is_refused(text: str) -> None:
    """What cannot be reckoned with is no window."""
    moment = datetime.fromisoformat(text)

    with pytest.raises(ActivityWindowError, match=r"no moment of a window|not after its start"):
        Window(*sorted((moment, TODAY)))


def test_window_is_kept_in_utc() -> None:
    """Wherever a form was filled in, what is read and told is UTC."""
    karachi = timezone(timedelta(hours=5))

    window = Window(datetime(2026, 3, 30, 5, tzinfo=karachi), datetime(2026, 3, 31, 5, tzinfo=karachi))

    assert (window.start.isoformat(), window.end.isoformat()) == (
        "2026-03-30T00:00:00+00:00",
        "2026-03-31T00:00:00+00:00",
    )


def test_window_of_a_run_ends_an_hour_before_it() -> None:
    """A run at one o'clock reads the day that ended at midnight, and the two hours before it once more."""
    window = Window.of_run(TODAY - DAY + HOUR, TODAY + HOUR)

    assert window == Window(TODAY - DAY, TODAY)
    assert window.with_overlap(NOW) == Window(TODAY - DAY - 2 * HOUR, TODAY)


def test_overlap_is_read_as_far_as_azure_keeps_it() -> None:
    """A day that is kept in whole is not refused for the sake of the hours before it."""
    start = NOW - 90 * DAY + 90 * timedelta(minutes=1)
    window = Window(start, start + DAY).with_overlap(NOW)

    assert window.start == start
    window.check(NOW)
    assert Window(start + 2 * HOUR, start + DAY).with_overlap(NOW).start == NOW - 90 * DAY + 2 * HOUR


def test_window_that_azure_is_about_to_forget_is_refused_before_anything_is_read() -> None:
    """The run has an hour to come to it; what it then begins to read is not refused in the middle."""
    start = NOW - 90 * DAY + timedelta(minutes=30)
    window = Window(start, start + DAY)

    with pytest.raises(ActivityWindowError, match="keeps its activity log for 90 days"):
        window.check(NOW)
    window.check_kept(NOW)


def test_window_that_is_yet_to_come_is_refused() -> None:
    """A day that is not over yet would be taken for one that was read."""
    with pytest.raises(ActivityWindowError, match="2026-04-01 00:00 UTC, which is yet to come"):
        Window(TODAY, TODAY + DAY).check(NOW)
    Window(TODAY, NOW + timedelta(minutes=1)).check(NOW)


@pytest.mark.parametrize(
    ("end", "today"), [(TODAY, True), (NOW, True), (TODAY - timedelta(seconds=1), False), (TODAY - DAY, False)]
)
def test_snapshot_belongs_to_the_window_that_ends_today(end: datetime, today: bool) -> None:  # noqa: FBT001 - of a table
    """Midnight is the first moment of the day."""
    assert Window(end - DAY, end).ends_on(NOW) is today
