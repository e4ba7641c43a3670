"""What a policy finds and proposes in the store of a test."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from keywatch.access_keys.policy.model import AssignedUser
from keywatch.access_keys.policy.read import read_policy
from keywatch.access_keys.policy.rules import UnusedFor
from keywatch.access_keys.proposal import Proposal, ProposedKey
from keywatch.columns import stable_id
from keywatch.report.proposals import Proposals
from keywatch.report.write_findings import write_findings
from tests.keywatch.report.found import NOW, ONE

RULES: Final = """
version: 1
rules:
  - {id: root-key, kind: root_key, severity: critical}
  - {id: too-old, kind: older_than, days: 90, severity: high}
  - {id: two-active, kind: two_active_keys, severity: medium}
  - {id: too-long-inactive, kind: inactive_for, days: 0, severity: low, control: Our own 7}
"""

NOTHING: Final = "{version: 1, rules: []}"

RULE: Final = UnusedFor(id="unused", kind="unused_for", severity="high", days=45, deactivate="propose")


def find(store: Engine, policy: str = RULES, at: datetime = NOW, run_id: str = "manual__2+2") -> None:
    """Have a policy look at the keys of a store, as a run of access_key_findings does."""
    write_findings(store, read_policy(policy.encode(), "policy.yaml"), f"access_key_findings/{run_id}", at)


def proposed_key(
    user: str,
    account: str = ONE,
    key: str = "AKIA...0001",
    reason: str = "last used 100 days ago",
    owner: str | None = None,
) -> ProposedKey:
    """Make a key to propose; it is the one that `found.record` makes of the same arguments."""
    arn = f"arn:aws:iam::{account}:user/{user}"
    return ProposedKey(
        key_id=stable_id("k", arn, key),
        access_key_id=key,
        account_id=account,
        account_name="payments",
        user_name=user,
        user_arn=arn,
        created=NOW - timedelta(days=400),
        last_used=None,
        owner=owner,
        rule=RULE,
        reason=reason,
    )


def propose(store: Engine, sha256: str, *keys: ProposedKey, at: datetime = NOW, dry_run: bool = False) -> Proposals:
    """Open a proposal, and return what goes on with it."""
    proposals = Proposals(store)
    approvers = (AssignedUser(id="7", name="team@example.com"),)
    proposal = Proposal(
        run_id="access_key_findings/manual__2+2",
        created=at,
        dry_run=dry_run,
        assigned_users=approvers,
        keys=keys,
    )
    proposals.open(proposal, sha256)
    return proposals
