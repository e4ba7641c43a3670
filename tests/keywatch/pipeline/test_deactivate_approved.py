"""Acting on an approval: it has to count, and then each key has to be what was approved."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import Engine

from keywatch.access_keys.deactivate import ACTIONS
from keywatch.access_keys.extract import AccessKeyExtraction
from keywatch.access_keys.proposal import LASTS
from keywatch.access_keys.record import Account
from keywatch.access_keys.transform import transform_row
from keywatch.errors import (
    ApprovalError,
    AwsCredentialsError,
    DeactivationsFailedError,
    KeywatchError,
    ProposalAlteredError,
    StagingGoneError,
    SupersededError,
    SupersededProposalError,
    TransientError,
    UnreachableError,
)
from keywatch.pipeline.deactivate import Answer, Deactivation, deactivate_approved
from keywatch.pipeline.find import find
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.propose import propose
from keywatch.pipeline.record_deactivations import record_decision
from keywatch.report.proposals import KeyResult, Proposals, Result
from keywatch.staging import encode
from localcloud import Fault, FaultKind, LocalCloud, SeededKey
from tests.keywatch.deactivating import USER, Deactivator, proposed, statuses, unused_key
from tests.keywatch.judged import ASKING, policy_of
from tests.keywatch.pipeline.proposing import APPROVED, NOBODY, REJECTED, freeze, run_in, state_of
from tests.keywatch.report.found import write
from tests.keywatch.report.stores import store_in

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

FULL_ID: Final = re.compile(r"A[KS]IA[A-Z0-9]{12,}")
USERS: Final = ("ci-build", "ci-deploy", "ci-export")


@pytest.fixture(autouse=True)
def machine(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine the local cloud's managed identity."""
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    """Give a store in which nothing has been proposed."""
    engine = store_in(tmp_path)
    Proposals(engine).supersede(datetime.now(UTC))
    yield engine
    engine.dispose()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder[Path]:
    """Give a run's folder."""
    return run_in(tmp_path)


@pytest.fixture
def by(cloud: LocalCloud, store: Engine) -> Deactivation:
    """Give the way to AWS as the deactivation role."""
    return Deactivation(
        proposals=Proposals(store),
        policy=policy_of(ASKING),
        connect=Deactivator(cloud).connect,
        clock=lambda: datetime.now(UTC),
    )


@pytest.fixture
def made(cloud: LocalCloud) -> SeededKey:
    """Make a key that nobody uses."""
    key = unused_key(cloud, cloud.aws.account_id)
    cloud.clear_requests()
    return key


@pytest.fixture
def three(cloud: LocalCloud) -> list[SeededKey]:
    """Make three keys that nobody uses, the second in a member account."""
    first, second = cloud.aws.account_ids
    keys = [unused_key(cloud, account, user) for account, user in zip((first, second, first), USERS, strict=True)]
    cloud.clear_requests()
    return keys


