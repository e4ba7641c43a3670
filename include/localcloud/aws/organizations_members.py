"""The organisation as it is now: its accounts' states, and who may list them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from localcloud.aws.organizations_seed import ACTIVE, management_account
from localcloud.model import utc_moment

if TYPE_CHECKING:
    from localcloud.aws.population import Population
    from localcloud.model import OrganizationAccount

STATUSES: Final = {
    "PENDING_ACTIVATION": "ACTIVE",
    "ACTIVE": "ACTIVE",
    "SUSPENDED": "SUSPENDED",
    "PENDING_CLOSURE": "PENDING_CLOSURE",
    "CLOSED": "SUSPENDED",
}
"""Every State, with the retired Status that goes with it. Status knows three values only; of the first and the last
State unverified."""


class Members:
    """The accounts of the organisation. Use it from one thread.

    Args:
        population: who is seeded.
    """

    def __init__(self, population: Population) -> None:
        self._accounts = population.organization
        self._managing = management_account(population.accounts)
        self._listing = {self._managing, population.accounts[0]}
        digest = hashlib.sha256(self._managing.encode()).hexdigest()
        self.id = f"o-{digest[:10]}"
        self.reset()

    def reset(self) -> None:
        """Bring the states back to the seed, and let Status and State be told."""
        self._states = {each.id: each.state for each in self._accounts}
        self.set_fields(status=True, state=True)

    def set_fields(self, *, status: bool, state: bool) -> None:
        """Choose what is told of an account's state.

        Raises:
            ValueError: it is neither.
        """
        if not (status or state):
            raise ValueError("AWS Organizations tells Status or State of an account, or both")
        self._fields = {"Status": status, "State": state}

    def set_state(self, account: str, state: str) -> None:
        """Change the state of an account.

        Raises:
            ValueError: it is no account of the organisation, or there is no such state.
        """
        if account not in self._states:
            raise ValueError(f"The organisation has no account {account}")
        if state not in STATUSES:
            raise ValueError(f"There is no state {state}; states: {', '.join(STATUSES)}")
        self._states[account] = state

    def may_enter(self, account: str) -> bool:
        """Tell whether roles of an account can be assumed."""
        return self._states.get(account, ACTIVE) == ACTIVE

    def has(self, account: str) -> bool:
        """Tell whether an account is in the organisation."""
        return account in self._states

    def may_list(self, account: str) -> bool:
        """Tell whether an account may list the others: it manages the organisation, or is a delegated administrator."""
        return account in self._listing

    def listed(self) -> list[dict[str, Any]]:
        """Describe the accounts as Organizations does, in the order of their ids."""
        return [self._described(each) for each in sorted(self._accounts, key=lambda each: each.id)]

    def described(self, account: str) -> dict[str, Any] | None:
        """Describe an account; None if it is not in the organisation."""
        return next((self._described(each) for each in self._accounts if each.id == account), None)

    def organization(self) -> dict[str, Any]:
        """Describe the organisation."""
        managing = next(each for each in self._accounts if each.id == self._managing)
        return {
            "Id": self.id,
            "Arn": f"arn:aws:organizations::{self._managing}:organization/{self.id}",
            "FeatureSet": "ALL",
            "MasterAccountArn": self._arn(self._managing),
            "MasterAccountId": self._managing,
            "MasterAccountEmail": managing.email,
        }

    def _described(self, account: OrganizationAccount) -> dict[str, Any]:
        state = self._states[account.id]
        told = {"Status": STATUSES[state], "State": state}
        return {
            "Id": account.id,
            "Arn": self._arn(account.id),
            "Email": account.email,
            "Name": account.name,
            **{name: value for name, value in told.items() if self._fields[name]},
            "JoinedMethod": account.joined_method,
            "JoinedTimestamp": _seconds(utc_moment(account.joined_date)),
        }

    def _arn(self, account: str) -> str:
        return f"arn:aws:organizations::{self._managing}:account/{self.id}/{account}"


def _seconds(moment: datetime) -> float:
    """Write a moment as the JSON protocol does: seconds since 1970."""
    return moment.timestamp()
