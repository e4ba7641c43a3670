"""The activity logs of the subscriptions: what happened, and what of it each shows already."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, datetime, timedelta
from typing import Final

from localcloud.azure.activity_filter import Filter
from localcloud.azure.activity_seed import LONGEST_LAG, Event, make_events
from localcloud.azure.subscriptions import Subscriptions
from localcloud.azure.ticks import ticks_of, ticks_text
from localcloud.model import Seed
from localcloud.resources_model import SeededEvent, Subscription

SEEDED_SPAN: Final = timedelta(days=10)


class ActivityLogs:
    """The logs of all subscriptions, written when somebody asks for them.

    Args:
        seed: how many events there are from the start, and the number that decides about them.
        now: before which all of these had happened and been submitted.
        subscriptions: whose logs these are.

    Attributes:
        arrivals: how often events have arrived since the start. A listing shows what had arrived when it began, so
            that its pages fit together.
    """

    def __init__(self, seed: Seed, now: datetime, subscriptions: Subscriptions) -> None:
        self._seed = seed
        self._now = now
        self._subscriptions = subscriptions
        self._seeded: dict[str, list[Event]] = {}
        self.reset()

    def reset(self) -> None:
        """Bring back the events that there are from the start, and only those."""
        self.arrivals = 0
        self._logs: dict[str, list[Event]] = {}

    def of(self, subscription: Subscription) -> list[Event]:
        """Give all events of a subscription, the newest first, and those that its log does not show yet too."""
        if subscription.id not in self._logs:
            if subscription.id not in self._seeded:
                self._seeded[subscription.id] = _newest_first(self._seed_of(subscription))
            self._logs[subscription.id] = list(self._seeded[subscription.id])
        return self._logs[subscription.id]

    def find(self, subscription: Subscription, wanted: Filter, seen: int) -> list[Event]:
        """List what had come by an arrival and is asked for, the newest first."""
        return [
            event
            for event in self.of(subscription)
            if event.arrived is not None and event.arrived <= seen and wanted.selects(event, subscription.id)
        ]

    def add(
        self, subscription: Subscription, count: int, start: datetime, end: datetime, *, number: int, late: int
    ) -> list[Event]:
        """Add events to a log, and give them, the newest first.

        Args:
            subscription: whose log.
            count: how many.
            start: the first moment at which one can have happened.
            end: the moment before which all have happened.
            number: the seed of every choice.
            late: how many of them the log does not show yet.

        Raises:
            ValueError: there is no time between start and end, or more are to be late than there are.
        """
        if start.tzinfo is None or end.tzinfo is None or start >= end:
            raise ValueError("Events need a start and, after it, an end, both with an offset from UTC")
        if not 0 <= late <= count:
            raise ValueError(f"Of {count} events there cannot be {late} late")
        present = self.of(subscription)
        seed = f"{number} events {self._subscriptions.ordinal(subscription)} after {len(present)}"
        made = make_events(seed, count, ticks_of(start), ticks_of(end))
        hidden = set(random.Random(seed).sample(range(count), late))  # noqa: S311 - repeatable on purpose
        self.arrivals += 1
        now = ticks_of(datetime.now(UTC))
        added = [
            dataclasses.replace(
                event,
                arrived=None if place in hidden else self.arrivals,
                lag=max(0, min(event.lag, now - event.ticks)),
            )
            for place, event in enumerate(made)
        ]
        self._logs[subscription.id] = _newest_first(present + added)
        return _newest_first(added)

    def release(self) -> int:
        """Let all logs show their late events, as submitted now, and tell how many these are."""
        self.arrivals += 1
        now, released = ticks_of(datetime.now(UTC)), 0
        for log in self._logs.values():
            for place, event in enumerate(log):
                if event.arrived is None:
                    lag = max(0, now - event.ticks)
                    log[place] = dataclasses.replace(event, arrived=self.arrivals, lag=lag)
                    released += 1
        return released

    def _seed_of(self, subscription: Subscription) -> list[Event]:
        seed = f"{self._seed.number} events {self._subscriptions.ordinal(subscription)}"
        count = self._subscriptions.share(self._seed.activity_events, subscription)
        start, end = ticks_of(self._now - SEEDED_SPAN), ticks_of(self._now) - LONGEST_LAG
        return make_events(seed, count, start, end)


def seeded_event(event: Event, subscription: Subscription) -> SeededEvent:
    """Tell the truth about an event."""
    return SeededEvent(subscription.id, event.id, ticks_text(event.ticks), late=event.arrived is None)


def _newest_first(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (-event.ticks, event.id))
