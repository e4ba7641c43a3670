"""A batch of accounts, read from the local cloud into staging."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from keywatch.access_keys.accounts import assume_role
from keywatch.access_keys.record import Account
from keywatch.errors import AwsCredentialsError, ExtractionIncompleteError
from keywatch.pipeline.extract import Reading, extract_batch
from keywatch.pipeline.folders import BatchFolder
from keywatch.pipeline.manifests import AccountOutcome, AccountRef, Batch
from keywatch.staging import check_file
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.pipeline.staged import LISTED_AT, begun
from tests.keywatch.reach import auditor, iam_client, sts_client

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

Connect = Callable[[Account], "IAMClient"]


@pytest.fixture
def connect(cloud: LocalCloud, auditor_session: boto3.Session) -> Connect:
    """Reach the accounts by their roles, with clients that ask once."""
    sts = sts_client(auditor_session, cloud)

    def connect(account: Account) -> IAMClient:
        return iam_client(assume_role(auditor_session, sts, account, cloud.aws.role_name), cloud, attempts=1)

    return connect


@pytest.fixture
def folder(tmp_path: Path) -> BatchFolder[Path]:
    """Give the folder of a run's only batch."""
    return begun(tmp_path).batch(0)


@pytest.fixture
def batch(cloud: LocalCloud) -> Batch:
    """Put both accounts into one batch."""
    refs = [AccountRef(id=account, name=None) for account in cloud.aws.account_ids]
    return Batch(number=0, accounts=refs, listed_at=LISTED_AT)


def error(code: str) -> str:
    """Write an error as IAM does."""
    said = f"<Type>Sender</Type><Code>{code}</Code><Message>So it is.</Message>"
    return f"<ErrorResponse><Error>{said}</Error></ErrorResponse>"


def outcomes(folder: BatchFolder[Path], batch: Batch) -> list[AccountOutcome]:
    """Give how the reading of each account ended."""
    found = [folder.outcome(ref["id"]) for ref in batch["accounts"]]
    return [outcome for outcome in found if outcome is not None]


def staged_rows(folder: BatchFolder[Path], account: str) -> list[dict[str, Any]]:
    """Give an account's raw rows."""
    return [json.loads(line) for line in folder.raw(account).read_text().splitlines()]


def test_extract_batch_stages_every_account(
    batch: Batch, folder: BatchFolder[Path], connect: Connect, cloud: LocalCloud
) -> None:
    """Each account's keys, root's included, are in a file of its own, whose digest and numbers are noted beside it."""
    extracted = extract_batch(batch, folder, connect, Reading(concurrency=4))

    assert extracted == {"batch": batch, "keys": len(cloud.keys()) + 1}
    for outcome in outcomes(folder, batch):
        account = outcome["id"]
        expected = sum(key.account == account for key in cloud.keys()) + cloud.root_keys()[account]
        assert (outcome["status"], outcome["reason"], outcome["gone"]) == ("ok", None, 0)
        assert len(staged_rows(folder, account)) == outcome["keys"] == expected
        assert outcome["users"] == len(cloud.users(account))
        assert {outcome["snapshot_time"]} == {row["snapshot_time"] for row in staged_rows(folder, account)}
        check_file(folder.raw(account), outcome["sha256"])


@pytest.mark.parametrize(
    ("action", "status"),
    [("GetAccountSummary", "denied"), ("ListUsers", "partial"), ("GetAccessKeyLastUsed", "partial")],
)
def test_extract_batch_with_a_denied_account_reads_the_others(
    *, action: str, status: str, batch: Batch, folder: BatchFolder[Path], connect: Connect, cloud: LocalCloud
) -> None:
    """An account that denies access costs that account only, and no further try; what was read of it is kept."""
    own, member = cloud.aws.account_ids
    cloud.inject(Fault(FaultKind.DENY, action=action, account=member, count=None))

    extracted = extract_batch(batch, folder, connect, Reading(concurrency=2), last_try=False)

    good, bad = outcomes(folder, batch)
    assert good["status"] == "ok"
    assert good["keys"] == sum(key.account == own for key in cloud.keys())
    assert bad["status"] == status
    assert f"{member} denies iam:{action}" in str(bad["reason"])
    assert (good["action"], bad["action"]) == (None, f"iam:{action}")
    assert len(staged_rows(folder, member)) == bad["keys"]
    assert extracted["keys"] == good["keys"] + bad["keys"]


