"""The people whom a provider knows: what they sign in with, and the codes that reach their phone or mailbox."""

from __future__ import annotations

import hmac
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Final

CODE_SECONDS: Final = 60
"""A code is shown for so long at most, and taken for as long again."""


@dataclass
class Account:
    """Somebody whom a provider knows.

    Attributes:
        email: as given; found without regard to case.
        password: in clear, as this is no place for a real one.
        name: for people.
        email_verified: whether the provider says that the address is theirs.
        second_factor: whether a phone is registered.
        object_id: a GUID that never changes.
    """

    email: str
    password: str = field(repr=False)
    name: str
    email_verified: bool = True
    second_factor: bool = True
    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class People:
    """The accounts of one provider."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._accounts: dict[str, Account] = {}
        self._key = secrets.token_bytes(32)

    def clear(self) -> None:
        """Know nobody."""
        self._accounts.clear()

    def add(self, account: Account) -> Account:
        """Let somebody in.

        Raises:
            ValueError: somebody has that address already, or it is none.
        """
        self._check(account.email, self.find(account.email))
        self._accounts[account.email.lower()] = account
        return account

    def find(self, email: str) -> Account | None:
        """Find somebody by their address."""
        return self._accounts.get(email.strip().lower())

    def get(self, object_id: str) -> Account | None:
        """Find somebody by their object id."""
        return next((each for each in self._accounts.values() if each.object_id == object_id), None)

    def known(self, email: str) -> Account:
        """Give somebody by their address.

        Raises:
            ValueError: there is nobody with it.
        """
        account = self.find(email)
        if account is None:
            raise ValueError(f"{self._provider} does not know {email}; add_person adds somebody")
        return account

    def delete(self, email: str) -> None:
        """Forget somebody.

        Raises:
            ValueError: there is nobody with that address.
        """
        del self._accounts[self.known(email).email.lower()]

    def change_email(self, email: str, new: str, *, verified: bool) -> None:
        """Give somebody another address.

        Raises:
            ValueError: there is nobody with the old one, or somebody else with the new one already, or it is none.
        """
        account = self.known(email)
        holder = self.find(new)
        self._check(new, None if holder is account else holder)
        del self._accounts[account.email.lower()]
        account.email, account.email_verified = new, verified
        self._accounts[new.lower()] = account

    def signs_in(self, email: str, password: str) -> Account | None:
        """Give whoever has that address and password."""
        account = self.find(email)
        if account is None or not hmac.compare_digest(account.password.encode(), password.encode()):
            return None
        return account

    def code(self, email: str) -> str:
        """Give the code of six digits that now reaches the phone or the mailbox behind an address."""
        return self._code(email, int(time.time()) // CODE_SECONDS)

    def is_code(self, email: str, given: str) -> bool:
        """Tell whether that is the code of this minute or of the one before."""
        now = int(time.time()) // CODE_SECONDS
        return any(
            hmac.compare_digest(self._code(email, each).encode(), given.strip().encode()) for each in (now, now - 1)
        )

    def _check(self, email: str, holder: Account | None) -> None:
        if "@" not in email or email != email.strip():
            raise ValueError(f"{email!r} is no e-mail address; give one such as name@keywatch.example")
        if holder is not None:
            raise ValueError(f"{self._provider} knows {email} already; delete that account first")

    def _code(self, email: str, minute: int) -> str:
        digest = hmac.digest(self._key, f"{email.strip().lower()} {minute}".encode(), "sha256")
        return f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06d}"
