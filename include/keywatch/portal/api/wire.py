"""Answers as they are sent."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from keywatch.portal.accounts.keys import OwnedKey, OwnedKeys
from keywatch.portal.accounts.model import Account


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class AboutAnswer(_Answer):
    """What anybody may know of the API; `time` is UTC."""

    name: str
    version: str
    time: datetime
    documentation: str


class HealthAnswer(_Answer):
    """That the report store can be read."""

    status: Literal["ok"]


class AccountAnswer(_Answer):
    """An account; `version` is higher by one with each change."""

    email: str
    owner: str
    policynumber: str | None
    beneficiary: str | None
    version: int
    updated: datetime


class FindingAnswer(_Answer):
    """What the policy finds of a key."""

    rule: str
    severity: str
    reason: str
    first_found: datetime


class KeyAnswer(_Answer):
    """An access key. Of its id, the first and last four characters; ages are in whole days."""

    key_id: str
    access_key_id: str | None
    account_id: str
    account_name: str | None
    user_name: str
    status: str | None
    created: datetime | None
    age_days: int | None
    last_used: datetime | None
    idle_days: int | None
    service: str | None
    region: str | None
    findings: list[FindingAnswer]


class KeysAnswer(_Answer):
    """One page of keys, the oldest first; `next` and `previous` are cursors.

    `as_of` is what ages are counted to, `checked` when the policy looked at the keys; null is never.
    """

    keys: list[KeyAnswer]
    total: int
    next: str | None
    previous: str | None
    as_of: datetime | None
    checked: datetime | None


class ProblemAnswer(_Answer):
    """Problem details (RFC 9457); `code` is what programs tell problems by."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[str] = []


def account_answer(account: Account) -> AccountAnswer:
    """Write an account."""
    return AccountAnswer.model_validate(account)


def keys_answer(page: OwnedKeys) -> KeysAnswer:
    """Write a page of keys."""
    return KeysAnswer(
        keys=[_key(each) for each in page.rows],
        total=page.total,
        next=page.after,
        previous=page.before,
        as_of=page.as_of,
        checked=page.checked,
    )


def _key(owned: OwnedKey) -> KeyAnswer:
    names = [name for name in KeyAnswer.model_fields if name != "findings"]
    findings = [FindingAnswer.model_validate(each) for each in owned.findings]
    return KeyAnswer(**{name: getattr(owned.key, name) for name in names}, findings=findings)
