"""The virtual machines of one subscription.

Source: Azure REST API reference, "Virtual Machines - List All" (2024-07-01).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from keywatch.azure_resources.resource_manager import Listing, ResourceManager
from keywatch.azure_resources.seen import Seen

ACTION: Final = "Microsoft.Compute/virtualMachines/read"
API_VERSION: Final = "2024-07-01"


def virtual_machines(manager: ResourceManager, subscription_id: str) -> Iterator[dict[str, Any]]:
    """Yield a subscription's virtual machines as Azure describes them, each once by its resource id.

    Raises:
        KeywatchError: As `ResourceManager.items`.
    """
    path = f"/subscriptions/{subscription_id}/providers/Microsoft.Compute/virtualMachines"
    listing = Listing(path, {"api-version": API_VERSION}, ACTION, "id", subscription_id)
    with Seen() as seen:
        yield from manager.items(listing, seen)
