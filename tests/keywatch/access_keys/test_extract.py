"""Reading IAM: every key, exactly, whatever happens meanwhile."""

from __future__ import annotations

import dataclasses
import logging
import re
import threading
import time
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

from keywatch.access_keys.aws_errors import ask_aws
from keywatch.access_keys.extract import AccessKeyExtraction
from keywatch.access_keys.record import Account, RawAccessKey
from keywatch.errors import (
    AccessDeniedError,
    AwsCredentialsError,
    AwsServiceError,
    KeywatchError,
    PermanentError,
    ThrottledError,
    TlsError,
    UnreachableError,
)
from keywatch.transport.wire_logs import keep_wire_logs_quiet
from localcloud import Fault, FaultKind, LocalCloud, Seed, SeededKey
from tests.keywatch.reach import auditor, extraction, iam_client

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

FULL_ID = re.compile(r"A[KS]IA[A-Z0-9]{12,}")


def keys_of(cloud: LocalCloud, account: str) -> list[SeededKey]:
    """Give an account's seeded keys."""
    return [key for key in cloud.keys() if key.account == account]


def fields(rows: list[RawAccessKey]) -> set[tuple[str | None, ...]]:
    """Give what the rows say about users' keys, comparable with `seeded_fields`."""
    return {
        (
            *(row["user_name"], row["user_arn"], row["access_key_id"], row["status"], row["create_date"]),
            *(row["last_used_date"], row["last_used_region"], row["last_used_service"]),
        )
        for row in rows
        if row["access_key_id"]
    }


def seeded_fields(keys: list[SeededKey]) -> set[tuple[str | None, ...]]:
    """Give what IAM has to say about seeded keys: of one never used, no date, and N/A for region and service."""
    return {
        (
            *(key.user, key.user_arn, key.access_key_id[:4] + "..." + key.access_key_id[-4:], key.status),
            *(key.create_date, key.last_used_date, key.last_used_region or "N/A", key.last_used_service or "N/A"),
        )
        for key in keys
    }


def everything_said(error: BaseException) -> str:
    """Give all that a traceback would print, and the texts of every exception that hangs on this one."""
    texts = ["".join(traceback.format_exception(error))]
    causes: BaseException | None = error
    while causes is not None:
        texts.append(repr(causes))
        causes = causes.__cause__
    return "\n".join(texts)


@pytest.fixture
def account(cloud: LocalCloud) -> str:
    """Give the auditor's own account."""
    return cloud.aws.account_id


def test_extraction_reads_every_key(iam: IAMClient, cloud: LocalCloud, account: str) -> None:
    """Every key of the account arrives once, with its history, its id shortened."""
    seeded = keys_of(cloud, account)
    reading = extraction(iam, account)

    rows = list(reading)

    assert len(rows) == len(seeded)
    assert fields(rows) == seeded_fields(seeded)
    assert {"exact"} == {row["last_used_source"] for row in rows}
    assert {reading.snapshot_time} == {row["snapshot_time"] for row in rows}
    assert not FULL_ID.search(repr(rows))
    assert reading.counts.users == len(cloud.users(account))
    assert (reading.counts.keys, reading.counts.gone) == (len(seeded), 0)


def test_extraction_meets_every_kind_of_key(cloud: LocalCloud) -> None:
    """The seed that these tests compare with has used, unused, inactive and expired keys, and users of each kind."""
    per_user = {user.arn: 0 for user in cloud.users()}
    for key in cloud.keys():
        per_user[key.user_arn] += 1

    assert {"Active", "Inactive", "Expired"} == {key.status for key in cloud.keys()}
    assert {True, False} == {key.last_used_date is None for key in cloud.keys()}
    assert {0, 1, 2} == set(per_user.values())


def test_extraction_shows_root_keys(member_iam: IAMClient, cloud: LocalCloud) -> None:
    """A root key, which no list shows, is a row of its own beside the users' keys."""
    member = cloud.aws.account_ids[1]
    reading = AccessKeyExtraction(member_iam, Account(member, "member"), concurrency=2)

    rows = list(reading)

    root = [row for row in rows if row["access_key_id"] is None]
    assert [("<root_account>", f"arn:aws:iam::{member}:root", 1, None)] == [
        (row["user_name"], row["user_arn"], row["slot"], row["create_date"]) for row in root
    ]
    assert fields(rows) == seeded_fields(keys_of(cloud, member))
    assert {"member"} == {row["account_name"] for row in rows}
    assert reading.counts.keys == len(rows)


