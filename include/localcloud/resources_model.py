"""The words about Azure's subscriptions, and what is listed in them, that the local cloud and its users share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

STATES: Final = ("Enabled", "Disabled", "PastDue", "Warned")
"""Of a subscription that can be read; in each but the first nothing can be changed."""


class Listing(StrEnum):
    """What Resource Manager lists page by page."""

    SUBSCRIPTIONS = "subscriptions"
    MACHINES = "machines"
    ACTIVITY = "activity"


@dataclass(frozen=True)
class Paging:
    """How a listing is cut into pages, and what is odd about them; all that is None or False is not.

    Attributes:
        size: items in a page.
        empty_first: whether a page without items, which has a link to the next one, comes first.
        empty_every: such a page also comes after the first page with items, and after every so many-th from there on,
            but never last: 1 puts one between any two.
        repeat_every: the first page with items, and every so many-th from there on, comes twice, its items included.
        loop_at: the page of this number, counted from 1 with all that are added, links to itself.
        loop_changes: whether that link is another one each time, and leads to the same page all the same, as the
            activity log has done (Azure/azure-sdk-for-go, issue 20540).
        next_host: the host, with or without a port, that every link names; None is Resource Manager's.
        next_scheme: what every link begins with.
    """

    size: int = 1_000
    empty_first: bool = False
    empty_every: int | None = None
    repeat_every: int | None = None
    loop_at: int | None = None
    loop_changes: bool = False
    next_host: str | None = None
    next_scheme: str = "https"

    def __post_init__(self) -> None:
        counts = (self.size, self.empty_every, self.repeat_every, self.loop_at)
        if any(count is not None and count < 1 for count in counts):
            raise ValueError("A page has at least one item, and what comes every so many pages comes every one or more")


PAGINGS: Final = {
    Listing.SUBSCRIPTIONS: Paging(),
    Listing.MACHINES: Paging(),
    Listing.ACTIVITY: Paging(empty_every=3),
}
"""How each listing is cut unless told otherwise. Pages without events are known of the activity log of a tenant."""


@dataclass(frozen=True)
class Subscription:
    """A subscription of the home tenant: its id (a GUID), its name, and its state, one of `STATES`."""

    id: str
    name: str
    state: str = "Enabled"


@dataclass(frozen=True)
class SeededMachine:
    """The truth about one virtual machine.

    Attributes:
        subscription_id: where it is.
        id: its resource id, as Resource Manager writes it: with the resource group in capitals.
        name: unlike that of any other machine of the subscription.
        vm_id: a GUID.
        location: such as westeurope.
    """

    subscription_id: str
    id: str
    name: str
    vm_id: str
    location: str


@dataclass(frozen=True)
class SeededEvent:
    """The truth about one event of an activity log.

    Attributes:
        subscription_id: whose log it is.
        event_data_id: a GUID, unlike that of any other event.
        event_timestamp: when it happened, ISO 8601 UTC with seven decimals.
        late: whether the log does not show it yet.
    """

    subscription_id: str
    event_data_id: str
    event_timestamp: str
    late: bool
