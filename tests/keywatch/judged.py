"""Keys and policies, made up for tests of what a policy says of keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from textwrap import dedent
from typing import Final

from keywatch.access_keys.key_facts import KeyFacts
from keywatch.access_keys.policy.model import Policy
from keywatch.access_keys.policy.read import read_policy
from keywatch.access_keys.record import ROOT_USER, key_id_of

NOW: Final = datetime(2026, 11, 27, 6, tzinfo=UTC)
ONE, TWO = "111111111111", "222222222222"

ASKING: Final = """
    version: 1
    rules:
      - {id: unused, kind: unused_for, days: 45, severity: high, deactivate: propose}
      - {id: never-used, kind: never_used, grace_days: 14, severity: medium, deactivate: propose}
      - {id: old, kind: older_than, days: 90, severity: low}
    deactivation:
      dry_run: false
      assigned_users: [approver]
"""
"""A policy that asks `approver` about keys that nobody uses, and tells of old ones."""


def policy_of(text: str) -> Policy:
    """Read a policy that is indented as its test is."""
    return read_policy(dedent(text).encode(), "policy.yaml")


def key(
    user: str = "ci-deploy",
    *,
    account: str = ONE,
    which: str = "AKIA...0001",
    status: str | None = "Active",
    age: timedelta | None = timedelta(days=10),
    idle: timedelta | None = None,
    seen: timedelta = timedelta(0),
    active: timedelta | None = None,
    owner: str | None = None,
) -> KeyFacts:
    """Make a key.

    Args:
        user: Whose it is.
        account: 12 digits.
        which: The shortened id.
        status: As IAM has it.
        age: How long ago it was made; None if no API tells.
        idle: How long ago it was last used; None if never.
        seen: How long ago a report first saw it.
        active: How long ago a report last saw it active; None if none has.
        owner: Who answers for it.
    """
    root = user == ROOT_USER
    arn = f"arn:aws:iam::{account}:{'root' if root else f'user/{user}'}"
    created = None if age is None else NOW - age
    return KeyFacts(
        key_id=key_id_of("aws", account, arn, which, created),
        access_key_id=None if root else which,
        account_id=account,
        account_name=None,
        user_name=user,
        user_arn=arn,
        status=status,
        created=created,
        last_used=None if idle is None else NOW - idle,
        first_seen=NOW - seen,
        last_seen=NOW,
        last_active=None if active is None else NOW - active,
        owner=owner,
        owner_source="table" if owner else None,
    )
