"""What an activity log can be asked: a span of time, perhaps one more condition, and a choice of properties.

Source: the Azure REST API reference, "Activity Logs - List", which lists the patterns and adds: no other syntax is
allowed. The form of a refusal, and what is said of a start too long ago, is as the Azure CLI has recorded it.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from localcloud.azure.activity_bodies import SELECTABLE, group_of, provider_of, resource_id_of
from localcloud.azure.activity_seed import Event
from localcloud.azure.rest import RefusedError
from localcloud.azure.ticks import TICKS, YEAR_1, ticks_of

RETAINED_DAYS: Final = 90
DAY: Final = 86_400
MOMENT: Final = r"'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?Z'"
FILTER: Final = re.compile(
    rf"eventTimestamp ge {MOMENT}(?: and eventTimestamp le {MOMENT})?"
    r"(?: and (resourceGroupName|resourceUri|resourceProvider|correlationId) eq '((?:[^']|'')+)')?"
)


class ActivityLogRefusedError(RefusedError):
    """A question that the activity log does not answer."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "BadRequest", message)


@dataclass(frozen=True)
class Filter:
    """Which events are asked for: from a tick to a tick, both included, and what else they have to have."""

    start: int
    end: int
    subject: str | None
    value: str

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Read a `$filter`.

        Raises:
            ActivityLogRefusedError: it is none that the log understands, or begins too long ago.
        """
        match = FILTER.fullmatch(text)
        if match is None:
            raise ActivityLogRefusedError("$filter searching parameters invalid.")
        start = _ticks(match[1], match[2])
        end = _ticks(match[3], match[4]) if match[3] else ticks_of(datetime.now(UTC))
        if start < YEAR_1 + int((time.time() - RETAINED_DAYS * DAY) * TICKS):
            raise ActivityLogRefusedError(f"The start time cannot be more than {RETAINED_DAYS} days in the past.")
        if end < start:
            raise ActivityLogRefusedError("The end time cannot be before the start time.")  # unverified
        return cls(start, end, match[5], (match[6] or "").replace("''", "'").casefold())

    def selects(self, event: Event, subscription_id: str) -> bool:
        """Tell whether an event is asked for."""
        if not self.start <= event.ticks <= self.end:
            return False
        if self.subject == "resourceGroupName":
            return group_of(event).casefold() == self.value
        if self.subject == "resourceUri":
            return resource_id_of(event, subscription_id).casefold() == self.value
        if self.subject == "resourceProvider":
            return provider_of(event).casefold() == self.value
        return self.subject is None or event.correlation_id == self.value


def parse_select(text: str | None) -> frozenset[str] | None:
    """Read a `$select`: the names of the properties to give, `id` among them; None is all.

    Raises:
        ActivityLogRefusedError: it names one that there is not.
    """
    if text is None:
        return None
    names = frozenset(text.split(","))
    if not names <= SELECTABLE:
        raise ActivityLogRefusedError(f"$select names no property of an event: {', '.join(names - SELECTABLE)[:80]}")
    return names | {"id"}


def _ticks(moment: str, fraction: str | None) -> int:
    try:
        whole = ticks_of(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ActivityLogRefusedError("$filter searching parameters invalid.") from None
    return whole + int((fraction or "").ljust(7, "0"))
