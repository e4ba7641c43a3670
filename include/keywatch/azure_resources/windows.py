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


@dataclass(frozen=True, slots=True)
class Window:
    """From a moment, included, to a moment, excluded; both in UTC.

    Raises:
        ActivityWindowError: It has no time zone, or does not end after it starts.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise ActivityWindowError("A window's start and end need a time zone: end them with Z.")
        if self.end <= self.start:
            raise ActivityWindowError(
                f"The window ends at {self.end.isoformat()}, which is not after its start, {self.start.isoformat()}. "
                "Correct `window_start` and `window_end`."
            )

    @classmethod
    def of_run(cls, interval_start: datetime, interval_end: datetime) -> Window:
        """Return the window of a scheduled run: its data interval lies `DELAY` after it."""
        return cls(interval_start - DELAY, interval_end - DELAY)

    def with_overlap(self) -> Window:
        """Return the window with the end of the one before."""
        return Window(self.start - OVERLAP, self.end)

    def check_kept(self, now: datetime) -> None:
        """Refuse a window that Azure no longer keeps, which would look like one without events.

        Raises:
            ActivityWindowError: It starts too long ago.
        """
        if self.start < now - KEPT:
            raise ActivityWindowError(
                f"Azure keeps its activity log for {KEPT.days} days, and the window starts at "
                f"{self.start.astimezone(UTC):%Y-%m-%d %H:%M} UTC, {(now - self.start).days} days ago. Give a later "
                "`window_start`; for older events, read what a diagnostic setting has exported."
            )

    def days(self) -> Iterator[Window]:
        """Yield the window's slices, cut at midnight UTC."""
        start = self.start.astimezone(UTC)
        end = self.end.astimezone(UTC)
        while start < end:
            midnight = datetime.combine(start.date() + timedelta(days=1), time(), UTC)
            yield Window(start, min(midnight, end))
            start = midnight

    def ends_on(self, day: datetime) -> bool:
        """Tell whether the window ends on a day: the snapshot of that day belongs to it."""
        return self.end.astimezone(UTC).date() == day.astimezone(UTC).date()
