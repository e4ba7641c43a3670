"""What the API needs of the report store."""

from __future__ import annotations

from typing import Protocol

from keywatch.portal.accounts.keys import OwnedKeys
from keywatch.portal.accounts.model import Account
from keywatch.portal.provider.model import Subject


class AccountsPort(Protocol):
    """The accounts of key owners. Threads share it."""

    def check(self) -> None:
        """See that accounts can be read.

        Raises:
            KeywatchError: They cannot.
        """
        ...

    def find(self, subject: Subject) -> Account:
        """Return the account that is bound to somebody.

        Raises:
            NoAccountError: None is.
            KeywatchError: The store cannot be read.
        """
        ...

    def set_beneficiary(
        self, subject: Subject, beneficiary: str | None, *, expected_version: int | None = None, strength: str
    ) -> Account:
        """Name who takes over the keys, or nobody, and record it.

        Args:
            subject: Whose account.
            beneficiary: Who takes over the keys; None for nobody.
            expected_version: Of the account, as whoever asks has seen it; None for whichever it is.
            strength: How they were authenticated.

        Raises:
            BadQueryError: The text is none that can be kept.
            NoAccountError: No account is bound to them.
            AccountChangedError: It has another version, so nothing is changed.
            StoreBusyError: A report is just being written.
            KeywatchError: The store cannot be written.
        """
        ...


class KeysPort(Protocol):
    """The keys that accounts answer for. Threads share it."""

    def page(self, account: Account, cursor: str | None = None, limit: int = 50) -> OwnedKeys:
        """Return one page of an account's keys, the oldest first.

        Raises:
            BadQueryError: The cursor is none.
            KeywatchError: The store cannot be read.
        """
        ...
