"""Findings, step 3: what a person has approved, key by key."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypedDict

from keywatch.access_keys.deactivate import ACTIONS, CHANGE, deactivate_key
from keywatch.access_keys.findings import first_exception
from keywatch.access_keys.key_facts import KeyFacts
from keywatch.access_keys.policy.model import Policy
from keywatch.access_keys.proposal import Proposal, ProposedKey, check_approval, check_still_assigned
from keywatch.access_keys.record import Account
from keywatch.errors import (
    AccessDeniedError,
    ApprovalError,
    AwsCredentialsError,
    ConfigurationError,
    DeactivationRefusedError,
    HostNotAllowedError,
    KeywatchError,
    ProposalAlteredError,
    SessionRefusedError,
    SupersededError,
    SupersededProposalError,
    ThrottledError,
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
        policy: As it is now: what it forbids meanwhile is not done, whatever was proposed.
        connect: Makes an IAM client of an account, as the deactivation role.
        clock: Returns the time now, UTC.
        last_try: Whether no other attempt follows.
    """

    proposals: Proposals
    policy: Policy
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
        SupersededError: Another attempt at the same proposal has begun, and goes on in place of this one.
        TransientError: Some keys could not be tried this time; another attempt does.
        KeywatchError: AWS or the store cannot be asked at all.
    """
    proposal = _approved(sha256, answer, run, by)
    attempt = by.proposals.begin(sha256)
    progress, later = Progress(log, "Deactivating"), 0
    for number, key in enumerate(proposal.keys, start=1):
        known = by.proposals.result(sha256, key.key_id)
        if known.result is None:
            later += _Try(sha256, proposal, key, attempt, by).run(attempted=known.attempted)
        progress.tick(keys=number)
    if later and not by.last_try:
        raise TransientError(f"{later} keys could not be tried this time. Another attempt follows, for these alone.")
    return dict(Counter(each.result or "not_attempted" for each in by.proposals.results(sha256).values()))


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
        check_still_assigned(by.policy, answer["user_id"])
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


ANSWER_LOST: Final = "AWS did it, though its answer was lost"


@dataclass(frozen=True, slots=True)
class _Try:
    """One attempt at one key."""

    sha256: str
    proposal: Proposal
    key: ProposedKey
    attempt: int
    by: Deactivation

    def run(self, *, attempted: bool) -> bool:
        """Try the key; tell whether it is for another attempt."""
        result: Result
        reason: str | None = None
        try:
            result, reason = self._end(attempted=attempted)
        except DeactivationRefusedError as error:
            result, reason = "refused", str(error)
        except SupersededError:
            raise
        except KeywatchError as error:
            if isinstance(error, OF_ALL) and not (error.action or "").startswith("iam:"):
                raise
            if isinstance(error, TransientError) and not self.by.last_try:
                log.warning("Key %s of %s, later: %s", self.key.access_key_id, self.key.user_arn, error)
                return True
            result, reason = self._look_again(error)
        self.by.proposals.end(self.sha256, self.key.key_id, result, reason, self.by.clock(), attempt=self.attempt)
        said = f": {reason}" if reason else ""
        log.info("Key %s of %s: %s%s", self.key.access_key_id, self.key.user_arn, result, said)
        return False

    def _end(self, *, attempted: bool) -> tuple[Result, str | None]:
        """Deactivate the key, unless an earlier attempt has, whatever the policy has come to say since."""
        if attempted and self._is_done():
            return "deactivated", ANSWER_LOST
        self._check_policy()
        dry_run = self.proposal.dry_run or self.by.policy.deactivation.dry_run
        if self._ask(dry_run=dry_run, attempted=attempted):
            return "deactivated", None
        return "would_deactivate", None if self.proposal.dry_run else "the policy makes it a dry run meanwhile"

    def _is_done(self) -> bool:
        """Tell whether the key is inactive, as AWS was asked to make it before; nothing is changed."""
        try:
            return self._ask(dry_run=True, attempted=True)
        except DeactivationRefusedError:
            return False

    def _ask(self, *, dry_run: bool, attempted: bool) -> bool:
        """Connect to the key's account, and make the key inactive there."""
        client = self.by.connect(Account(self.key.account_id, self.key.account_name))
        try:
            return deactivate_key(
                client,
                self.key,
                self.by.clock(),
                dry_run=dry_run,
                attempted=attempted,
                attempting=self._note,
            )
        finally:
            client.close()

    def _note(self) -> None:
        self.by.proposals.attempting(self.sha256, self.key.key_id, self.attempt, self.by.clock())

    def _check_policy(self) -> None:
        """See that the policy, as it is now, still proposes the key.

        Raises:
            DeactivationRefusedError: Its rule does no longer, or an exception holds for it.
        """
        key = self.key
        rule = self.by.policy.rule(key.rule.id)
        if rule is None or not rule.proposes:
            raise DeactivationRefusedError(f"rule {key.rule.id} of the policy proposes nothing any more")
        facts = KeyFacts.of_user(key.key_id, key.account_id, key.user_name, key.user_arn, self.by.clock())
        if first_exception(self.by.policy.exceptions, key.rule.id, facts, self.by.clock().date()):
            raise DeactivationRefusedError("the policy has an exception for it meanwhile")

    def _look_again(self, error: KeywatchError) -> tuple[Result, str]:
        """Say how a key ended that could not be deactivated; if AWS was asked to, see whether it did."""
        denied = isinstance(error, AccessDeniedError) and error.action == CHANGE  # an answer, and of an active key
        if denied or not self.by.proposals.result(self.sha256, self.key.key_id).attempted:
            return "failed", _told(error)
        try:
            if self._is_done():
                return "deactivated", ANSWER_LOST
        except KeywatchError as again:
            error = again
        return "unknown", f"AWS was asked to, and its answer is not known; look at the key. {_told(error)}"


def _told(error: KeywatchError) -> str:
    """Put an error into words for a key that was to be deactivated; those of the daily audit's are not of use here."""
    if isinstance(error, AccessDeniedError) and error.action in ACTIONS:
        return (
            f"AWS account {error.account_id} denies {error.action} to the deactivation role: allow it, as "
            "include/infra/aws/deactivation-members.yaml does."
        )
    if isinstance(error, ThrottledError):
        return f"AWS throttles {error.action} there. The next proposal has the key again."
    return str(error)
