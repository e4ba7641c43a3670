"""What the control interface changes about subscriptions: one function for each verb of `POST /resources/<verb>`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from localcloud.azure.activity_log import seeded_event
from localcloud.azure.resources import Resources
from localcloud.model import from_json
from localcloud.resources_model import Listing, Paging, Subscription

Body = dict[str, Any]


def subscriptions(resources: Resources, _: Body) -> list[Body]:
    """List all subscriptions."""
    return [dataclasses.asdict(each) for each in resources.subscriptions]


def add_subscription(resources: Resources, body: Body) -> Body:
    """Add an empty subscription."""
    return dataclasses.asdict(resources.subscriptions.add(body["name"], body["state"]))


def set_subscription_state(resources: Resources, body: Body) -> None:
    """Change a subscription's state."""
    resources.subscriptions.set_state(body["subscription_id"], body["state"])


def virtual_machines(resources: Resources, body: Body) -> list[Body]:
    """List virtual machines."""
    return [
        dataclasses.asdict(machine.seeded(each.id))
        for each in _chosen(resources, body)
        for machine in resources.machines.of(each)
    ]


def add_virtual_machines(resources: Resources, body: Body) -> list[Body]:
    """Add virtual machines."""
    subscription = resources.subscriptions.get(body["subscription_id"])
    added = resources.machines.add(subscription, body["count"], body["number"])
    return [dataclasses.asdict(machine.seeded(subscription.id)) for machine in added]


def activity_events(resources: Resources, body: Body) -> list[Body]:
    """List events of activity logs."""
    return [
        dataclasses.asdict(seeded_event(event, each))
        for each in _chosen(resources, body)
        for event in resources.logs.of(each)
    ]


def add_activity_events(resources: Resources, body: Body) -> list[Body]:
    """Add events to an activity log."""
    subscription = resources.subscriptions.get(body["subscription_id"])
    start, end = (datetime.fromisoformat(body[name]) for name in ("start", "end"))
    added = resources.logs.add(subscription, body["count"], start, end, number=body["number"], late=body["late"])
    return [dataclasses.asdict(seeded_event(event, subscription)) for event in added]


def release_late_events(resources: Resources, _: Body) -> int:
    """Show the events that are late."""
    return resources.logs.release()


def set_paging(resources: Resources, body: Body) -> None:
    """Cut a listing into other pages."""
    resources.pages.change(Listing(body["listing"]), from_json(Paging, body["paging"]))


def set_rate_limit(resources: Resources, body: Body) -> None:
    """Throttle at another rate."""
    resources.limits.change(body["size"], body["per_second"])


def _chosen(resources: Resources, body: Body) -> list[Subscription]:
    chosen = body["subscription_id"]
    return list(resources.subscriptions) if chosen is None else [resources.subscriptions.get(chosen)]


VERBS: Final[dict[str, Callable[[Resources, Body], Any]]] = {
    each.__name__: each
    for each in (
        subscriptions,
        add_subscription,
        set_subscription_state,
        virtual_machines,
        add_virtual_machines,
        activity_events,
        add_activity_events,
        release_late_events,
        set_paging,
        set_rate_limit,
    )
}
"""By name."""
