"""What happens in seeded subscriptions, event by event, decided by a seed alone.

Most events come in pairs, as an operation begins and ends. Some are nobody's, such as news of Azure's own health.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from localcloud.azure.ticks import TICKS

ADMINISTRATIVE: Final = "Administrative"
POLICY: Final = "Policy"
HEALTH: Final = "ServiceHealth"
GROUPS: Final = ("web-prod", "WEB-PROD", "payments-prod", "PAYMENTS-PROD", "data-prod", "build", "müller-tests")
"""Resource groups as the log names them: as they were written by whoever called, or in capitals."""
NAMES: Final = (
    "payments-01",
    "web-02",
    "batch-17",
    "nightly",
    "größe-prüfung",
    "kv-payments",
    "nsg-edge",
    "évaluation",
)
LONGEST: Final = 90 * TICKS
"""The most that the end of an operation comes after its beginning."""
SHORTEST_LAG: Final = 3 * 60 * TICKS
LONGEST_LAG: Final = 20 * 60 * TICKS
"""How long after it happened an event is submitted: 3 to 20 minutes, says the documentation."""


@dataclass(frozen=True)
class Operation:
    """Something that is done to a resource: its name, the same for people, and the HTTP method that does it."""

    name: str
    label: str
    method: str
    category: str = ADMINISTRATIVE

    @cached_property
    def provider(self) -> str:
        """The namespace of the resource provider."""
        return self.name.partition("/")[0]

    @cached_property
    def resource_type(self) -> str:
        """The type of what it is done to."""
        parts = self.name.split("/")
        return "/".join(parts[: -2 if parts[-1] == "action" else -1])


OPERATIONS: Final = (
    Operation("Microsoft.Compute/virtualMachines/start/action", "Start Virtual Machine", "POST"),
    Operation("Microsoft.Compute/virtualMachines/deallocate/action", "Deallocate Virtual Machine", "POST"),
    Operation("Microsoft.Compute/virtualMachines/runCommand/action", "Run Command on Virtual Machine", "POST"),
    Operation("Microsoft.Compute/virtualMachines/write", "Create or Update Virtual Machine", "PUT"),
    Operation("Microsoft.Compute/virtualMachines/delete", "Delete Virtual Machine", "DELETE"),
    Operation("Microsoft.Network/networkSecurityGroups/securityRules/write", "Create or Update Security Rule", "PUT"),
    Operation("Microsoft.Authorization/roleAssignments/write", "Create role assignment", "PUT"),
    Operation("Microsoft.Authorization/roleAssignments/delete", "Delete role assignment", "DELETE"),
    Operation("Microsoft.Storage/storageAccounts/listKeys/action", "List Storage Account Keys", "POST"),
    Operation("Microsoft.KeyVault/vaults/write", "Update Key Vault", "PUT"),
    Operation("Microsoft.Resources/deployments/write", "Create Deployment", "PUT"),
    Operation("Microsoft.Authorization/policies/audit/action", "'audit' Policy action.", "", POLICY),
)
INCIDENT: Final = Operation(
    "Microsoft.ServiceHealth/incident/action", "Microsoft.ServiceHealth/incident/action", "", HEALTH
)
INCIDENTS: Final = 0.03
"""The share of operations that are news of Azure's own health."""


@dataclass(frozen=True)
class Actor:
    """Who does something: a person with a name and a user principal name, or an application with neither."""

    object_id: str
    application_id: str
    address: str
    name: str | None = None
    upn: str | None = None

    @property
    def caller(self) -> str:
        """What the log calls the actor."""
        return self.upn or self.object_id


