"""Deactivating one key: the one that was approved, if it is still what it was, and nothing else."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest

from keywatch.access_keys.deactivate import ACTIONS, deactivate_key
from keywatch.access_keys.proposal import ProposedKey
from keywatch.access_keys.record import Account
from keywatch.errors import (
    AccessDeniedError,
    DeactivationRefusedError,
    KeywatchError,
    SupersededError,
    UnreachableError,
)
from localcloud import Fault, FaultKind, LocalCloud, SeededKey
from tests.keywatch.deactivating import UNUSED, USER, Deactivator, proposed, statuses, unused_key

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

FULL_ID: Final = re.compile(r"A[KS]IA[A-Z0-9]{12,}")
CHANGING: Final = ("UpdateAccessKey", "DeleteAccessKey", "CreateAccessKey")


class Attempts:
    """Remembers, as the store does, that AWS is about to be asked.

    Args:
        cloud: Where to see that it has not been asked yet.

    Attributes:
        count: How often that was said.
    """

    def __init__(self, cloud: LocalCloud | None = None) -> None:
        self._cloud = cloud
        self.count = 0

    def __call__(self) -> None:
        """Note it."""
        assert self._cloud is None or changes(self._cloud) == []
        self.count += 1


@pytest.fixture(autouse=True)
def machine(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine the local cloud's managed identity."""
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def account(cloud: LocalCloud) -> str:
    """Give the account of the deactivation's own session."""
    return cloud.aws.account_id


@pytest.fixture
def made(cloud: LocalCloud, account: str) -> SeededKey:
    """Make a key that nobody uses, and forget that it was made."""
    key = unused_key(cloud, account)
    cloud.clear_requests()
    return key


@pytest.fixture
def client(cloud: LocalCloud, account: str) -> Iterator[IAMClient]:
    """Give an IAM client as the deactivation role."""
    client = Deactivator(cloud).connect(Account(account))
    yield client
    client.close()