def test_extract_batch_with_a_role_that_cannot_be_assumed(
    batch: Batch, folder: BatchFolder[Path], connect: Connect, cloud: LocalCloud
) -> None:
    """An account that the auditor cannot even enter is denied, without users or keys."""
    member = cloud.aws.account_ids[1]

    def connect_own(account: Account) -> IAMClient:
        if account.id == member:
            cloud.inject(Fault(FaultKind.DENY, action="AssumeRole"))
        return connect(account)

    extract_batch(batch, folder, connect_own, Reading(accounts_at_once=1))

    good, bad = outcomes(folder, batch)
    assert (good["status"], bad["status"]) == ("ok", "denied")
    assert "sts:AssumeRole" in str(bad["reason"])
    assert (bad["action"], bad["users"], bad["keys"]) == ("sts:AssumeRole", 0, 0)


def test_extract_batch_tries_again_what_failed_and_nothing_else(
    batch: Batch, folder: BatchFolder[Path], connect: Connect, cloud: LocalCloud
) -> None:
    """A second try leaves what the first has read as it was, snapshot time and bytes, and reads the rest."""
    own, member = cloud.aws.account_ids
    cloud.inject(Fault(FaultKind.THROTTLE, action="ListUsers", account=member))
    with pytest.raises(ExtractionIncompleteError, match=f"AWS accounts {member} could not be read") as caught:
        extract_batch(batch, folder, connect, last_try=False)
    first = folder.raw(own).read_bytes(), folder.outcome(own)
    cloud.clear_requests()

    extracted = extract_batch(batch, folder, connect, last_try=False)

    assert own not in str(caught.value)
    assert (folder.raw(own).read_bytes(), folder.outcome(own)) == first
    assert {member} == {request.account for request in cloud.requests() if request.host.startswith("iam")}
    assert [outcome["status"] for outcome in outcomes(folder, batch)] == ["ok", "ok"]
    assert extracted["keys"] == len(cloud.keys()) + 1


@pytest.mark.parametrize(("after", "status"), [(0, "failed"), (3, "partial")])
def test_extract_batch_gives_up_at_the_last_try(
    *, after: int, status: str, batch: Batch, folder: BatchFolder[Path], connect: Connect, cloud: LocalCloud
) -> None:
    """When no further try comes, what could not be read is noted with its reason, and the rest goes on."""
    member = cloud.aws.account_ids[1]
    action = "ListAccessKeys" if after else "GetAccountSummary"
    cloud.inject(Fault(FaultKind.STATUS, action=action, account=member, after=after, count=None))

    extract_batch(batch, folder, connect, Reading(concurrency=1), last_try=True)

    good, bad = outcomes(folder, batch)
    assert (good["status"], bad["status"]) == ("ok", status)
    assert f"iam:{action}" in str(bad["reason"])
    assert len(staged_rows(folder, member)) == bad["keys"]


@pytest.mark.parametrize("accounts_at_once", [1, 4])
def test_extract_batch_with_refused_credentials_ends_at_once(
    accounts_at_once: int, folder: BatchFolder[Path], cloud: LocalCloud
) -> None:
    """Credentials of the connection's are no good for any account: the step ends, and blames none."""
    stranger = auditor(cloud, "wrong" * 8)
    sts = sts_client(stranger, cloud)
    refs = [AccountRef(id=f"{number:012}", name=None) for number in range(20)]
    many = Batch(number=0, accounts=refs, listed_at=LISTED_AT)

    def refused(account: Account) -> IAMClient:
        return iam_client(assume_role(stranger, sts, account, cloud.aws.role_name), cloud)

    with pytest.raises(AwsCredentialsError):
        extract_batch(many, folder, refused, Reading(accounts_at_once=accounts_at_once))

    assert outcomes(folder, many) == []
    assert len(cloud.requests()) <= accounts_at_once


NOT_OF_THE_OTHERS = {
    "Region not enabled": Fault(FaultKind.STATUS, action="GetAccountSummary", status=403, body=error("OptInRequired")),
    "session not known": Fault(
        FaultKind.STATUS, action="GetAccountSummary", status=403, body=error("InvalidClientTokenId")
    ),
}


@pytest.mark.parametrize("fault", NOT_OF_THE_OTHERS.values(), ids=NOT_OF_THE_OTHERS)
def test_extract_batch_with_an_account_that_nobody_can_work_in_reads_the_others(
    fault: Fault, batch: Batch, folder: BatchFolder[Path], connect: Connect, cloud: LocalCloud
) -> None:
    """What AWS says of one account's state, or of a session in it, costs that account only, and no further try."""
    own, member = cloud.aws.account_ids
    cloud.inject(dataclasses.replace(fault, account=member, count=None, content_type="text/xml"))

    extract_batch(batch, folder, connect, last_try=False)

    good, bad = outcomes(folder, batch)
    assert (good["id"], good["status"]) == (own, "ok")
    assert (bad["status"], bad["action"], bad["keys"]) == ("failed", "iam:GetAccountSummary", 0)
    assert member in str(bad["reason"]) or "credentials" in str(bad["reason"])