PORTAL: Final = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"
ACTORS: Final = (
    Actor("6d9f1f4e-4c2b-4f0e-9b8e-2b0f8c1d7a01", PORTAL, "203.0.113.7", "Ada Brandt", "ada.brandt@contoso.com"),
    Actor("0b1f6a52-90f4-4a5e-8a0c-6d2a1c7f3b02", PORTAL, "198.51.100.23", "Zoë Müller", "zoë.müller@contoso.com"),
    Actor("f2c80d3b-17f6-4d4a-9d0b-8e5b2f6a4c03", PORTAL, "2001:db8::17", "王 芳", "wang.fang@contoso.com"),
    Actor("a97d5e1c-3b68-4e2f-b1a4-7c9e0d5f6a04", "a97d5e1c-3b68-4e2f-b1a4-7c9e0d5f6b04", "192.0.2.40"),
    Actor("3e6b2a98-5d07-4c1b-8f3e-1a2b3c4d5e05", "3e6b2a98-5d07-4c1b-8f3e-1a2b3c4d5f05", "192.0.2.41"),
)


@dataclass(frozen=True)
class Outcome:
    """How an event says that things stand: its name, status, HTTP status in words, and level."""

    event: str
    status: str
    sub_status: str
    level: str = "Informational"


BEGUN: Final = Outcome("BeginRequest", "Started", "")
ACTIVE: Final = Outcome("", "Active", "", "Warning")
AUDITED: Final = Outcome("EndRequest", "Succeeded", "", "Warning")
ENDS: Final = (
    *(Outcome("EndRequest", "Succeeded", each) for each in ("OK", "OK", "Created", "NoContent")),
    Outcome("EndRequest", "Accepted", "Accepted"),
    Outcome("EndRequest", "Failed", "Conflict", "Error"),
    Outcome("EndRequest", "Failed", "Forbidden", "Error"),
)


@dataclass(frozen=True)
class Event:
    """An event: what was decided about it.

    Attributes:
        ticks: when it happened.
        lag: ticks until it was submitted.
        id: unlike that of any other event.
        correlation_id: shared by the beginning and the end of an operation.
        operation_id: likewise.
        operation: what was done.
        actor: by whom.
        group: the resource group.
        name: of the resource.
        outcome: how it went.
        arrived: the number of the arrival with which the log began to show it; None if it does not yet.
    """

    ticks: int
    lag: int
    id: str
    correlation_id: str
    operation_id: str
    operation: Operation
    actor: Actor
    group: str
    name: str
    outcome: Outcome
    arrived: int | None = 0


def make_events(seed: str, count: int, start: int, end: int) -> list[Event]:
    """Make events, in no order; the same arguments make the same.

    Args:
        seed: of every choice.
        count: how many.
        start: the first tick at which one can have happened.
        end: the tick before which all have happened.
    """
    choose = random.Random(seed)  # noqa: S311 - repeatable on purpose; guards nothing
    made: list[Event] = []
    while len(made) < count:
        made.extend(_events_of_operation(choose, start, end))
    return made[:count]


def _events_of_operation(choose: random.Random, start: int, end: int) -> list[Event]:
    operation = INCIDENT if choose.random() < INCIDENTS else choose.choice(OPERATIONS)
    correlation_id, operation_id = _guid(choose), _guid(choose)
    actor, group, name = choose.choice(ACTORS), choose.choice(GROUPS), choose.choice(NAMES)
    ticks = choose.randrange(start, end)
    made: list[Event] = []
    for outcome in _outcomes(choose, operation):
        lag = choose.randrange(SHORTEST_LAG, LONGEST_LAG)
        made.append(
            Event(ticks, lag, _guid(choose), correlation_id, operation_id, operation, actor, group, name, outcome)
        )
        ticks = min(ticks + choose.randrange(LONGEST), end - 1)
    return made


def _outcomes(choose: random.Random, operation: Operation) -> tuple[Outcome, ...]:
    if operation.category == HEALTH:
        return (ACTIVE,)
    return (AUDITED,) if operation.category == POLICY else (BEGUN, choose.choice(ENDS))


def _guid(choose: random.Random) -> str:
    return str(uuid.UUID(int=choose.getrandbits(128), version=4))
