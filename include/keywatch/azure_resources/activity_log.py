"""The activity log of one subscription, sliced by day.

Source: Azure REST API reference, "Activity Logs - List" (2015-04-01): `$filter` is required, with a start; it takes an
end and one of four conditions, and "no other syntax is allowed".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

from keywatch.azure_resources.resource_manager import Listing, ResourceManager
from keywatch.azure_resources.seen import Seen
from keywatch.azure_resources.windows import Window
from keywatch.errors import ConfigurationError

ACTION: Final = "Microsoft.Insights/eventtypes/values/Read"
API_VERSION: Final = "2015-04-01"

FilterBy = Literal["resourceGroupName", "resourceUri", "resourceProvider", "correlationId"]

SELECTABLE: Final = (
    *(
        "authorization",
        "caller",
        "claims",
        "correlationId",
        "description",
        "eventDataId",
        "eventName",
        "eventTimestamp",
    ),
    *("httpRequest", "level", "operationId", "operationName", "properties", "resourceGroupName"),
    *("resourceProviderName", "resourceId", "status", "submissionTimestamp", "subStatus", "subscriptionId"),
)
"""The properties that can be selected: those of the reference and `caller`, which it does not name and people select
(unverified). `category` is not among them; `id` comes whether selected or not."""

NEEDED: Final = ("eventDataId", "eventTimestamp")


@dataclass(frozen=True, slots=True)
class Condition:
    """What events are wanted, beside their time.

    Attributes:
        by: One of the conditions that the log knows.
        value: What it must be equal to.

    Raises:
        ConfigurationError: There is no such condition, or it has no value.
    """

    by: FilterBy
    value: str

    def __post_init__(self) -> None:
        if self.by not in get_args(FilterBy):
            raise ConfigurationError(
                f"The activity log cannot be filtered by {self.by!r}. It can by: {', '.join(get_args(FilterBy))}."
            )
        if not self.value or not self.value.isprintable():
            raise ConfigurationError(f"The filter by {self.by} has no usable value. Give one, or remove the filter.")

    def __str__(self) -> str:
        """Write it as the log's filter has it."""
        value = self.value.replace("'", "''")
        return f"{self.by} eq '{value}'"


def check_selectable(names: Sequence[str]) -> None:
    """Refuse properties that the activity log does not let one select.

    Raises:
        ConfigurationError: One cannot be selected.
    """
    if unknown := sorted(set(names) - set(SELECTABLE)):
        raise ConfigurationError(
            f"The activity log does not let one select {', '.join(unknown)}. It does: {', '.join(SELECTABLE)}."
        )


@dataclass(frozen=True, slots=True)
class ActivityQuery:
    """What is asked of a subscription's activity log.

    Attributes:
        subscription_id: The subscription.
        window: When the events happened.
        condition: Which of them; None is all.
        select: The properties to return, ids and times always among them; none is all of them.

    Raises:
        ConfigurationError: A property cannot be selected.
    """

    subscription_id: str
    window: Window
    condition: Condition | None = None
    select: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_selectable(self.select)


def activity_log(manager: ResourceManager, query: ActivityQuery, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield a window's events as Azure writes them, each once by `eventDataId`, day by day.

    Args:
        manager: Resource Manager.
        query: What is asked.
        now: UTC.

    Raises:
        ActivityWindowError: Azure no longer keeps the window.
        KeywatchError: As `ResourceManager.items`.
    """
    query.window.check_kept(now)
    with Seen() as seen:
        for day in query.window.days():
            yield from manager.items(_listing(query, day), seen)


def _listing(query: ActivityQuery, day: Window) -> Listing:
    wanted = {"api-version": API_VERSION, "$filter": filter_of(day, query.condition)}
    if query.select:
        wanted["$select"] = ",".join(dict.fromkeys((*NEEDED, *query.select)))
    path = f"/subscriptions/{query.subscription_id}/providers/Microsoft.Insights/eventtypes/management/values"
    return Listing(path, wanted, ACTION, "eventDataId", query.subscription_id)


def filter_of(window: Window, condition: Condition | None = None) -> str:
    """Write the filter of a window. Its end is the last tick of 100 ns before the window's, since `le` includes it."""
    times = f"eventTimestamp ge '{_first_tick(window.start)}' and eventTimestamp le '{_tick_before(window.end)}'"
    return times if condition is None else f"{times} and {condition}"


def _first_tick(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def _tick_before(moment: datetime) -> str:
    return f"{moment.astimezone(UTC) - timedelta(microseconds=1):%Y-%m-%dT%H:%M:%S.%f}9Z"