def test_extract_batch_that_is_interrupted_reads_no_further_account(
    folder: BatchFolder[Path], connect: Connect, cloud: LocalCloud
) -> None:
    """A time-out of the task ends the step with the rows that are being read, not after all accounts."""
    cloud.inject(Fault(FaultKind.DELAY, action="ListAccessKeys", seconds=0.1, count=None))
    refs = [AccountRef(id=account, name=None) for account in cloud.aws.account_ids] * 10
    many = Batch(number=0, accounts=refs, listed_at=LISTED_AT)
    entered: list[str] = []

    def entering(account: Account) -> IAMClient:
        entered.append(account.id)
        return connect(account)

    class TimedOutError(BaseException):
        pass

    def time_out(*_: object) -> None:
        raise TimedOutError

    before = signal.signal(signal.SIGALRM, time_out)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(TimedOutError):
            extract_batch(many, folder, entering, Reading(concurrency=1, accounts_at_once=1))
    finally:
        signal.signal(signal.SIGALRM, before)

    assert len(entered) <= 2


def test_extract_batch_passes_on_how_old_a_report_may_be(
    batch: Batch, folder: BatchFolder[Path], connect: Connect, cloud: LocalCloud
) -> None:
    """A report older than the run allows is made anew, one that is young enough is not."""
    cloud.set_report(takes_seconds=0)
    cloud.set_report(age_hours=3)
    made = []
    for hours in (5, 1):
        run = begun(folder.folder / str(hours)).batch(0)
        extract_batch(batch, run, connect, Reading(lookup="report", oldest_report=timedelta(hours=hours)))
        made.append(len(cloud.requests(action="GenerateCredentialReport")))

    assert made == [0, 2]


def test_extract_batch_reads_again_what_lost_its_rows(
    batch: Batch, folder: BatchFolder[Path], connect: Connect, cloud: LocalCloud
) -> None:
    """An account whose rows are gone, or whose note cannot be read, is read again."""
    own, member = cloud.aws.account_ids
    extract_batch(batch, folder, connect)
    folder.raw(own).unlink()
    (folder.folder / "raw" / f"{member}.json").write_bytes(b'{"id":')

    extract_batch(batch, folder, connect)

    assert len(cloud.requests(action="ListUsers")) == 4
    assert [outcome["status"] for outcome in outcomes(folder, batch)] == ["ok", "ok"]


def test_extract_batch_reads_a_few_accounts_side_by_side(
    batch: Batch, folder: BatchFolder[Path], connect: Connect, cloud: LocalCloud
) -> None:
    """No more accounts are read at a time than allowed, and that many are."""
    cloud.inject(Fault(FaultKind.DELAY, action="ListUsers", seconds=0.3, count=None))
    at_once: dict[int, int] = {}
    for allowed in (1, 2):
        reading: set[str] = set()
        seen: list[int] = []

        def watched(account: Account, reading: set[str] = reading, seen: list[int] = seen) -> IAMClient:
            client = connect(account)
            reading.add(account.id)
            seen.append(len(reading))
            close = client.close

            def leave() -> None:
                reading.discard(account.id)
                close()

            client.close = leave  # type: ignore[method-assign]
            return client

        extract_batch(batch, begun(folder.folder / str(allowed)).batch(0), watched, Reading(accounts_at_once=allowed))
        at_once[allowed] = max(seen)

    assert at_once == {1: 1, 2: 2}


def test_extract_batch_tells_how_far_it_is(
    batch: Batch, folder: BatchFolder[Path], connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """The log counts accounts, users, keys and calls, those that IAM throttled, and calls per second."""
    with caplog.at_level(logging.INFO, "keywatch"):
        extract_batch(batch, folder, connect)

    (line,) = [record.getMessage() for record in caplog.records if record.getMessage().startswith("2 accounts: ")]
    said = re.fullmatch(
        r"2 accounts: 2 done, 24 users, (\d+) keys, (\d+) calls, 0 calls throttled, \d+ calls per second",
        line,
    )
    assert said is not None
    assert int(said[2]) > int(said[1]) > 0
