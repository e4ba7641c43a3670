"""Findings, step 3: what a person has approved, key by key."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypedDict

from keywatch.access_keys.deactivate import deactivate_key
from keywatch.access_keys.proposal import Proposal, ProposedKey, check_approval
from keywatch.access_keys.record import Account
from keywatch.errors import (
    ApprovalError,
    AwsCredentialsError,
    ConfigurationError,
    DeactivationRefusedError,
    HostNotAllowedError,
    KeywatchError,
    ProposalAlteredError,
    SessionRefusedError,
    SupersededProposalError,
    TlsError,
    TransientError,
)
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.propose import frozen_proposal
from keywatch.progress import Progress
from keywatch.report.proposals import Proposals, Result

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

log = logging.getLogger(__name__)

Connect = Callable[[Account], "IAMClient"]
"""Makes an IAM client of an account, as the deactivation role."""

OF_ALL: Final = (AwsCredentialsError, ConfigurationError, HostNotAllowedError, SessionRefusedError, TlsError)
"""What no other key would fare better with."""


class Answer(TypedDict):
    """What a person, or nobody in time, has answered to a request, as Airflow hands it on.

    `user_id` and `user_name` are None if nobody is named.
    """

    approved: bool
    user_id: str | None
    user_name: str | None


@dataclass(frozen=True, slots=True)
class Deactivation:
    """What is needed to act on an approval.

    Attributes:
        proposals: The proposals in the report store.
        connect: Makes an IAM client of an account, as the deactivation role.
        clock: Returns the time now, UTC.
        last_try: Whether no other attempt follows.
    """

    proposals: Proposals
    connect: Connect
    clock: Callable[[], datetime]
    last_try: bool = True


def deactivate_approved(sha256: str, answer: Answer, run: RunFolder[Any], by: Deactivation) -> dict[Result, int]:
    """Act on an approval: see that it counts, that the proposal is what was shown, and go key by key.

    What an earlier attempt has ended is not tried again.

    Args:
        sha256: The proposal, as the request showed it.
        answer: What was answered.
        run: The run's folder.
        by: What is needed.

    Returns:
        How many keys ended how.

    Raises:
        ApprovalError: The approval does not count, or came too late; nothing was changed.
        ProposalAlteredError: The proposal's file is another one; nothing was changed.
        SupersededProposalError: A newer run has closed the proposal; nothing was changed.
        TransientError: Some keys could not be tried this time; another attempt does.
        KeywatchError: AWS or the store cannot be asked at all.
    """
    proposal = _approved(sha256, answer, run, by)
    done = by.proposals.results(sha256)
    progress, later = Progress(log, "Deactivating"), 0
    for number, key in enumerate(proposal.keys, start=1):
        if done[key.key_id].result is None:
            later += _try(sha256, proposal, key, by)
        progress.tick(keys=number)
    if later and not by.last_try:
        raise TransientError(f"{later} keys could not be tried this time. Another attempt follows, for these alone.")
    ended: dict[Result, int] = {}
    for each in by.proposals.results(sha256).values():
        ended[each.result or "failed"] = ended.get(each.result or "failed", 0) + 1
    return ended


def _approved(sha256: str, answer: Answer, run: RunFolder[Any], by: Deactivation) -> Proposal:
    """Return the proposal once it is certain that this very one was approved by one who may, and is still open."""
    now = by.clock()
    if not answer["approved"]:
        raise ApprovalError("The request was not approved, so nothing is deactivated.")
    try:
        proposal = frozen_proposal(run, sha256)
    except ProposalAlteredError:
        by.proposals.decide(sha256, "altered", now, answer["user_id"], answer["user_name"])
        raise
    try:
        check_approval(proposal, answer["user_id"], now)
    except ApprovalError:
        by.proposals.decide(sha256, "refused", now, answer["user_id"], answer["user_name"])
        raise
    state = by.proposals.decide(sha256, "approved", now, answer["user_id"], answer["user_name"])
    if state is None or state.state != "approved":
        raise SupersededProposalError(
            f"The proposal is {state.state if state else 'not known'} meanwhile, so nothing is deactivated. If a newer "
            "run has looked at the keys, answer its request."
        )
    log.info("%s keys, approved by %s (%s)", len(proposal.keys), state.decided_by, state.decided_by_id)
    return proposal


def _try(sha256: str, proposal: Proposal, key: ProposedKey, by: Deactivation) -> bool:
    """Try one key; tell whether it is for another attempt."""
    result: Result
    reason: str | None = None
    try:
        client = by.connect(Account(key.account_id, key.account_name))
        try:
            changed = deactivate_key(
                client,
                key,
                by.clock(),
                dry_run=proposal.dry_run,
                attempting=lambda: by.proposals.attempting(sha256, key.key_id, by.clock()),
            )
        finally:
            client.close()
        result = "deactivated" if changed else "would_deactivate"
    except DeactivationRefusedError as error:
        result, reason = "refused", str(error)
    except KeywatchError as error:
        if isinstance(error, OF_ALL) and not (error.action or "").startswith("iam:"):
            raise
        if isinstance(error, TransientError) and not by.last_try:
            log.warning("Key %s of %s, later: %s", key.access_key_id, key.user_arn, error)
            return True
        result, reason = "failed", str(error)
    by.proposals.end(sha256, key.key_id, result, reason, by.clock())
    log.info("Key %s of %s: %s%s", key.access_key_id, key.user_arn, result, f": {reason}" if reason else "")
    return False
