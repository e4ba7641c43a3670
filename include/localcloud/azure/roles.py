"""Azure RBAC: built-in roles with what they allow, and who holds which role over what.

Source: Microsoft Learn, "Azure built-in roles", and Key Vault's "Provide access with Azure RBAC".

A scope is named by what it is here: `/subscription` is the first subscription, `/subscription/<id>` any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

VAULT_SCOPE: Final = "/vault"
RULE_SCOPE: Final = "/dcr"
EVENT_HUB_SCOPE: Final = "/eventhub"
SUBSCRIPTION_SCOPE: Final = "/subscription"
SCOPES: Final = (VAULT_SCOPE, RULE_SCOPE, EVENT_HUB_SCOPE, SUBSCRIPTION_SCOPE)
VAULT_OBJECTS: Final = ("keys", "secrets", "certificates")

IN_SUBSCRIPTION: Final = frozenset({VAULT_SCOPE, RULE_SCOPE})
"""Scopes below the home tenant's subscription; the event hub belongs to another tenant's."""

READ_CERTIFICATE: Final = "Microsoft.KeyVault/vaults/certificates/read"
READ_KEY: Final = "Microsoft.KeyVault/vaults/keys/read"
SIGN: Final = "Microsoft.KeyVault/vaults/keys/sign/action"
GET_VALUE: Final = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
READ_METADATA: Final = "Microsoft.KeyVault/vaults/secrets/readMetadata/action"
WRITE_TELEMETRY: Final = "Microsoft.Insights/Telemetry/Write"
SEND_EVENT: Final = "Microsoft.EventHub/namespaces/messages/send/action"
READ_SUBSCRIPTION: Final = "Microsoft.Resources/subscriptions/read"
READ_RESOURCE_GROUPS: Final = "Microsoft.Resources/subscriptions/resourceGroups/read"
READ_MACHINES: Final = "Microsoft.Compute/virtualMachines/read"
READ_ACTIVITY: Final = "Microsoft.Insights/eventtypes/values/read"

CONTROL_PLANE: Final = ("Microsoft.Resources/", "Microsoft.Compute/", "Microsoft.Insights/eventtypes/")
"""Actions that begin so are of the control plane, all others here of the data plane."""
AZURE_READER: Final = "Keywatch Azure Reader"


@dataclass(frozen=True)
class Role:
    """What a role allows, on the control plane and on data; patterns with `*`."""

    actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Tell whether it allows an action."""
        patterns = self.actions if action.startswith(CONTROL_PLANE) else self.data_actions
        return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


KEYS: Final = "Microsoft.KeyVault/vaults/keys/"
ROLES: Final[dict[str, Role]] = {
    "Reader": Role(actions=("*/read",)),
    "Monitoring Reader": Role(actions=("*/read", "Microsoft.OperationalInsights/workspaces/search/action")),
    AZURE_READER: Role(actions=(READ_SUBSCRIPTION, READ_MACHINES, READ_ACTIVITY)),
    "Key Vault Reader": Role(data_actions=("Microsoft.KeyVault/vaults/*/read", READ_METADATA)),
    "Key Vault Crypto User": Role(
        data_actions=(
            READ_KEY,
            *(f"{KEYS}{verb}/action" for verb in ("update", "backup", "encrypt", "decrypt", "wrap", "unwrap")),
            SIGN,
            f"{KEYS}verify/action",
        )
    ),
    "Key Vault Secrets User": Role(data_actions=(GET_VALUE, READ_METADATA)),
    "Key Vault Certificate User": Role(data_actions=(READ_CERTIFICATE, GET_VALUE, READ_METADATA, READ_KEY)),
    "Keywatch Signer": Role(data_actions=(SIGN,)),
    "Monitoring Metrics Publisher": Role(data_actions=("Microsoft.Insights/Metrics/Write", WRITE_TELEMETRY)),
    "Azure Event Hubs Data Sender": Role(data_actions=("Microsoft.EventHub/*/send/action",)),
}
"""By name; all are built in but the custom ones, whose names begin with Keywatch."""


def check_scope(scope: str) -> str:
    """Give a scope back if it is one.

    Raises:
        ValueError: there is no such scope.
    """
    parent, _, name = scope.rpartition("/")
    parents = {SUBSCRIPTION_SCOPE, *(f"{VAULT_SCOPE}/{kind}" for kind in VAULT_OBJECTS)}
    if scope not in SCOPES and not (name and parent in parents):
        objects = ", ".join(f"{VAULT_SCOPE}/{kind}/<name>" for kind in VAULT_OBJECTS)
        raise ValueError(
            f"There is no scope {scope}; scopes: {', '.join(SCOPES)}, {SUBSCRIPTION_SCOPE}/<id>, {objects}"
        )
    return scope


def with_parents(scope: str) -> tuple[str, ...]:
    """Give a scope and all above it: what is granted there holds here. Subscriptions are beside one another."""
    top = f"/{scope.split('/')[1]}"
    if top == SUBSCRIPTION_SCOPE:
        return (scope,)
    above = () if scope == top else (top,)
    return (scope, *above, *((SUBSCRIPTION_SCOPE,) if top in IN_SUBSCRIPTION else ()))


class Assignments:
    """Who holds which role over what."""

    def __init__(self) -> None:
        self._held: set[tuple[str, str, str]] = set()

    def grant(self, object_id: str, role: str, scope: str) -> None:
        """Assign a role.

        Raises:
            ValueError: there is no such role or scope.
        """
        self._held.add((object_id, _known(role), check_scope(scope)))

    def revoke(self, object_id: str, role: str, scope: str) -> None:
        """Take a role away.

        Raises:
            ValueError: it is not held, over exactly that scope.
        """
        try:
            self._held.remove((object_id, role, scope))
        except KeyError:
            raise ValueError(f"The role {role} was not granted on {scope}") from None

    def clear(self) -> None:
        """Take all roles away."""
        self._held.clear()

    def allow(self, object_id: str, permission: str, scope: str) -> bool:
        """Tell whether a principal may do something.

        Args:
            object_id: The principal.
            permission: An action, or the name of a role that the principal must hold.
            scope: What it is done to.
        """
        above = with_parents(check_scope(scope))
        held = {role for holder, role, where in self._held if holder == object_id and where in above}
        if permission in ROLES:
            return permission in held
        return any(ROLES[role].allows(permission) for role in held)


def _known(role: str) -> str:
    if role not in ROLES:
        raise ValueError(f"There is no role {role}; roles: {', '.join(ROLES)}")
    return role
