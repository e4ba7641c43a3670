"""The subscriptions that a credential can see.

Source: Azure REST API reference, "Subscriptions - List" (2022-12-01).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from keywatch.azure_resources.resource_manager import Listing, ResourceManager
from keywatch.azure_resources.seen import Seen
from keywatch.errors import ConfigurationError

log = logging.getLogger(__name__)

SUBSCRIPTION_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DELETED: Final = "Deleted"
ACTION: Final = "Microsoft.Resources/subscriptions/read"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription.

    Attributes:
        id: Its GUID, in lower case.
        name: What people call it, if known.
        state: `Enabled`, `Warned`, `PastDue`, `Disabled` or `Deleted`; None if not known.

    Raises:
        ConfigurationError: The id is not a GUID.
    """

    id: str
    name: str | None = None
    state: str | None = None

    def __post_init__(self) -> None:
        if not SUBSCRIPTION_ID.fullmatch(self.id):
            raise ConfigurationError(
                f"{self.id!r} is not the id of a subscription: give its GUID in lower case. Correct `subscriptions`."
            )


def list_subscriptions(manager: ResourceManager) -> Iterator[Subscription]:
    """Yield every subscription that the credential can see, each once.

    Raises:
        KeywatchError: As `ResourceManager.items`.
    """
    listing = Listing("/subscriptions", {"api-version": "2022-12-01"}, ACTION, "subscriptionId")
    with Seen() as seen:
        for item in manager.items(listing, seen):
            identifier = str(item.get("subscriptionId")).lower()
            if SUBSCRIPTION_ID.fullmatch(identifier):
                yield Subscription(identifier, _text(item.get("displayName")), _text(item.get("state")))
            else:
                log.warning("Azure lists a subscription without an id, which is left out")


def _text(value: object) -> str | None:
    """Return what somebody has called something, on one line; None if it is no text."""
    return "".join(c if c.isprintable() else " " for c in value) if isinstance(value, str) and value else None