def test_extraction_asks_once_per_question(iam: IAMClient, cloud: LocalCloud, account: str) -> None:
    """One summary, one list of users, one list of keys a user and one last use a key are all that it takes."""
    list(extraction(iam, account))

    asked = [request.action for request in cloud.requests()]
    users, keys = len(cloud.users(account)), len(keys_of(cloud, account))
    assert {name: asked.count(name) for name in set(asked)} == {
        "GetAccountSummary": 1,
        "ListUsers": 1,
        "ListAccessKeys": users,
        "GetAccessKeyLastUsed": keys,
    }


def test_extraction_of_the_same_account_twice_is_the_same(iam: IAMClient, account: str, cloud: LocalCloud) -> None:
    """Reading changes nothing, and each reading counts its own calls."""
    readings = [extraction(iam, account), extraction(iam, account)]

    first, second = (fields(list(reading)) for reading in readings)

    assert first == second
    assert len(cloud.requests()) == readings[1].counts.calls * 2


@pytest.fixture(scope="module")
def crowded_cloud() -> Iterator[LocalCloud]:
    """Start a cloud whose one account needs more than one page of users."""
    with LocalCloud(seed=Seed(accounts=1, users=1_003, keys_per_100_users=20)) as cloud:
        yield cloud


def test_extraction_reads_more_users_than_fit_on_a_page(crowded_cloud: LocalCloud) -> None:
    """Past 1,000 users, every page is asked for and every key still arrives once."""
    reading = extraction(iam_client(auditor(crowded_cloud), crowded_cloud), crowded_cloud.aws.account_id)

    rows = list(reading)

    assert reading.counts.users == 1_003
    assert len(crowded_cloud.requests(action="ListUsers")) == 2
    assert len(rows) == len(crowded_cloud.keys()) + 1
    assert fields(rows) == seeded_fields(crowded_cloud.keys())


def test_extraction_keeps_a_bounded_number_of_users_waiting(crowded_cloud: LocalCloud) -> None:
    """While rows are taken slowly, IAM is asked about a few users ahead and no more."""
    crowded_cloud.reset()
    rows = iter(extraction(iam_client(auditor(crowded_cloud), crowded_cloud), crowded_cloud.aws.account_id, 3))
    root, first = next(rows), next(rows)
    time.sleep(0.5)
    asked_about = {request.user for request in crowded_cloud.requests(action="ListAccessKeys")}
    rows.close()

    taken = crowded_cloud.requests(action="GetAccessKeyLastUsed")
    assert (root["access_key_id"], first["access_key_id"]) != (None, None)
    assert len(asked_about) <= 60
    assert len(taken) <= 60


def test_extraction_runs_as_many_threads_as_allowed(iam: IAMClient, account: str, cloud: LocalCloud) -> None:
    """No more users are read at a time than `concurrency`, and that many are."""
    cloud.inject(Fault(FaultKind.DELAY, action="ListAccessKeys", seconds=0.1, count=None))
    seen = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.005):
            seen.append(sum(thread.name.startswith("iam") for thread in threading.enumerate()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    list(extraction(iam, account, concurrency=3))
    stop.set()
    watcher.join()

    assert max(seen) == 3


def test_extraction_closed_early_leaves_no_thread(iam: IAMClient, account: str) -> None:
    """Whoever stops taking rows leaves nothing running behind."""
    rows = iter(extraction(iam, account))
    next(rows)
    rows.close()

    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("iam")] == []


def test_extraction_that_fails_leaves_no_thread(iam: IAMClient, account: str, cloud: LocalCloud) -> None:
    """An error in one thread ends the others."""
    cloud.inject(Fault(FaultKind.DENY, action="GetAccessKeyLastUsed", after=3, count=None))

    with pytest.raises(AccessDeniedError):
        list(extraction(iam, account))

    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("iam")] == []


def test_extraction_skips_a_user_deleted_meanwhile(iam: IAMClient, account: str, cloud: LocalCloud) -> None:
    """A user deleted after the list was read is counted, and everybody else is reported."""
    seeded = keys_of(cloud, account)
    victim = seeded[-1].user
    cloud.inject(Fault(FaultKind.VANISH, action="ListAccessKeys", account=account, user=victim))
    reading = extraction(iam, account)

    rows = list(reading)

    assert fields(rows) == seeded_fields([key for key in seeded if key.user != victim])
    assert reading.counts.gone == 1
    assert reading.counts.keys == len(rows)


