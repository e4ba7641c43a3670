"""Accounts in a store of their own, people who sign in, and a clock that is set."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import URL

from keywatch.portal.accounts.model import Account
from keywatch.portal.accounts.store import AccountStore
from keywatch.portal.provider.model import Identity, Subject

ISSUER: Final = "https://contosokeys.b2clogin.com/00000000-0000-0000-0000-000000000001/v2.0/"
PAYMENTS: Final = "payments.owner@keywatch.example"
SEARCH: Final = "search.owner@keywatch.example"
ADMIN: Final = "security"
MFA: Final = "tfp=b2c_1_signupsignin1_mfa"


@dataclass
class Clock:
    """A clock that is set, in seconds since 1970."""

    now: float = 1_795_000_000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    @property
    def moment(self) -> datetime:
        """The same as a moment."""
        return datetime.fromtimestamp(self.now, UTC)


@dataclass
class Kept:
    """A store of accounts, and its clock."""

    url: URL
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.store = self.another()
        self.store.prepare()

    def another(self) -> AccountStore:
        """Open the same store with connections of its own."""
        return AccountStore(self.url, self.clock)

    def bound(self, email: str = PAYMENTS, value: str = "subject-1", *, owner: str | None = None) -> Account:
        """Make an account that is bound."""
        invitation = self.store.invite(email, issued_by=ADMIN, owner=owner)
        return self.store.accept(invitation.code, person(value, email))


def person(value: str = "subject-1", email: str | None = PAYMENTS, *, verified: bool = True) -> Identity:
    """Make what the provider says of somebody."""
    return Identity(Subject(ISSUER, value), "Key owner", email, verified)


def subject(value: str = "subject-1") -> Subject:
    """Make a subject of the provider."""
    return Subject(ISSUER, value)
