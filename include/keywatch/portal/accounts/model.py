"""Accounts of key owners, their invitations and changes: plain and immutable. Every moment is UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from keywatch.portal.provider.model import Subject

Detail = Literal["policynumber", "beneficiary"]

What = Literal["account", "owner", "policynumber", "beneficiary", "invitation", "binding"]


@dataclass(frozen=True, slots=True)
class Account:
    """A person who answers for keys.

    Attributes:
        account_id: 32 hex digits, random.
        email: As it was entered: for display, and to be compared with an invited person's.
        owner: The name under which the report knows them.
        version: Higher by one with each change.
        created: When it was made.
        updated: When it was last changed.
        policynumber: The number of their policy, if known.
        beneficiary: who takes over the keys, if anybody is named.
        subject: The only one who may use it; None until an invitation is accepted.
        bound: When one was; None if none.
        invited_until: When the open invitation ends; None if there is none, or if it was not asked for.
    """

    account_id: str
    email: str
    owner: str
    version: int
    created: datetime
    updated: datetime
    policynumber: str | None = None
    beneficiary: str | None = None
    subject: Subject | None = None
    bound: datetime | None = None
    invited_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """What binds an account to who accepts it, once.

    Attributes:
        code: What the link holds. It is shown once: the store has its hash alone.
        account_id: Of which account.
        email: Whose address the one who accepts must have.
        rebind: Whether it may take the place of a binding.
        issued: When.
        issued_by: The user of the command.
        expires: Until when it may be accepted.
    """

    code: str = field(repr=False)
    account_id: str
    email: str
    rebind: bool
    issued: datetime
    issued_by: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an account; it stays when the account goes.

    Attributes:
        account_id: Of which account.
        email: Its address, in small letters.
        changed: When.
        what: What was changed: `account` stands for the account as a whole, `binding` for its subject.
        before: None if there was nothing.
        after: None if there is nothing.
        who: The subject, or the user of the command.
        strength: How they were authenticated.
    """

    account_id: str
    email: str
    changed: datetime
    what: What
    before: str | None
    after: str | None
    who: Subject | str
    strength: str


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """An account as a file has it.

    Attributes:
        email: Whose.
        details: What the file says of them; what is not in it stays as it is, what is None is taken away.
    """

    email: str
    details: Mapping[Detail, str | None]


@dataclass(frozen=True, slots=True)
class Imported:
    """How many accounts of a file were added, changed, or are as the file says already."""

    added: int
    changed: int
    unchanged: int