@pytest.fixture(autouse=True)
def nothing_said_of_a_full_id(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever happens, no full access key id reaches a log."""
    caplog.set_level(logging.INFO)
    yield
    assert not FULL_ID.search(caplog.text)


def asked_of_iam(cloud: LocalCloud) -> list[str | None]:
    """List what was asked of IAM or for access to it."""
    return [each.action for each in cloud.requests() if each.host.endswith("amazonaws.com")]


def updated(cloud: LocalCloud) -> list[str | None]:
    """List the users whose keys were changed."""
    return [each.user for each in cloud.requests(action="UpdateAccessKey") if each.status == 200]


def results(store: Engine, sha256: str, keys: Sequence[SeededKey]) -> list[KeyResult]:
    """Give what became of keys, in their order."""
    by_id = Proposals(store).results(sha256)
    return [by_id[proposed(key).key_id] for key in keys]


def ends(store: Engine, sha256: str, keys: Sequence[SeededKey]) -> list[Result | None]:
    """Give how keys ended, in their order."""
    return [each.result for each in results(store, sha256, keys)]


def test_approved_keys_become_inactive(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, three: list[SeededKey],
    iam: IAMClient, member_iam: IAMClient,
) -> None:  # fmt: skip
    """Every approved key becomes inactive in its own account, and the store says by whom that was decided."""
    sha256 = freeze(store, run, [proposed(key) for key in three])

    assert deactivate_approved(sha256, APPROVED, run, by) == {"deactivated": 3}

    for client, key in zip((iam, member_iam, iam), three, strict=True):
        assert statuses(client, key.user) == {key.access_key_id: "Inactive"}
    assert updated(cloud) == list(USERS)
    state = state_of(store, sha256)
    assert (state.state, state.decided_by_id, state.decided_by) == ("approved", "approver", "Approver")
    assert ends(store, sha256, three) == ["deactivated"] * 3
    assert all(each.ended for each in results(store, sha256, three))


def test_from_the_report_to_the_inactive_key(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, iam: IAMClient
) -> None:
    """What the report has read, the policy has found and a person has approved is the key that becomes inactive."""
    now = datetime.now(UTC)
    reading = AccessKeyExtraction(iam, Account(made.account, "prod"))
    write(store, [encode(transform_row(row, "report")) for row in reading], made.account, at=now)
    policy = policy_of("""
        version: 1
        rules: [{id: unused, kind: unused_for, days: 45, severity: high, deactivate: propose}]
        deactivation: {dry_run: false, assigned_users: [approver]}
    """)
    find(store, policy, run, now)
    request = propose(store, policy, run, now, LASTS)
    assert request is not None
    cloud.clear_requests()

    ended = deactivate_approved(request["sha256"], APPROVED, run, by)

    assert set(ended) == {"deactivated"}
    unused = [
        key.user
        for key in cloud.keys()
        if (key.account, key.status) == (made.account, "Active")
        and (now - datetime.fromisoformat(key.last_used_date or key.create_date)).days >= 45
    ]
    assert sorted(map(str, updated(cloud))) == sorted([*unused, USER])
    assert statuses(iam) == {made.access_key_id: "Inactive"}


def test_dry_run_changes_nothing(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, three: list[SeededKey]
) -> None:
    """A dry run looks at each key, says what it would have changed, and AWS is not told to change anything."""
    cloud.use_key(three[2].access_key_id)
    sha256 = freeze(store, run, [proposed(key) for key in three], dry_run=True)

    assert deactivate_approved(sha256, APPROVED, run, by) == {"would_deactivate": 2, "refused": 1}

    assert "UpdateAccessKey" not in asked_of_iam(cloud)
    assert ends(store, sha256, three) == ["would_deactivate", "would_deactivate", "refused"]


def not_acted_on(
    cloud: LocalCloud, sha256: str, answer: Answer, run: RunFolder[Path], by: Deactivation, error: type[KeywatchError]
) -> str:
    """Give why nothing is done, after seeing that AWS was not asked for anything at all."""
    with pytest.raises(error) as caught:
        deactivate_approved(sha256, answer, run, by)
    assert asked_of_iam(cloud) == []
    assert {each.result for each in by.proposals.results(sha256).values()} == {None}
    return str(caught.value)


def test_request_that_was_not_approved_is_not_acted_on(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """Who rejects has nothing deactivated; the step after says so in the store."""
    sha256 = freeze(store, run, [proposed(made)])

    assert "was not approved" in not_acted_on(cloud, sha256, REJECTED, run, by, ApprovalError)
    assert state_of(store, sha256).state == "open"


@pytest.mark.parametrize("user_id", [None, "", "somebody", "Approver"])
def test_approval_of_nobody_or_somebody_else_is_refused(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, user_id: str | None
) -> None:
    """An approval by whoever may not approve changes nothing, is recorded as refused, and closes the proposal."""
    sha256 = freeze(store, run, [proposed(made)])
    answer = Answer(approved=True, user_id=user_id, user_name="Approver")

    not_acted_on(cloud, sha256, answer, run, by, ApprovalError)

    state = state_of(store, sha256)
    assert (state.state, state.decided_by_id) == ("refused", user_id)
    not_acted_on(cloud, sha256, APPROVED, run, by, SupersededProposalError)


def test_approval_after_the_end_is_refused(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """An approval that Airflow comes to when the proposal has expired changes nothing, and is recorded as refused."""
    created = datetime.now(UTC) - LASTS - timedelta(minutes=1)
    sha256 = freeze(store, run, [proposed(made)], created=created)

    assert "could be acted on for 24 hours" in not_acted_on(cloud, sha256, APPROVED, run, by, ApprovalError)
    assert state_of(store, sha256).state == "refused"


def test_approval_of_a_superseded_proposal_is_refused(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, tmp_path: Path
) -> None:
    """An approval of what a newer run has proposed anew changes nothing, and what the newer run asks stays open."""
    old = freeze(store, run, [proposed(made)])
    new = freeze(store, run_in(tmp_path, "later"), [proposed(made)])

    assert "superseded meanwhile" in not_acted_on(cloud, old, APPROVED, run, by, SupersededProposalError)
    assert (state_of(store, old).state, state_of(store, new).state) == ("superseded", "open")


def test_approval_of_an_unknown_proposal_is_refused(
    cloud: LocalCloud, run: RunFolder[Path], by: Deactivation, made: SeededKey, tmp_path: Path
) -> None:
    """A proposal that this store does not know is not acted on, though its file is there."""
    other = store_in(tmp_path / "other")
    sha256 = freeze(other, run, [proposed(made)])

    with pytest.raises(SupersededProposalError, match="not known"):
        deactivate_approved(sha256, APPROVED, run, by)
    assert asked_of_iam(cloud) == []
    assert by.proposals.state(sha256) is None
    assert state_of(other, sha256).state == "open"


def test_altered_proposal_is_not_acted_on(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, three: list[SeededKey]
) -> None:
    """If the file has another key than was approved, nothing at all is deactivated, and that is recorded."""
    sha256 = freeze(store, run, [proposed(three[0])])
    file = run.folder / "proposals" / f"{sha256}.json"
    file.write_bytes(file.read_bytes().replace(USERS[0].encode(), USERS[2].encode()))

    assert "it was altered" in not_acted_on(cloud, sha256, APPROVED, run, by, ProposalAlteredError)
    state = state_of(store, sha256)
    assert (state.state, state.decided_by) == ("altered", "Approver")


def test_proposal_whose_file_is_gone_is_not_acted_on(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """Without its file nobody knows what was approved."""
    sha256 = freeze(store, run, [proposed(made)])
    (run.folder / "proposals" / f"{sha256}.json").unlink()

    not_acted_on(cloud, sha256, APPROVED, run, by, StagingGoneError)


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


def test_approver_whom_todays_policy_does_not_name_is_refused(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """Whoever may no longer approve by the policy as it is now has approved in vain, and that is recorded."""
    sha256 = freeze(store, run, [proposed(made)])
    by = replace(by, policy=policy_of(ASKING.replace("[approver]", "[somebody]")))

    assert "no longer lets user approver approve" in not_acted_on(cloud, sha256, APPROVED, run, by, ApprovalError)
    assert state_of(store, sha256).state == "refused"


def test_approver_whom_the_proposal_does_not_name_is_refused(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """Whoever may approve only since the proposal was shown may not approve it."""
    sha256 = freeze(store, run, [proposed(made)])
    by = replace(by, policy=policy_of(ASKING.replace("[approver]", "[approver, somebody]")))
    answer = Answer(approved=True, user_id="somebody", user_name="Somebody")

    not_acted_on(cloud, sha256, answer, run, by, ApprovalError)
    assert state_of(store, sha256).state == "refused"


def test_dry_run_of_todays_policy_changes_nothing(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """If the policy has become a dry run, nothing is changed, though the proposal was none."""
    sha256 = freeze(store, run, [proposed(made)])
    by = replace(by, policy=policy_of(ASKING.replace("dry_run: false", "dry_run: true")))

    assert deactivate_approved(sha256, APPROVED, run, by) == {"would_deactivate": 1}

    assert cloud.requests(action="UpdateAccessKey") == []
    (result,) = results(store, sha256, [made])
    assert (result.attempted, result.reason) == (False, "the policy makes it a dry run meanwhile")


def test_dry_run_of_the_proposal_has_no_reason_of_its_own(
    store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey
) -> None:
    """What was proposed as a dry run is one as it was shown, whatever the policy says meanwhile."""
    sha256 = freeze(store, run, [proposed(made)], dry_run=True)

    assert deactivate_approved(sha256, APPROVED, run, by) == {"would_deactivate": 1}
    assert results(store, sha256, [made])[0].reason is None


UNUSED_ASKS: Final = "days: 45, severity: high, deactivate: propose"
NOT_ANY_MORE: Final = "rule unused of the policy proposes nothing any more"
MEANWHILE: Final[dict[str, tuple[str, Result, str]]] = {
    "an exception": (
        f"{ASKING}    exceptions: [{{users: [{USER}], reason: So it is., expires: 2999-12-31}}]\n",
        "refused",
        "the policy has an exception for it meanwhile",
    ),
    "no such rule": (ASKING.replace("id: unused,", "id: idle,"), "refused", NOT_ANY_MORE),
    "a rule that does not propose": (
        ASKING.replace(UNUSED_ASKS, "days: 45, severity: high"),
        "refused",
        NOT_ANY_MORE,
    ),
    "a dry run": (
        ASKING.replace("dry_run: false", "dry_run: true"),
        "would_deactivate",
        "the policy makes it a dry run meanwhile",
    ),
}
"""What the policy has come to be since a key was proposed, and how that ends for one that is still active."""


@pytest.mark.parametrize("case", MEANWHILE)
def test_policy_of_today_does_not_undo_what_was_done(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, case: str
) -> None:
    """A key that an attempt has made inactive, without an answer, is ours, whatever the policy says meanwhile."""
    sha256 = freeze(store, run, [proposed(made)])
    cloud.inject(Fault(FaultKind.DROP_AFTER, action="UpdateAccessKey"))
    with pytest.raises(TransientError):
        deactivate_approved(sha256, APPROVED, run, replace(by, last_try=False))

    ended = deactivate_approved(sha256, APPROVED, run, replace(by, policy=policy_of(MEANWHILE[case][0])))

    assert ended == {"deactivated": 1}
    assert results(store, sha256, [made])[0].reason == "AWS did it, though its answer was lost"
    assert len(cloud.requests(action="UpdateAccessKey")) == 1


@pytest.mark.parametrize("is_attempted", [False, True])
@pytest.mark.parametrize("case", MEANWHILE)
def test_policy_of_today_keeps_a_key_that_is_active(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey, iam: IAMClient,
    case: str, is_attempted: bool,  # noqa: FBT001
) -> None:  # fmt: skip
    """A key that is still active stays so if the policy no longer has it deactivated, and the store says why."""
    text, result, reason = MEANWHILE[case]
    sha256 = freeze(store, run, [proposed(made)])
    if is_attempted:
        cloud.inject(Fault(FaultKind.DROP_BEFORE, action="UpdateAccessKey"))
        with pytest.raises(TransientError):
            deactivate_approved(sha256, APPROVED, run, replace(by, last_try=False))
    cloud.clear_requests()

    assert deactivate_approved(sha256, APPROVED, run, replace(by, policy=policy_of(text))) == {result: 1}

    (ended,) = results(store, sha256, [made])
    assert (ended.reason, ended.attempted) == (reason, is_attempted)
    assert cloud.requests(action="UpdateAccessKey") == []
    assert statuses(iam) == {made.access_key_id: "Active"}


@pytest.mark.parametrize(
    ("days", "rules", "result"),
    [
        (0, "", "refused"),
        (0, "rules: [unused], ", "refused"),
        (-1, "", "deactivated"),
        (9, "rules: [old], ", "deactivated"),
    ],
    ids=["holds", "of the rule", "expired", "of another rule"],
)
def test_exception_of_todays_policy_keeps_a_key(
    cloud: LocalCloud, store: Engine, run: RunFolder[Path], by: Deactivation, made: SeededKey,
    days: int, rules: str, result: Result,
) -> None:  # fmt: skip
    """A key that the policy has excused since it was proposed stays; an exception that does not hold is none."""
    sha256 = freeze(store, run, [proposed(made)])
    ends_on = datetime.now(UTC) + timedelta(days=days)
    exception = f"{{users: [{USER}], {rules}reason: So it is., expires: {ends_on:%Y-%m-%d}}}"
    by = replace(by, policy=policy_of(f"{ASKING}    exceptions: [{exception}]\n"))

    assert deactivate_approved(sha256, APPROVED, run, by) == {result: 1}

    (ended,) = results(store, sha256, [made])
    assert ended.reason == ("the policy has an exception for it meanwhile" if result == "refused" else None)
    assert (asked_of_iam(cloud) == []) == (result == "refused")


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
