"""The virtual machines of the subscriptions, decided by a seed alone.

Source: the Azure REST API reference, "Virtual Machines - List All".
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from localcloud.azure.subscriptions import Subscriptions
from localcloud.model import Seed
from localcloud.resources_model import SeededMachine, Subscription

OLDEST: Final = timedelta(days=1_500)
GROUPS: Final = ("web-prod", "payments-prod", "data-prod", "shared-services", "build", "müller-tests")
"""Resource groups; their names may have letters of any script."""
SYSTEMS: Final = ("web", "api", "sql", "batch", "jump", "build", "cache", "queue")
LOCATIONS: Final = ("westeurope", "westeurope", "northeurope", "eastus2", "germanywestcentral")
SIZES: Final = ("Standard_D2s_v5", "Standard_D4s_v5", "Standard_E8ds_v5", "Standard_B2ms", "Standard_F4s_v2")
WINDOWS_NAME: Final = 15
"""Characters of a computer's name that Windows keeps."""
IMAGES: Final = {
    "Linux": (
        ("Canonical", "ubuntu-24_04-lts", "server"),
        ("RedHat", "RHEL", "9-lvm-gen2"),
        ("Debian", "debian-12", "12-gen2"),
    ),
    "Windows": (
        ("MicrosoftWindowsServer", "WindowsServer", "2022-datacenter-azure-edition"),
        ("MicrosoftSQLServer", "sql2022-ws2022", "standard-gen2"),
    ),
}
TAGS: Final[tuple[dict[str, str], ...]] = (
    {},
    {},
    {"environment": "production", "cost centre": "4711"},
    {"owner": "Zoë Müller <zoe@contoso.com>", "hidden-title": "機械"},
    {"expires": "", "team": "platform+sre"},
)
PROVISIONING: Final = ("Succeeded",) * 12 + ("Updating", "Failed")


@dataclass(frozen=True)
class Machine:
    """A virtual machine: what was decided about it."""

    serial: int
    system: str
    group: str
    location: str
    size: str
    system_type: str
    image: tuple[str, str, str]
    vm_id: str
    created: datetime
    zone: str | None
    tags: Mapping[str, str] = field(repr=False)
    priority: str | None
    state: str

    @property
    def name(self) -> str:
        """Its name, which no other has."""
        return f"vm-{self.system}-{self.serial:05d}"

    def resource_id(self, subscription_id: str) -> str:
        """Name it as Resource Manager does, which writes the group in capitals."""
        group = f"/subscriptions/{subscription_id}/resourceGroups/{self.group.upper()}"
        return f"{group}/providers/Microsoft.Compute/virtualMachines/{self.name}"

    def seeded(self, subscription_id: str) -> SeededMachine:
        """Tell the truth about it."""
        return SeededMachine(subscription_id, self.resource_id(subscription_id), self.name, self.vm_id, self.location)

    def body(self, subscription_id: str) -> dict[str, Any]:
        """Describe it as Resource Manager does; what it has not got is not in there."""
        described: dict[str, Any] = {
            "name": self.name,
            "id": self.resource_id(subscription_id),
            "type": "Microsoft.Compute/virtualMachines",
            "location": self.location,
        }
        if self.tags:
            described["tags"] = dict(self.tags)
        if self.zone is not None:
            described["zones"] = [self.zone]
        return described | {"properties": self._properties()}

    def _properties(self) -> dict[str, Any]:
        publisher, offer, sku = self.image
        reference = {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest", "exactVersion": "1.0.7"}
        disk = {
            "osType": self.system_type,
            "name": f"{self.name}_OsDisk_1",
            "createOption": "FromImage",
            "caching": "ReadWrite",
            "managedDisk": {"storageAccountType": "Premium_LRS"},
            "deleteOption": "Delete",
        }
        computer = self.name[:WINDOWS_NAME] if self.system_type == "Windows" else self.name
        properties: dict[str, Any] = {
            "hardwareProfile": {"vmSize": self.size},
            "provisioningState": self.state,
            "vmId": self.vm_id,
            "storageProfile": {"imageReference": reference, "osDisk": disk, "dataDisks": []},
            "osProfile": {"computerName": computer, "adminUsername": "operations", "allowExtensionOperations": True},
            "networkProfile": {"networkInterfaces": []},
            "timeCreated": self.created.isoformat(),
        }
        return properties if self.priority is None else properties | {"priority": self.priority}


class Machines:
    """The virtual machines of all subscriptions, made when somebody asks for them.

    Args:
        seed: how many there are from the start, and the number that decides about them.
        now: before which all of these were made.
        subscriptions: what they are in.
    """

    def __init__(self, seed: Seed, now: datetime, subscriptions: Subscriptions) -> None:
        self._seed = seed
        self._now = now
        self._subscriptions = subscriptions
        self.reset()

    def reset(self) -> None:
        """Bring back those that there are from the start, and only those."""
        self._made: dict[str, list[Machine]] = {}

    def of(self, subscription: Subscription) -> list[Machine]:
        """List the machines of a subscription."""
        if subscription.id not in self._made:
            ordinal = self._subscriptions.ordinal(subscription)
            count = self._subscriptions.share(self._seed.virtual_machines, subscription)
            self._made[subscription.id] = make_machines(f"{self._seed.number} machines {ordinal}", count, 0, self._now)
        return self._made[subscription.id]

    def add(self, subscription: Subscription, count: int, number: int) -> list[Machine]:
        """Add machines to a subscription, and give them."""
        present = self.of(subscription)
        seed = f"{number} machines {self._subscriptions.ordinal(subscription)} after {len(present)}"
        added = make_machines(seed, count, len(present), datetime.now(UTC))
        present.extend(added)
        return added


def make_machines(seed: str, count: int, first: int, now: datetime) -> list[Machine]:
    """Make machines; the same arguments make the same.

    Args:
        seed: of every choice.
        count: how many.
        first: the serial number of the first one.
        now: before which all were made.
    """
    choose = random.Random(seed)  # noqa: S311 - repeatable on purpose; guards nothing
    return [_machine(choose, serial, now) for serial in range(first, first + count)]


def _machine(choose: random.Random, serial: int, now: datetime) -> Machine:
    system_type = choose.choice(("Linux", "Linux", "Windows"))
    return Machine(
        serial=serial,
        system=choose.choice(SYSTEMS),
        group=choose.choice(GROUPS),
        location=choose.choice(LOCATIONS),
        size=choose.choice(SIZES),
        system_type=system_type,
        image=choose.choice(IMAGES[system_type]),
        vm_id=str(uuid.UUID(int=choose.getrandbits(128), version=4)),
        created=now - OLDEST * choose.random(),
        zone=choose.choice((None, None, "1", "2", "3")),
        tags=choose.choice(TAGS),
        priority=choose.choice((None, None, None, "Regular", "Spot")),
        state=choose.choice(PROVISIONING),
    )
