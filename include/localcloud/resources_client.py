"""What `LocalCloud` can change about Azure's subscriptions and what is listed in them, and find out about it."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from localcloud.model import from_json
from localcloud.resources_model import Listing, Paging, SeededEvent, SeededMachine, Subscription


class ResourceControls(ABC):
    """The methods about subscriptions. What is refused raises `LocalCloudError` in words that say why.

    `reset` undoes them all.
    """

    @abstractmethod
    def _ask(
        self, method: str, path: str, query: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 - JSON
        """Ask the control interface."""

    def subscriptions(self) -> list[Subscription]:
        """List all subscriptions, whoever may see them, the first one of `azure.subscription_ids` first."""
        return [from_json(Subscription, each) for each in self._resources("subscriptions")]

    def add_subscription(self, name: str, *, state: str = "Enabled") -> Subscription:
        """Add a subscription in which there is nothing and nobody holds a role: `grant` them on `/subscription/<id>`.

        Args:
            name: unlike that of any other.
            state: one of `resources_model.STATES`.
        """
        return from_json(Subscription, self._resources("add_subscription", name=name, state=state))

    def set_subscription_state(self, subscription_id: str, state: str) -> None:
        """Let a subscription be in another state, one of `resources_model.STATES`; it can be read in each."""
        self._resources("set_subscription_state", subscription_id=subscription_id, state=state)

    def virtual_machines(self, subscription_id: str | None = None) -> list[SeededMachine]:
        """Give the virtual machines of a subscription, or of all, in the order in which they are listed."""
        return _machines(self._resources("virtual_machines", subscription_id=subscription_id))

    def add_virtual_machines(self, subscription_id: str, count: int, *, number: int = 1) -> list[SeededMachine]:
        """Add virtual machines to a subscription, behind those that there are.

        Args:
            subscription_id: where.
            count: how many.
            number: the seed of every choice.
        """
        return _machines(
            self._resources("add_virtual_machines", subscription_id=subscription_id, count=count, number=number)
        )

    def activity_events(self, subscription_id: str | None = None) -> list[SeededEvent]:
        """Give the events of a subscription's activity log, or of all, late ones included, the newest first."""
        return _events(self._resources("activity_events", subscription_id=subscription_id))

    def add_activity_events(
        self, subscription_id: str, count: int, *, start: datetime, end: datetime, number: int = 1, late: int = 0
    ) -> list[SeededEvent]:
        """Add events to a subscription's activity log, and give them, the newest first.

        Args:
            subscription_id: whose log.
            count: how many.
            start: the first moment at which one can have happened.
            end: the moment before which all have happened.
            number: the seed of every choice.
            late: how many of them the log does not show until `release_late_events`.
        """
        added = self._resources(
            "add_activity_events",
            subscription_id=subscription_id,
            count=count,
            start=start.isoformat(),
            end=end.isoformat(),
            number=number,
            late=late,
        )
        return _events(added)

    def release_late_events(self) -> int:
        """Let every activity log show its late events from now on, and tell how many these are.

        They are in listings that begin from now on; one that has begun goes on without them.
        """
        return int(self._resources("release_late_events"))

    def set_paging(self, listing: Listing | str, paging: Paging) -> None:
        """Cut a listing into other pages.

        Args:
            listing: `subscriptions`, `machines` or `activity`.
            paging: how; nothing stays of how it was cut before.
        """
        self._resources("set_paging", listing=Listing(listing), paging=dataclasses.asdict(paging))

    def set_rate_limit(self, *, size: int = 250, per_second: float = 25.0) -> None:
        """Let Resource Manager throttle reads at another rate, with all buckets full.

        Args:
            size: how many reads of one caller in one subscription a bucket holds.
            per_second: how many come back in a second.
        """
        self._resources("set_rate_limit", size=size, per_second=per_second)

    def _resources(self, verb: str, **body: Any) -> Any:  # noqa: ANN401 - JSON
        return self._ask("POST", f"/resources/{verb}", body=body)


def _machines(found: Iterable[Mapping[str, Any]]) -> list[SeededMachine]:
    return [from_json(SeededMachine, each) for each in found]


def _events(found: Iterable[Mapping[str, Any]]) -> list[SeededEvent]:
    return [from_json(SeededEvent, each) for each in found]