@pytest.fixture(autouse=True)
def nothing_said_of_a_full_id(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever happens, no full access key id reaches a log."""
    caplog.set_level(logging.INFO)
    yield
    assert not FULL_ID.search(caplog.text)


def everyones(cloud: LocalCloud, audit: IAMClient) -> dict[str, str]:
    """Ask IAM for the status of every key of the first account."""
    users = [page["Users"] for page in audit.get_paginator("list_users").paginate()]
    names = [user["UserName"] for some in users for user in some]
    listed: dict[str, str] = {
        each["AccessKeyId"]: each["Status"]
        for name in names
        for each in audit.list_access_keys(UserName=name)["AccessKeyMetadata"]
    }
    cloud.clear_requests()
    return listed


def changes(cloud: LocalCloud) -> list[str | None]:
    """List the actions that were asked and would change something."""
    return [each.action for each in cloud.requests() if each.action in CHANGING]


def deactivate(
    client: IAMClient, key: ProposedKey, attempts: Callable[[], None] | None = None, *,
    dry_run: bool = False, attempted: bool | None = None,
) -> bool:  # fmt: skip
    """Try to deactivate a key now; whether AWS was asked before is what was noted, unless it is given."""
    attempts = attempts or Attempts()
    before = bool(attempts.count) if isinstance(attempts, Attempts) else False
    attempted = before if attempted is None else attempted
    return deactivate_key(client, key, datetime.now(UTC), dry_run=dry_run, attempted=attempted, attempting=attempts)


def refused(
    client: IAMClient, key: ProposedKey, *, dry_run: bool = False, attempted: bool = False, noted: int = 0
) -> str:
    """Give why a key is not deactivated; it was noted as often as is given that AWS is about to be asked."""
    attempts = Attempts()
    with pytest.raises(DeactivationRefusedError) as caught:
        deactivate(client, key, attempts, dry_run=dry_run, attempted=attempted)
    assert_no_full_id(caught.value)
    assert attempts.count == noted
    return str(caught.value)


def assert_no_full_id(error: BaseException) -> None:
    """See that a traceback of an error would print no full id."""
    assert not FULL_ID.search("".join(traceback.format_exception(error)))


def test_key_that_is_still_unused_becomes_inactive_and_nothing_else_changes(
    cloud: LocalCloud, client: IAMClient, made: SeededKey, iam: IAMClient
) -> None:
    """The approved key becomes inactive in AWS; every other key is as it was, that user's own other key included."""
    other = cloud.create_key(made.account, USER, created_days_ago=3)
    before, attempts = everyones(cloud, iam), Attempts(cloud)

    assert deactivate(client, proposed(made), attempts) is True

    assert [each.action for each in cloud.requests(user=USER)] == [
        "ListAccessKeys",
        "GetAccessKeyLastUsed",
        "UpdateAccessKey",
    ]
    assert {each.action for each in cloud.requests() if each.host == "iam.amazonaws.com"} == {
        action.partition(":")[2] for action in ACTIONS
    }
    (change,) = cloud.requests(action="UpdateAccessKey")
    assert (change.user, change.access_key_id) == (USER, made.access_key_id)
    assert attempts.count == 1
    after = everyones(cloud, iam)
    assert after == before | {made.access_key_id: "Inactive"}
    assert after[other.access_key_id] == "Active"


def test_key_of_another_account_is_deactivated_there(cloud: LocalCloud, member_iam: IAMClient) -> None:
    """In a member account it is that account's deactivation role that acts."""
    member = cloud.aws.account_ids[1]
    made = unused_key(cloud, member)

    assert deactivate(Deactivator(cloud).connect(Account(member)), proposed(made)) is True

    assert statuses(member_iam) == {made.access_key_id: "Inactive"}


def test_dry_run_changes_nothing(cloud: LocalCloud, client: IAMClient, made: SeededKey) -> None:
    """A dry run looks at the key as ever, and stops before AWS is told to change anything."""
    attempts = Attempts()

    assert deactivate(client, proposed(made), attempts, dry_run=True) is False

    assert len(cloud.requests(action="GetAccessKeyLastUsed")) == 1
    assert changes(cloud) == []
    assert attempts.count == 0


@pytest.mark.parametrize("dry_run", [False, True])
def test_key_that_was_used_since_is_refused(
    cloud: LocalCloud, client: IAMClient, made: SeededKey, dry_run: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """A key that was used after it was proposed stays, whatever was approved, even if the rule would still find it."""
    cloud.use_key(made.access_key_id, days_ago=50)

    assert re.fullmatch(
        r"it was used since, on \d{4}-\d\d-\d\d \d\d:\d\d UTC", refused(client, proposed(made), dry_run=dry_run)
    )
    assert changes(cloud) == []


def test_first_use_of_a_key_is_a_use_since(cloud: LocalCloud, client: IAMClient, made: SeededKey) -> None:
    """A key that was proposed because it was never used stays once it has been."""
    assert refused(client, proposed(made, used_days_ago=None)).startswith("it was used since, on ")
    assert changes(cloud) == []


@pytest.mark.parametrize("dry_run", [False, True])
def test_key_whose_last_use_is_no_longer_told_is_refused(
    cloud: LocalCloud, client: IAMClient, account: str, dry_run: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """A key of which IAM told a last use when it was proposed, and now tells none, is for somebody to look at."""
    cloud.create_user(account, USER)
    made = cloud.create_key(account, USER, created_days_ago=100)

    assert refused(client, proposed(made, used_days_ago=60), dry_run=dry_run) == (
        "IAM no longer says when it was last used: look at it by hand"
    )
    assert changes(cloud) == []


def test_key_never_used_is_deactivated(cloud: LocalCloud, client: IAMClient, account: str) -> None:
    """A key without any use is found by its age, and deactivated."""
    cloud.create_user(account, USER)
    made = cloud.create_key(account, USER, created_days_ago=100)

    assert deactivate(client, proposed(made, used_days_ago=None)) is True


def test_key_that_the_rule_is_no_longer_about_is_refused(cloud: LocalCloud, client: IAMClient, made: SeededKey) -> None:
    """The rule as it was approved is asked again about the key as it is: what it does not find stays."""
    patient = UNUSED.model_copy(update={"days": 61})

    assert refused(client, proposed(made, rule=patient)) == "rule unused is no longer about it"
    assert changes(cloud) == []


@pytest.mark.parametrize("status", ["Inactive", "Expired"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_key_that_is_not_active_is_refused(
    cloud: LocalCloud, client: IAMClient, made: SeededKey, status: str, dry_run: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """A key that somebody else has deactivated, or that has expired, is none that this has deactivated."""
    cloud.set_key_status(made.access_key_id, status)

    assert refused(client, proposed(made), dry_run=dry_run) == f"its status is {status} already"
    assert changes(cloud) == []


@pytest.mark.parametrize("dry_run", [False, True])
def test_key_that_is_inactive_after_an_attempt_is_ours(
    cloud: LocalCloud, client: IAMClient, made: SeededKey, dry_run: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """An inactive key of which AWS was asked before is one that this has deactivated, and nothing is asked again."""
    cloud.set_key_status(made.access_key_id, "Inactive")
    attempts = Attempts()

    assert deactivate(client, proposed(made), attempts, dry_run=dry_run, attempted=True) is True

    assert changes(cloud) == []
    assert attempts.count == 0


@pytest.mark.parametrize("dry_run", [False, True])
def test_attempt_explains_nothing_but_that_a_key_is_inactive(
    cloud: LocalCloud, client: IAMClient, made: SeededKey, dry_run: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """No attempt of this has made a key expire."""
    cloud.set_key_status(made.access_key_id, "Expired")

    assert refused(client, proposed(made), dry_run=dry_run, attempted=True) == "its status is Expired already"
    assert changes(cloud) == []


def test_what_is_told_of_the_change_may_prevent_it(cloud: LocalCloud, client: IAMClient, made: SeededKey) -> None:
    """Whoever is told that AWS is about to be asked for the change can have it not asked."""

    def prevent() -> None:
        raise SupersededError("another attempt has begun")

    with pytest.raises(SupersededError):
        deactivate(client, proposed(made), prevent)
    assert changes(cloud) == []


def test_key_that_is_gone_is_refused(cloud: LocalCloud, client: IAMClient, made: SeededKey) -> None:
    """A key that was deleted meanwhile is not there to be deactivated, though its user has another."""
    cloud.create_key(made.account, USER, created_days_ago=100)
    cloud.delete_key(made.access_key_id)

    assert refused(client, proposed(made)) == "the user has no such key any more"
    assert changes(cloud) == []


def test_user_who_is_gone_is_refused(cloud: LocalCloud, client: IAMClient, made: SeededKey) -> None:
    """A user who was deleted meanwhile has no key to deactivate."""
    cloud.delete_user(made.account, USER)

    assert refused(client, proposed(made)) == "its user is gone"
    assert changes(cloud) == []


@pytest.mark.parametrize(
    ("action", "said", "noted"),
    [
        ("GetAccessKeyLastUsed", "the user has no such key any more", 0),
        ("UpdateAccessKey", "it was deleted in this moment", 1),
    ],
)
def test_key_that_vanishes_between_two_calls_is_refused(
    cloud: LocalCloud, client: IAMClient, made: SeededKey, action: str, said: str, noted: int
) -> None:
    """A key that is deleted while it is being looked at is no failure of AWS's."""
    cloud.inject(Fault(FaultKind.VANISH, action=action, access_key_id=made.access_key_id))

    assert refused(client, proposed(made), noted=noted) == said


def test_user_who_was_made_anew_has_other_keys(cloud: LocalCloud, client: IAMClient, made: SeededKey) -> None:
    """A key of a user of the same name who was made since is another, even if it is as old and nobody uses it."""
    cloud.delete_user(made.account, USER)
    unused_key(cloud, made.account)

    assert refused(client, proposed(made)) == "the user has no such key any more"


def twins(cloud: LocalCloud, account: str) -> tuple[SeededKey, SeededKey]:
    """Make two keys of a user that look the same once their ids are shortened."""
    cloud.create_user(account, USER)
    while True:
        one = cloud.create_key(account, USER, created_days_ago=100)
        # The account is in the first 12 characters; one of those that are the key's own differs.
        middle = "A" if one.access_key_id[14] != "A" else "B"
        other_id = one.access_key_id[:14] + middle + one.access_key_id[15:]
        other = cloud.create_key(account, USER, created_days_ago=100, access_key_id=other_id)
        if one.create_date == other.create_date:
            return one, other
        cloud.delete_key(one.access_key_id)
        cloud.delete_key(other.access_key_id)


def test_two_keys_that_could_be_meant_are_both_left(cloud: LocalCloud, client: IAMClient, account: str) -> None:
    """Of two keys with one shortened id and one second of creation, neither is deactivated by guess."""
    one, other = twins(cloud, account)
    assert proposed(one).key_id == proposed(other).key_id

    said = refused(client, proposed(one, used_days_ago=None))

    assert said == "2 keys of the user could be meant: deactivate it by hand"
    assert changes(cloud) == []


def test_lost_answer_is_known_to_be_ours_at_the_second_try(
    cloud: LocalCloud, client: IAMClient, made: SeededKey
) -> None:
    """If the answer to the change is lost, the next attempt finds the key inactive and knows by whom."""
    attempts = Attempts()
    cloud.inject(Fault(FaultKind.DROP_AFTER, action="UpdateAccessKey"))
    with pytest.raises(UnreachableError) as caught:
        deactivate(client, proposed(made), attempts)
    assert_no_full_id(caught.value)

    assert deactivate(client, proposed(made), attempts) is True

    assert changes(cloud) == ["UpdateAccessKey"]


def test_request_that_was_lost_is_made_again(cloud: LocalCloud, client: IAMClient, made: SeededKey) -> None:
    """If the request never arrived, the next attempt makes it."""
    attempts = Attempts()
    cloud.inject(Fault(FaultKind.DROP_BEFORE, action="UpdateAccessKey"))
    with pytest.raises(UnreachableError):
        deactivate(client, proposed(made), attempts)

    assert deactivate(client, proposed(made), attempts) is True
    assert [each.status for each in cloud.requests(action="UpdateAccessKey")] == [None, 200]


def test_key_used_after_a_lost_request_is_refused(cloud: LocalCloud, client: IAMClient, made: SeededKey) -> None:
    """A second attempt looks at everything anew."""
    attempts = Attempts()
    cloud.inject(Fault(FaultKind.DROP_BEFORE, action="UpdateAccessKey"))
    with pytest.raises(UnreachableError):
        deactivate(client, proposed(made), attempts)
    cloud.use_key(made.access_key_id)

    with pytest.raises(DeactivationRefusedError, match="it was used since"):
        deactivate(client, proposed(made), attempts)


@pytest.mark.parametrize("action", [each.partition(":")[2] for each in ACTIONS])
def test_denied_action_is_named(cloud: LocalCloud, client: IAMClient, made: SeededKey, action: str) -> None:
    """If the role lacks one of its actions, the error names it and the account, and the key stays active."""
    cloud.inject(Fault(FaultKind.DENY, action=action, count=None))

    with pytest.raises(AccessDeniedError) as caught:
        deactivate(client, proposed(made))

    assert (caught.value.action, caught.value.account_id) == (f"iam:{action}", made.account)
    assert f"AWS account {made.account} denies iam:{action}" in str(caught.value)
    assert_no_full_id(caught.value)
    assert cloud.requests(action="UpdateAccessKey", status=200) == []


def test_audit_role_is_refused_by_aws(cloud: LocalCloud, iam: IAMClient, made: SeededKey) -> None:
    """With the audit's own client nothing is deactivated: AWS denies it the change."""
    with pytest.raises(AccessDeniedError) as caught:
        deactivate(iam, proposed(made))

    assert caught.value.action == "iam:UpdateAccessKey"
    assert "Allow it to the deactivation role" in str(caught.value)
    assert "the audit role must not have it" in str(caught.value)
    assert everyones(cloud, iam)[made.access_key_id] == "Active"


@pytest.mark.parametrize("kind", [FaultKind.THROTTLE, FaultKind.DROP_BEFORE])
@pytest.mark.parametrize("action", [each.partition(":")[2] for each in ACTIONS])
def test_failure_on_the_way_is_no_refusal(
    cloud: LocalCloud, client: IAMClient, made: SeededKey, action: str, kind: FaultKind
) -> None:
    """Where AWS does not answer or throttles, the error is one after which another attempt may help."""
    cloud.inject(Fault(kind, action=action, count=None))

    with pytest.raises(KeywatchError) as caught:
        deactivate(client, proposed(made))

    assert caught.value.action == f"iam:{action}"
    assert not isinstance(caught.value, DeactivationRefusedError)
    assert_no_full_id(caught.value)