def test_extraction_skips_a_key_deleted_meanwhile(iam: IAMClient, account: str, cloud: LocalCloud) -> None:
    """A key deleted before its last use was asked for is counted; the user's other keys are reported."""
    seeded = keys_of(cloud, account)
    victim = seeded[-1].access_key_id
    cloud.inject(Fault(FaultKind.VANISH, action="GetAccessKeyLastUsed", access_key_id=victim))
    reading = extraction(iam, account)

    rows = list(reading)

    assert fields(rows) == seeded_fields([key for key in seeded if key.access_key_id != victim])
    assert reading.counts.gone == 1


def test_extraction_skips_a_deleted_key_that_is_denied(iam: IAMClient, account: str, cloud: LocalCloud) -> None:
    """IAM may answer for a key that is gone as if it were denied; one look at the user's keys tells."""
    seeded = keys_of(cloud, account)
    victim = seeded[-1].access_key_id
    cloud.inject(Fault(FaultKind.VANISH, action="GetAccessKeyLastUsed", access_key_id=victim))
    cloud.inject(Fault(FaultKind.DENY, action="GetAccessKeyLastUsed", access_key_id=victim))
    reading = extraction(iam, account)

    rows = list(reading)

    assert fields(rows) == seeded_fields([key for key in seeded if key.access_key_id != victim])
    assert reading.counts.gone == 1


def test_extraction_does_not_lose_a_key_that_is_listed(
    auditor_session: boto3.Session, account: str, cloud: LocalCloud
) -> None:
    """A key that IAM goes on listing, but says it does not know, is a failure to try again and no deleted key."""
    body = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>Not here yet.</Message></Error></ErrorResponse>"
    victim = keys_of(cloud, account)[-1].access_key_id
    fault = Fault(
        FaultKind.STATUS, action="GetAccessKeyLastUsed", access_key_id=victim, status=404, body=body, count=None
    )
    cloud.inject(dataclasses.replace(fault, content_type="text/xml"))

    with pytest.raises(AwsServiceError, match="Not here yet"):
        list(extraction(iam_client(auditor_session, cloud, attempts=1), account))


def page(action: str, result: str) -> str:
    """Write an answer of IAM's."""
    return f'<{action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/">{result}</{action}Response>'


def listing(action: str, member: str, fields: str, rest: str = "<IsTruncated>false</IsTruncated>") -> str:
    """Write a page of a listing."""
    return page(action, f"<{action}Result><{member}><member>{fields}</member></{member}>{rest}</{action}Result>")


USER = "<UserName>a</UserName><Arn>arn:aws:iam::123456789012:user/a</Arn><CreateDate>2024-01-01T00:00:00Z</CreateDate>"
KEY = "<UserName>a</UserName><AccessKeyId>{}</AccessKeyId><Status>Active</Status><CreateDate>{}</CreateDate>"
AROUND = "<SummaryMap><entry><key>AccountAccessKeysPresent</key><value>{}</value></entry></SummaryMap>"
ODD_ANSWERS = {
    "user without a name": ("ListUsers", listing("ListUsers", "Users", "<Arn>x</Arn>")),
    "users without an end": ("ListUsers", listing("ListUsers", "Users", USER, "<Marker>x</Marker>")),
    "users in a circle": (
        "ListUsers",
        listing("ListUsers", "Users", USER, "<IsTruncated>true</IsTruncated><Marker>x</Marker>"),
    ),
    "key without an id": ("ListAccessKeys", listing("ListAccessKeys", "AccessKeyMetadata", "<UserName>a</UserName>")),
    "key of the year 9999": (
        "ListAccessKeys",
        listing("ListAccessKeys", "AccessKeyMetadata", KEY.format("x", "9999-12-31T23:59:59-14:00")),
    ),
    "no root keys said": ("GetAccountSummary", page("GetAccountSummary", "<GetAccountSummaryResult/>")),
    "a million root keys": (
        "GetAccountSummary",
        page("GetAccountSummary", f"<GetAccountSummaryResult>{AROUND.format(10**6)}</GetAccountSummaryResult>"),
    ),
}


