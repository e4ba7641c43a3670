"""Windows of time: what a run reads of the activity log, and how it is sliced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from keywatch.errors import ActivityWindowError

KEPT: Final = timedelta(days=90)
"""How long Azure keeps the activity log (Microsoft Learn, "Activity log in Azure Monitor"); that a request from before
it is refused, rather than answered in part, is unverified."""

DELAY: Final = timedelta(hours=1)
"""How long after its end a daily window is read."""

OVERLAP: Final = timedelta(hours=2)
"""How much of the window before is read again, for events that arrived late."""

MARGIN: Final = timedelta(hours=1)
"""How long a run may take to come to a window that Azure is about to forget."""

AHEAD: Final = timedelta(minutes=5)
"""How far this machine's clock may be behind whoever gave a window's end."""


@dataclass(frozen=True, slots=True)
class Window:
    """From a moment, included, to a moment, excluded; both are kept in UTC.

    Raises:
        ActivityWindowError: It has no time zone, or does not end after it starts.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise ActivityWindowError("A window's start and end need a time zone: end them with Z.")
        for name in ("start", "end"):
            object.__setattr__(self, name, _in_utc(getattr(self, name)))
        if self.end <= self.start:
            raise ActivityWindowError(
                f"The window ends at {self.end.isoformat()}, which is not after its start, {self.start.isoformat()}. "
                "Correct `window_start` and `window_end`."
            )

    @classmethod
    def of_run(cls, interval_start: datetime, interval_end: datetime) -> Window:
        """Return the window of a scheduled run: its data interval lies `DELAY` after it."""
        return cls(interval_start - DELAY, interval_end - DELAY)

    def with_overlap(self, now: datetime) -> Window:
        """Return the window with the end of the one before, as far as Azure still keeps that."""
        return Window(max(self.start - OVERLAP, min(self.start, now - KEPT + 2 * MARGIN)), self.end)

    def check(self, now: datetime) -> None:
        """Refuse a window that a run cannot read in whole: Azure forgets its start, or its end is yet to come.

        Raises:
            ActivityWindowError: It is so.
        """
        if self.end > now + AHEAD:
            raise ActivityWindowError(
                f"The window ends at {self.end:%Y-%m-%d %H:%M} UTC, which is yet to come. Give an earlier `window_end`."
            )
        self.check_kept(now + MARGIN)

    def check_kept(self, now: datetime) -> None:
        """Refuse a window that Azure no longer keeps, which would look like one without events.

        Raises:
            ActivityWindowError: It starts too long ago.
        """
        if self.start < now - KEPT:
            raise ActivityWindowError(
                f"Azure keeps its activity log for {KEPT.days} days, and the window starts at "
                f"{self.start:%Y-%m-%d %H:%M} UTC, {(now - self.start).days} days ago. Give a later "
                "`window_start`; for older events, read what a diagnostic setting has exported."
            )

    def days(self) -> Iterator[Window]:
        """Yield the window's slices, cut at midnight UTC."""
        start = self.start
        while start < self.end:
            midnight = datetime.combine(start.date() + timedelta(days=1), time(), UTC)
            yield Window(start, min(midnight, self.end))
            start = midnight

    def ends_on(self, day: datetime) -> bool:
        """Tell whether the window ends on a day: the snapshot of that day belongs to it."""
        return self.end.date() == day.astimezone(UTC).date()


def _in_utc(moment: datetime) -> datetime:
    """Return a moment in UTC, with room for a day on either side.

    Airflow's moments are pendulum's, which reckon with `datetime.UTC` as if it were no time zone; this one is plain.

    Raises:
        ActivityWindowError: It is at the end of time.
    """
    try:
        plain = datetime.combine(moment.date(), moment.time()) - (moment.utcoffset() or timedelta())
        _ = plain - timedelta(days=1), plain + timedelta(days=1)
    except OverflowError as error:
        raise ActivityWindowError(f"{moment.isoformat()} is no moment of a window. Correct it.") from error
    return plain.replace(tzinfo=UTC)
