"""The subscriptions of the home tenant, and what each is called where roles are assigned."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from typing import Any, Final

from localcloud.azure.roles import SUBSCRIPTION_SCOPE
from localcloud.resources_model import STATES, Subscription

FIRST: Final = "Cloud security"
PAYMENTS: Final = "Payments"
SANDBOX: Final = "Sandbox"
SEEDED: Final = (FIRST, PAYMENTS, SANDBOX)


class Subscriptions:
    """All subscriptions, in order. The seeded ones keep their ids through resets."""

    def __init__(self) -> None:
        self._seeded = tuple(Subscription(str(uuid.uuid4()), name) for name in SEEDED)
        self.reset()

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._all.values())

    @property
    def seeded(self) -> tuple[str, ...]:
        """The ids of those that there are from the start."""
        return tuple(each.id for each in self._seeded)

    def ordinal(self, subscription: Subscription) -> int:
        """Tell how many come before a subscription."""
        return list(self._all).index(subscription.id)

    def share(self, total: int, subscription: Subscription) -> int:
        """Give the share of a subscription in what is seeded, as even as can be; one that was added has none."""
        each, more = divmod(total, len(self._seeded))
        ordinal = self.ordinal(subscription)
        return each + (ordinal < more) if ordinal < len(self._seeded) else 0

    def reset(self) -> None:
        """Bring back those that there are from the start, and only those."""
        self._all = {each.id: each for each in self._seeded}

    def find(self, subscription_id: str) -> Subscription | None:
        """Give the subscription with an id, or None."""
        return self._all.get(subscription_id.lower())

    def get(self, subscription_id: str) -> Subscription:
        """Give the subscription with an id.

        Raises:
            ValueError: there is none.
        """
        found = self.find(subscription_id)
        if found is None:
            raise ValueError(f"There is no subscription {subscription_id}; there are {', '.join(self._all)}")
        return found

    def add(self, name: str, state: str) -> Subscription:
        """Add a subscription.

        Raises:
            ValueError: it has another's name, or no state that there is.
        """
        if not name or name in (each.name for each in self):
            raise ValueError(f"A subscription needs a name that no other has, not {name!r}")
        return self._keep(Subscription(str(uuid.uuid4()), name, _checked(state)))

    def set_state(self, subscription_id: str, state: str) -> None:
        """Change the state of a subscription.

        Raises:
            ValueError: there is no such subscription or state.
        """
        self._keep(dataclasses.replace(self.get(subscription_id), state=_checked(state)))

    def scope(self, subscription_id: str) -> str:
        """Give the scope that a subscription is where roles are assigned; of the first it is the short one."""
        return SUBSCRIPTION_SCOPE if subscription_id == self.seeded[0] else f"{SUBSCRIPTION_SCOPE}/{subscription_id}"

    def resolve(self, scope: str) -> str:
        """Give the scope that is meant by one that names a subscription by its id or name; any other as it is.

        Raises:
            ValueError: there is no such subscription.
        """
        parent, _, named = scope.rpartition("/")
        if parent != SUBSCRIPTION_SCOPE:
            return scope
        for each in self:
            if named in (each.id, each.name):
                return self.scope(each.id)
        names = ", ".join(f"{SUBSCRIPTION_SCOPE}/{each.name}" for each in self)
        raise ValueError(f"There is no scope {scope}; subscriptions: {names}, or the same with their ids")

    def _keep(self, subscription: Subscription) -> Subscription:
        self._all[subscription.id] = subscription
        return subscription


def subscription_body(subscription: Subscription, tenant_id: str) -> dict[str, Any]:
    """Describe a subscription as Resource Manager does.

    Source: the Azure REST API reference, "Subscriptions - List".
    """
    return {
        "id": f"/subscriptions/{subscription.id}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription.id,
        "tenantId": tenant_id,
        "displayName": subscription.name,
        "state": subscription.state,
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "EnterpriseAgreement_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _checked(state: str) -> str:
    if state not in STATES:
        raise ValueError(f"There is no state {state}; states: {', '.join(STATES)}")
    return state