@pytest.mark.parametrize(("action", "body"), ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_extraction_takes_no_odd_answer_for_the_truth(
    action: str, body: str, auditor_session: boto3.Session, account: str, cloud: LocalCloud
) -> None:
    """What IAM never says is a failure of one account, to be tried again, and neither a hang nor a row."""
    cloud.inject(Fault(FaultKind.STATUS, action=action, status=200, body=body, content_type="text/xml", count=None))

    with pytest.raises(AwsServiceError, match="something in between"):
        list(extraction(iam_client(auditor_session, cloud, attempts=1), account))


@pytest.mark.parametrize("action", ["GetAccountSummary", "ListUsers", "ListAccessKeys", "GetAccessKeyLastUsed"])
def test_extraction_denied_names_account_action_and_policy(
    action: str, iam: IAMClient, account: str, cloud: LocalCloud
) -> None:
    """A denied action is a permanent error that shows what to allow, to whom and where."""
    cloud.inject(Fault(FaultKind.DENY, action=action, account=account, count=None))

    with pytest.raises(AccessDeniedError) as caught:
        list(extraction(iam, account))

    assert (caught.value.account_id, caught.value.action) == (account, f"iam:{action}")
    assert f"account {account} denies iam:{action} to arn:aws:iam::{account}:user/keywatch-auditor" in str(caught.value)
    assert f'"Action": "iam:{action}"' in str(caught.value)
    assert isinstance(caught.value, PermanentError)


def test_extraction_with_a_wrong_secret_is_refused(cloud: LocalCloud, account: str) -> None:
    """Credentials that AWS does not accept are a permanent error, and the secret is in no text."""
    secret = "wrong" * 8

    with pytest.raises(AwsCredentialsError, match="SignatureDoesNotMatch") as caught:
        list(extraction(iam_client(auditor(cloud, secret), cloud), account))

    assert secret not in everything_said(caught.value)
    assert not FULL_ID.search(everything_said(caught.value))


def test_extraction_with_an_unknown_key_is_refused(cloud: LocalCloud, account: str) -> None:
    """A key that AWS does not know is a credentials error too."""
    stranger = boto3.Session("AKIAIOSFODNN7EXAMPLE", "x" * 40, region_name="us-east-1")

    with pytest.raises(AwsCredentialsError, match="InvalidClientTokenId"):
        list(extraction(iam_client(stranger, cloud), account))


def test_extraction_without_credentials_says_so(
    cloud: LocalCloud, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No credentials at all are an error of the connection's."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    nobody = boto3.Session(region_name="us-east-1")

    with pytest.raises(AwsCredentialsError, match="no usable AWS credentials"):
        list(extraction(iam_client(nobody, cloud), account))


def test_extraction_survives_throttling(iam: IAMClient, account: str, cloud: LocalCloud) -> None:
    """What IAM throttles now and then is asked again, and nothing is missing."""
    cloud.inject(Fault(FaultKind.THROTTLE, action="ListAccessKeys"))
    cloud.inject(Fault(FaultKind.THROTTLE, action="GetAccessKeyLastUsed", after=2))

    rows = list(extraction(iam, account))

    assert fields(rows) == seeded_fields(keys_of(cloud, account))
    assert len(cloud.requests(error="Throttling")) == 2


def test_extraction_throttled_to_the_end_is_transient(
    auditor_session: boto3.Session, account: str, cloud: LocalCloud
) -> None:
    """When patience runs out, the error says that a later try may succeed, and what to lower."""
    cloud.inject(Fault(FaultKind.THROTTLE, action="ListUsers", count=None))

    with pytest.raises(ThrottledError, match=f"iam:ListUsers in account {account}.*concurrency"):
        list(extraction(iam_client(auditor_session, cloud, attempts=2), account))

    assert len(cloud.requests(action="ListUsers")) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(FaultKind.STATUS, status=500, count=None), AwsServiceError),
        (Fault(FaultKind.STATUS, status=503, body="<html>busy</html>", count=None), AwsServiceError),
        (Fault(FaultKind.STATUS, status=200, body="<html><p>log in</html>", count=None), AwsServiceError),
        (Fault(FaultKind.STATUS, status=200, body="", count=None), AwsServiceError),
        (Fault(FaultKind.DROP_BEFORE, count=None), UnreachableError),
        (Fault(FaultKind.TLS_EXPIRED, count=None), TlsError),
        (Fault(FaultKind.TLS_UNTRUSTED, count=None), TlsError),
    ],
    ids=["500", "503 of a proxy", "a page of a proxy", "nothing", "dropped", "expired", "untrusted"],
)
def test_extraction_from_a_broken_service(
    fault: Fault, error: type[KeywatchError], auditor_session: boto3.Session, account: str, cloud: LocalCloud
) -> None:
    """However IAM fails, the error is one of Keywatch's, and says whether another try may help."""
    cloud.inject(fault)

    with pytest.raises(error):
        list(extraction(iam_client(auditor_session, cloud, attempts=1), account))


