"""Each key ends once, as it was, however often and by whom it is tried, and whatever answers are lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from keywatch.access_keys.deactivate import ACTIONS
from keywatch.access_keys.record import Account
from keywatch.errors import (
    ApprovalError,
    AwsCredentialsError,
    DeactivationsFailedError,
    SupersededError,
    TransientError,
    UnreachableError,
)
from keywatch.pipeline.deactivate import Deactivation, deactivate_approved
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.record_deactivations import record_decision
from localcloud import Fault, FaultKind, LocalCloud, SeededKey
from tests.keywatch.deactivating import proposed, statuses
from tests.keywatch.pipeline.proposing import APPROVED, NOBODY, freeze, state_of

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

from tests.keywatch.pipeline.deactivating.acting import USERS, asked_of_iam, ends, not_acted_on, results, updated


def test_one_key_that_is_refused_does_not_keep_the_others(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, three: list[SeededKey]
) -> None:
    """A key that was used since stays active, with the reason in the store; the others are deactivated."""
    cloud.use_key(three[0].access_key_id)
    cloud.delete_user(three[1].account, three[1].user)
    sha256 = freeze(store, run, [proposed(key) for key in three])

    assert deactivate_approved(sha256, APPROVED, run, by) == {"refused": 2, "deactivated": 1}

    used, gone, done = results(store, sha256, three)
    assert str(used.reason).startswith("it was used since, on ")
    assert (gone.reason, done.reason) == ("its user is gone", None)
    assert updated(cloud) == [USERS[2]]


def test_key_that_could_not_be_tried_is_for_the_next_attempt(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, three: list[SeededKey]
) -> None:
    """While attempts are left, what failed for now has no result; the next attempt tries that alone."""
    sha256 = freeze(store, run, [proposed(key) for key in three])
    cloud.inject(Fault(FaultKind.DROP_BEFORE, action="GetAccessKeyLastUsed", user=USERS[1]))

    with pytest.raises(TransientError, match="1 keys could not be tried this time"):
        deactivate_approved(sha256, APPROVED, run, replace(by, last_try=False))

    assert ends(store, sha256, three) == ["deactivated", None, "deactivated"]
    cloud.clear_requests()
    assert deactivate_approved(sha256, APPROVED, run, replace(by, last_try=False)) == {"deactivated": 3}
    assert updated(cloud) == [USERS[1]]
    assert {each.user for each in cloud.requests(action="ListAccessKeys")} == {USERS[1]}


def test_key_that_fails_at_the_last_attempt_has_failed(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, three: list[SeededKey]
) -> None:
    """At the last attempt a key that cannot be tried has failed, with the reason in the store."""
    sha256 = freeze(store, run, [proposed(key) for key in three])
    cloud.inject(Fault(FaultKind.THROTTLE, action="GetAccessKeyLastUsed", user=USERS[1], count=None))

    assert deactivate_approved(sha256, APPROVED, run, by) == {"deactivated": 2, "failed": 1}

    failed = results(store, sha256, three)[1]
    assert (failed.result, failed.attempted) == ("failed", False)
    assert failed.reason == "AWS throttles iam:GetAccessKeyLastUsed there. The next proposal has the key again."


def test_lost_answer_ends_as_deactivated(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """A change whose answer was lost is known to be ours by the next attempt, and is not made twice."""
    sha256 = freeze(store, run, [proposed(made)])
    cloud.inject(Fault(FaultKind.DROP_AFTER, action="UpdateAccessKey"))

    with pytest.raises(TransientError):
        deactivate_approved(sha256, APPROVED, run, replace(by, last_try=False))
    assert ends(store, sha256, [made]) == [None]

    assert deactivate_approved(sha256, APPROVED, run, by) == {"deactivated": 1}
    assert len(cloud.requests(action="UpdateAccessKey")) == 1


def test_answer_that_is_lost_at_the_last_try_is_looked_for(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """If the answer is lost at the last try, AWS is looked at again: a key that is inactive then was deactivated."""
    sha256 = freeze(store, run, [proposed(made)])
    cloud.inject(Fault(FaultKind.DROP_AFTER, action="UpdateAccessKey"))

    assert deactivate_approved(sha256, APPROVED, run, by) == {"deactivated": 1}

    (result,) = results(store, sha256, [made])
    assert (result.reason, result.attempted) == ("AWS did it, though its answer was lost", True)
    assert len(cloud.requests(action="UpdateAccessKey")) == 1


def test_answer_that_stays_lost_is_unknown(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, iam: IAMClient
) -> None:
    """If AWS cannot be looked at again, the key is not said to be as it was: it may be inactive, and here it is."""
    sha256 = freeze(store, run, [proposed(made)])
    cloud.inject(Fault(FaultKind.DROP_AFTER, action="UpdateAccessKey"))
    connected: list[str] = []

    def connect(account: Account) -> IAMClient:
        connected.append(account.id)
        if len(connected) > 1:
            raise UnreachableError("There is no answer any more.")
        return by.connect(account)

    assert deactivate_approved(sha256, APPROVED, run, replace(by, connect=connect)) == {"unknown": 1}

    (result,) = results(store, sha256, [made])
    assert result.reason == (
        "AWS was asked to, and its answer is not known; look at the key. There is no answer any more."
    )
    assert statuses(iam) == {made.access_key_id: "Inactive"}


def test_key_that_is_active_after_a_lost_answer_is_unknown(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """Where no answer ever comes, the key is unknown, active as it looks: a request may be late."""
    sha256 = freeze(store, run, [proposed(made)])
    cloud.inject(Fault(FaultKind.DROP_BEFORE, action="UpdateAccessKey", count=None))

    assert deactivate_approved(sha256, APPROVED, run, by) == {"unknown": 1}
    assert "its answer is not known" in str(results(store, sha256, [made])[0].reason)


def test_failure_after_a_lost_answer_is_unknown(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """A key of which AWS was asked by an attempt before is unknown, not failed, if nothing can be asked at the last."""
    sha256 = freeze(store, run, [proposed(made)])
    cloud.inject(Fault(FaultKind.DROP_AFTER, action="UpdateAccessKey"))
    with pytest.raises(TransientError):
        deactivate_approved(sha256, APPROVED, run, replace(by, last_try=False))
    cloud.inject(Fault(FaultKind.DENY, action="ListAccessKeys", count=None))

    assert deactivate_approved(sha256, APPROVED, run, by) == {"unknown": 1}
    assert "denies iam:ListAccessKeys to the deactivation role" in str(results(store, sha256, [made])[0].reason)


def test_credentials_that_end_after_a_lost_answer_leave_the_key_unknown(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """If the next attempt can ask nothing at all, the key has no result, and the record says that AWS was asked."""
    sha256 = freeze(store, run, [proposed(made)])
    cloud.inject(Fault(FaultKind.DROP_AFTER, action="UpdateAccessKey"))
    with pytest.raises(TransientError):
        deactivate_approved(sha256, APPROVED, run, replace(by, last_try=False))

    def connect(_: Account) -> IAMClient:
        raise AwsCredentialsError("AWS refuses the credentials")

    with pytest.raises(AwsCredentialsError):
        deactivate_approved(sha256, APPROVED, run, replace(by, connect=connect))

    (result,) = results(store, sha256, [made])
    assert (result.result, result.attempted) == (None, True)
    with pytest.raises(DeactivationsFailedError) as caught:
        record_decision(sha256, APPROVED, run, store, [], now=datetime.now(UTC))
    assert "AWS was asked to, and its answer is not known" in str(caught.value)
    assert "not tried" not in str(caught.value)


def test_attempt_given_up_for_dead_leaves_alone_what_was_activated_since(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, iam: IAMClient
) -> None:
    """An attempt that wakes up after a later one has ended does not deactivate what an administrator has activated."""
    sha256 = freeze(store, run, [proposed(made)])

    def slowly(account: Account) -> IAMClient:
        deactivate_approved(sha256, APPROVED, run, by)
        cloud.set_key_status(made.access_key_id, "Active")
        return by.connect(account)

    with pytest.raises(SupersededError):
        deactivate_approved(sha256, APPROVED, run, replace(by, connect=slowly))

    assert statuses(iam) == {made.access_key_id: "Active"}
    assert ends(store, sha256, [made]) == ["deactivated"]
    assert len(cloud.requests(action="UpdateAccessKey")) == 1


def test_attempt_given_up_for_dead_overwrites_no_result(
    store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """What an attempt finds that wakes up late does not take the place of what the later one has done."""
    sha256 = freeze(store, run, [proposed(made)])

    def slowly(account: Account) -> IAMClient:
        deactivate_approved(sha256, APPROVED, run, by)
        return by.connect(account)

    with pytest.raises(SupersededError):
        deactivate_approved(sha256, APPROVED, run, replace(by, connect=slowly))

    assert [(each.result, each.reason) for each in results(store, sha256, [made])] == [("deactivated", None)]


def test_attempt_given_up_for_dead_does_not_refuse_what_the_later_one_has_just_done(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """A key that the later attempt has made inactive, and not noted yet, is not refused by the one before."""
    sha256 = freeze(store, run, [proposed(made)])

    def slowly(account: Account) -> IAMClient:
        by.proposals.attempting(sha256, proposed(made).key_id, by.proposals.begin(sha256), datetime.now(UTC))
        cloud.set_key_status(made.access_key_id, "Inactive")
        return by.connect(account)

    with pytest.raises(SupersededError):
        deactivate_approved(sha256, APPROVED, run, replace(by, connect=slowly))

    assert ends(store, sha256, [made]) == [None]
    assert deactivate_approved(sha256, APPROVED, run, by) == {"deactivated": 1}


def test_attempt_given_up_for_dead_says_nothing_of_what_the_later_one_does(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """An attempt that loses an answer, and is no longer the newest when it looks again, leaves the result to that."""
    sha256 = freeze(store, run, [proposed(made)])
    cloud.inject(Fault(FaultKind.DROP_BEFORE, action="UpdateAccessKey"))
    connected: list[str] = []

    def connect(account: Account) -> IAMClient:
        connected.append(account.id)
        if len(connected) > 1:
            by.proposals.begin(sha256)
        return by.connect(account)

    with pytest.raises(SupersededError):
        deactivate_approved(sha256, APPROVED, run, replace(by, connect=connect))

    assert ends(store, sha256, [made]) == [None]
    assert deactivate_approved(sha256, APPROVED, run, by) == {"deactivated": 1}


def test_results_are_read_anew_before_each_key(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, three: list[SeededKey]
) -> None:
    """A key that has ended while others were tried is not asked for."""
    sha256 = freeze(store, run, [proposed(key) for key in three])

    def connect(account: Account) -> IAMClient:
        key_id = proposed(three[2]).key_id
        by.proposals.end(sha256, key_id, "refused", "its user is gone", datetime.now(UTC))
        return by.connect(account)

    ended = deactivate_approved(sha256, APPROVED, run, replace(by, connect=connect))

    assert ended == {"deactivated": 2, "refused": 1}
    assert {each.user for each in cloud.requests(action="ListAccessKeys")} == set(USERS[:2])


def test_repeating_what_is_done_asks_nothing(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """A step that is repeated after all its keys ended does not touch a key that somebody has activated since."""
    sha256 = freeze(store, run, [proposed(made)])
    deactivate_approved(sha256, APPROVED, run, by)
    cloud.set_key_status(made.access_key_id, "Active")
    cloud.clear_requests()

    assert deactivate_approved(sha256, APPROVED, run, by) == {"deactivated": 1}
    assert asked_of_iam(cloud) == []


def test_denied_account_fails_its_keys_alone(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, three: list[SeededKey]
) -> None:
    """Where one account does not let the role in, its keys fail with what to allow; the others are deactivated."""
    sha256 = freeze(store, run, [proposed(key) for key in three])
    cloud.inject(Fault(FaultKind.DENY, action="AssumeRole", count=None))

    assert deactivate_approved(sha256, APPROVED, run, replace(by, last_try=False)) == {"deactivated": 2, "failed": 1}

    assert f"AWS account {three[1].account} denies sts:AssumeRole" in str(results(store, sha256, three)[1].reason)


@pytest.mark.parametrize("action", ACTIONS)
def test_denied_action_is_named_in_the_store(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, action: str
) -> None:
    """A role that lacks an action fails the key, which stays active; the store names the action and that role."""
    sha256 = freeze(store, run, [proposed(made)])
    cloud.inject(Fault(FaultKind.DENY, action=action.partition(":")[2], count=None))

    assert deactivate_approved(sha256, APPROVED, run, by) == {"failed": 1}

    reason = str(results(store, sha256, [made])[0].reason)
    assert f"denies {action} to the deactivation role" in reason
    assert "audit role" not in reason


def test_credentials_that_are_refused_end_it_at_once(
    store: Engine, run: RunFolder[Path], by: Deactivation, three: list[SeededKey]
) -> None:
    """What no other key would fare better with is raised for all; what was done before is kept."""
    sha256 = freeze(store, run, [proposed(key) for key in three])

    def connect(account: Account) -> IAMClient:
        if account.id == three[1].account:
            raise AwsCredentialsError("AWS refuses the credentials")
        return by.connect(account)

    with pytest.raises(AwsCredentialsError):
        deactivate_approved(sha256, APPROVED, run, replace(by, connect=connect))

    assert ends(store, sha256, three) == ["deactivated", None, None]
    assert deactivate_approved(sha256, APPROVED, run, by) == {"deactivated": 3}


def test_sessions_that_cannot_be_had_are_for_the_next_attempt(
    store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """If nothing can be reached, the approval stays, and the next attempt acts on it."""
    sha256 = freeze(store, run, [proposed(made)])

    def connect(_: Account) -> IAMClient:
        raise UnreachableError("no answer")

    with pytest.raises(TransientError, match="1 keys could not be tried"):
        deactivate_approved(sha256, APPROVED, run, replace(by, connect=connect, last_try=False))

    assert state_of(store, sha256).state == "approved"
    assert deactivate_approved(sha256, APPROVED, run, by) == {"deactivated": 1}


def test_nobody_is_said_to_be_nobody(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """The default answer of a request that timed out approves nothing, whatever it says."""
    sha256 = freeze(store, run, [proposed(made)])

    assert "names nobody" in not_acted_on(cloud, sha256, NOBODY, run, by, ApprovalError)
