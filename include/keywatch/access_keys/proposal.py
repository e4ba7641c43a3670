"""A proposal to deactivate keys: a file that is never changed, known by its SHA-256, about which a person is asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from keywatch.access_keys.findings import Finding
from keywatch.access_keys.policy.model import AssignedUser, Policy
from keywatch.access_keys.policy.rules import NeverUsed, Rule, UnusedFor
from keywatch.errors import ApprovalError, ProposalAlteredError

LASTS: Final = timedelta(hours=24)
"""How long after it was made a proposal may be acted on, however late Airflow comes to it."""


class Frozen(BaseModel):
    """Immutable, and exactly as it was written."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProposedKey(Frozen):
    """One key that may be deactivated, and what made it so.

    Attributes:
        key_id: KeyId: the same key over the days.
        access_key_id: First and last four characters.
        account_id: 12 digits.
        account_name: Its name in the organisation, if known.
        user_name: Whose it is.
        user_arn: The same, in full.
        created: When it was made, UTC.
        last_used: When it was last used, UTC; None if never.
        owner: Who answers for it; None if nobody is known.
        rule: The rule that is about it.
        reason: Why, in a few words.
    """

    key_id: str
    access_key_id: str
    account_id: str
    account_name: str | None
    user_name: str
    user_arn: str
    created: datetime
    last_used: datetime | None
    owner: str | None
    rule: Rule
    reason: str


class Proposal(Frozen):
    """A proposal.

    Attributes:
        version: Of this format.
        run_id: The run that made it.
        created: When, UTC.
        dry_run: Whether an approval changes nothing.
        assigned_users: Who may approve it.
        keys: What may be deactivated.
    """

    version: Literal[1] = 1
    run_id: str
    created: datetime
    dry_run: bool
    assigned_users: tuple[AssignedUser, ...]
    keys: tuple[ProposedKey, ...]

    @property
    def expires(self) -> datetime:
        """Until when it may be acted on, UTC."""
        return self.created + LASTS

    def encode(self) -> bytes:
        """Write it, the same bytes for the same proposal."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode("ascii")


def digest(data: bytes) -> str:
    """Return the SHA-256 of a proposal's file, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_proposal(data: bytes, sha256: str) -> Proposal:
    """Read a proposal's file if it is the one that was asked about.

    Args:
        data: The file.
        sha256: What a person was shown, and approved.

    Raises:
        ProposalAlteredError: It is another, or none that is read here.
    """
    found = digest(data)
    if found != sha256:
        raise ProposalAlteredError(
            f"The proposal's file has SHA-256 {found}, and {sha256} was asked about: it was altered, and nothing is "
            "deactivated. See who may write to the staging area; the next report brings a new proposal."
        )
    try:
        return TypeAdapter(Proposal).validate_json(data)
    except ValidationError as error:
        raise ProposalAlteredError(
            f"The proposal {sha256} was written by another version of Keywatch. The next report brings a new one."
        ) from error


def proposed_key(finding: Finding) -> ProposedKey | None:
    """Make a key to propose of a finding; None if no rule of use is behind it, or IAM would not know the key."""
    key, rule = finding.key, finding.rule
    if not isinstance(rule, UnusedFor | NeverUsed) or not rule.proposes or key.is_of_root:
        return None
    if key.access_key_id is None or key.created is None:
        return None
    return ProposedKey(
        key_id=key.key_id,
        access_key_id=key.access_key_id,
        account_id=key.account_id,
        account_name=key.account_name,
        user_name=key.user_name,
        user_arn=key.user_arn,
        created=key.created,
        last_used=key.last_used,
        owner=key.owner,
        rule=rule,
        reason=finding.reason,
    )


def check_approval(proposal: Proposal, user_id: str | None, now: datetime) -> None:
    """See that an approval counts.

    Args:
        proposal: What was approved.
        user_id: Who did, by Airflow's auth manager; None if nobody, as of a default answer.
        now: UTC.

    Raises:
        ApprovalError: Nobody is named, the one who is may not approve, or it is too late.
    """
    if not user_id:
        raise ApprovalError("The approval names nobody, so it does not count, and nothing is deactivated.")
    if user_id not in {user.id for user in proposal.assigned_users}:
        raise ApprovalError(
            f"User {user_id} is not among those whom the policy lets approve, so nothing is deactivated. See that "
            "[core] simple_auth_manager_all_admins is off: it lets everybody answer."
        )
    if now > proposal.expires:
        raise ApprovalError(
            f"The proposal of {proposal.created:%Y-%m-%d %H:%M} UTC could be acted on for "
            f"{LASTS.total_seconds() / 3600:.0f} hours. Nothing is deactivated; the next report brings a new one."
        )


def check_still_assigned(policy: Policy, user_id: str | None) -> None:
    """See that who has approved may still do so, by the policy as it is now.

    Raises:
        ApprovalError: The policy no longer names the user.
    """
    if user_id not in {user.id for user in policy.deactivation.assigned_users}:
        raise ApprovalError(f"The policy no longer lets user {user_id} approve, so nothing is deactivated.")


def shown_first(keys: Sequence[ProposedKey], most: int) -> tuple[ProposedKey, ...]:
    """Return the keys that a request shows, the longest unused first."""
    return tuple(sorted(keys, key=lambda key: (key.last_used or key.created, key.key_id))[:most])