@pytest.mark.parametrize("status", [200, 400, 403, 409, 500])
@pytest.mark.parametrize("action", ["ListAccessKeys", "GetAccessKeyLastUsed"])
def test_extraction_errors_hold_no_full_key_id(
    status: int, action: str, auditor_session: boto3.Session, account: str, cloud: LocalCloud
) -> None:
    """Whatever an answer says about a key, no error, no cause of it and no traceback shows a full key id."""
    key_id = keys_of(cloud, account)[0].access_key_id
    code = {400: "InvalidInput", 403: "AccessDenied"}.get(status, "ServiceFailure")
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>No {key_id}, {key_id}.</Message></Error></ErrorResponse>"
    if status == 200:
        body = f"<ListAccessKeysResponse><AccessKeyId>{key_id}"
    cloud.inject(Fault(FaultKind.STATUS, action=action, status=status, body=body, count=None))

    with pytest.raises(KeywatchError) as caught:
        list(extraction(iam_client(auditor_session, cloud, attempts=1), account))

    said = everything_said(caught.value)
    assert key_id not in said
    assert not FULL_ID.search(said)


def test_extraction_logs_hold_no_full_key_id(account: str, cloud: LocalCloud, caplog: pytest.LogCaptureFixture) -> None:
    """With everything at DEBUG, as when a problem is searched for, no full key id and no secret is logged."""
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "botocore"):
        logging.getLogger("botocore.parsers").setLevel(logging.DEBUG)
        list(extraction(iam_client(auditor(cloud), cloud), account))
        logging.getLogger("botocore.parsers").setLevel(logging.NOTSET)

    ids = {key.access_key_id for key in cloud.keys()} - {cloud.aws.access_key_id}
    assert not [key_id for key_id in ids if key_id in caplog.text]
    assert str(cloud.aws.secret_access_key) not in caplog.text
    assert f"AWS account {account}" in caplog.text


def test_wire_logs_kept_quiet_stay_as_quiet_as_they_were() -> None:
    """Loggers that were quieter than INFO are not made louder."""
    logger = logging.getLogger("botocore.parsers")
    logger.setLevel(logging.ERROR)

    keep_wire_logs_quiet()

    assert logger.level == logging.ERROR
    logger.setLevel(logging.NOTSET)


ODD_PAGES = {
    "another document": "<html><body>welcome</body></html>",
    "cut short": (
        '<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users/>'
        "<IsTruncated>true</IsTruncated></ListUsersResult></ListUsersResponse>"
    ),
}


@pytest.mark.parametrize("page", ODD_PAGES.values(), ids=ODD_PAGES)
def test_extraction_takes_no_odd_page_for_a_listing(page: str, cloud: LocalCloud) -> None:
    """A page that is not IAM's, or says that there is more but not where, is a failure and not an empty account."""
    cloud.inject(
        Fault(FaultKind.STATUS, action="ListUsers", status=200, body=page, content_type="text/xml", count=None)
    )

    with pytest.raises(AwsServiceError, match="cut short, or came from something in between"):
        list(extraction(iam_client(auditor(cloud), cloud, attempts=1), cloud.aws.account_id))


QUOTED = "The request signature we calculated does not match\nx-amz-security-token:very-secret"


def test_refused_signature_shows_nothing_that_aws_quotes() -> None:
    """Of credentials that AWS refuses, the error shows the code alone: AWS quotes the signed headers."""

    def refuse() -> None:
        raise ClientError({"Error": {"Code": "SignatureDoesNotMatch", "Message": QUOTED}}, "GetCallerIdentity")

    with pytest.raises(AwsCredentialsError, match="SignatureDoesNotMatch") as caught:
        ask_aws("123456789012", "sts:GetCallerIdentity", refuse)

    assert "very-secret" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is caught.value.__cause__ or caught.value.__context__ is None


@pytest.mark.parametrize("form", ["{}", "%3D{}", "key_{}", "x{}x", '"{}"'])
@pytest.mark.parametrize("lower", [False, True])
def test_error_shortens_key_ids_wherever_they_stand(form: str, lower: bool) -> None:  # noqa: FBT001 - a table's column
    """A full key id in AWS's words is shortened, whatever surrounds it."""
    key_id = "AKIA" + "Q7" * 8
    shown = form.format(key_id.lower() if lower else key_id)

    def fail() -> None:
        raise ClientError({"Error": {"Code": "Odd", "Message": shown}}, "ListUsers")

    with pytest.raises(AwsServiceError) as caught:
        ask_aws("123456789012", "iam:ListUsers", fail)

    assert key_id.lower() not in "".join(traceback.format_exception(caught.value)).lower()
