"""Reading IAM with the credential report: fewer calls, and the same answers but for what the report says by itself."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from keywatch.access_keys.extract import AccessKeyExtraction, Lookup
from keywatch.access_keys.record import Account, RawAccessKey
from keywatch.errors import AwsCredentialsError
from localcloud import Fault, FaultKind, LocalCloud, Seed
from tests.keywatch.reach import auditor, iam_client

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

LAST_USE = ("last_used_date", "last_used_region", "last_used_service", "last_used_source")


@pytest.fixture(scope="module")
def peopled_cloud() -> Iterator[LocalCloud]:
    """Start a cloud whose one account has users of every kind."""
    with LocalCloud(seed=Seed(accounts=1, users=120, keys_per_100_users=140)) as cloud:
        yield cloud


@pytest.fixture
def iam(peopled_cloud: LocalCloud) -> IAMClient:
    """Give an IAM client of that account, as freshly seeded, whose report is made at once."""
    peopled_cloud.reset()
    peopled_cloud.set_report(takes_seconds=0)
    return iam_client(auditor(peopled_cloud), peopled_cloud, attempts=1)


def read(iam: IAMClient, cloud: LocalCloud, lookup: Lookup = "report") -> dict[tuple[str, str | None], RawAccessKey]:
    """Read the account; give its rows by user and key."""
    extraction = AccessKeyExtraction(iam, Account(cloud.aws.account_id), lookup=lookup, concurrency=4)
    return {(row["user_arn"], row["access_key_id"]): row for row in extraction}


def without_last_use(row: RawAccessKey) -> dict[str, object]:
    """Give what a row says beside the key's last use and when IAM was read."""
    return {name: value for name, value in row.items() if name not in (*LAST_USE, "snapshot_time")}


def moment(text: str | None) -> datetime | None:
    """Read a time of a row."""
    return None if text is None else datetime.fromisoformat(text)


def asked(cloud: LocalCloud, action: str) -> int:
    """Count the calls of an action."""
    return len(cloud.requests(action=action))


def test_report_mode_finds_the_same_keys(iam: IAMClient, peopled_cloud: LocalCloud) -> None:
    """Every key of exact mode is there, with the same id, status and age: of inactive ones and root's too."""
    exact, report = read(iam, peopled_cloud, "exact"), read(iam, peopled_cloud)

    assert report.keys() == exact.keys()
    assert {key: without_last_use(row) for key, row in report.items()} == {
        key: without_last_use(row) for key, row in exact.items()
    }


def test_report_mode_says_the_same_of_what_it_asked(iam: IAMClient, peopled_cloud: LocalCloud) -> None:
    """Where a row is marked exact it is that, and where it is marked report it differs by its granularity at most."""
    exact, report = read(iam, peopled_cloud, "exact"), read(iam, peopled_cloud)
    by_source = {
        source: [key for key, row in report.items() if row["last_used_source"] == source]
        for source in ("exact", "report")
    }

    assert {key: report[key]["last_used_date"] for key in by_source["exact"]} == {
        key: exact[key]["last_used_date"] for key in by_source["exact"]
    }
    for key in by_source["report"]:
        here, there = moment(report[key]["last_used_date"]), moment(exact[key]["last_used_date"])
        assert (here is None) == (there is None)
        if here and there:
            assert timedelta(0) <= there - here < timedelta(minutes=15)
        # The report names no Region for services that have none, such as S3.
        assert report[key]["last_used_region"] in (exact[key]["last_used_region"], "N/A")
        assert report[key]["last_used_service"] == exact[key]["last_used_service"]
    assert len(by_source["report"]) > len(by_source["exact"]) > 0


def test_report_mode_asks_less(iam: IAMClient, peopled_cloud: LocalCloud) -> None:
    """Of active keys that the report knows, IAM is not asked; of every other one it is."""
    rows = read(iam, peopled_cloud)

    marked = sum(row["last_used_source"] == "exact" and row["access_key_id"] is not None for row in rows.values())
    assert asked(peopled_cloud, "ListAccessKeys") == 120
    assert asked(peopled_cloud, "GetAccessKeyLastUsed") == marked
    assert marked < len(rows) / 2


def test_report_differs_by_no_more_than_its_age(iam: IAMClient, peopled_cloud: LocalCloud) -> None:
    """A key used since the report was made shows its use before that; no row is wrong about anything earlier."""
    before = read(iam, peopled_cloud, "exact")
    read(iam, peopled_cloud)
    made = datetime.now(UTC)
    used = [key for key in peopled_cloud.keys() if key.status == "Active"][:10]
    for each in used:
        peopled_cloud.use_key(each.access_key_id, region="eu-west-3", service="sqs")

    report, after = read(iam, peopled_cloud), read(iam, peopled_cloud, "exact")

    for key, row in report.items():
        told = moment(row["last_used_date"])
        now, then = moment(after[key]["last_used_date"]), moment(before[key]["last_used_date"])
        if row["last_used_source"] == "exact":
            assert told == now
        else:
            assert told == then or (told and then and then - told < timedelta(minutes=15))
            assert now == then or (now and now >= made - timedelta(seconds=2))


def test_keys_and_users_younger_than_the_report_are_asked_about(iam: IAMClient, peopled_cloud: LocalCloud) -> None:
    """What the report cannot know of is read exactly, and what it knows of and is gone leaves no row."""
    account = peopled_cloud.aws.account_id
    peopled_cloud.set_report(age_hours=3)
    gone = next(key for key in peopled_cloud.keys() if key.status == "Active" and key.user != "keywatch-auditor")
    peopled_cloud.delete_user(account, gone.user)
    peopled_cloud.create_user(account, "newcomer")
    key = peopled_cloud.create_key(account, "newcomer")
    peopled_cloud.use_key(key.access_key_id, service="s3")

    rows = read(iam, peopled_cloud)

    new = next(row for (arn, _), row in rows.items() if arn.endswith("/newcomer"))
    assert (new["last_used_source"], new["last_used_service"]) == ("exact", "s3")
    assert [arn for arn, _ in rows if arn == gone.user_arn] == []


def test_user_made_again_under_the_same_name_gets_nobodys_last_use(iam: IAMClient, peopled_cloud: LocalCloud) -> None:
    """The report's row of a deleted user says nothing of a new one who is called alike."""
    account = peopled_cloud.aws.account_id
    others = [key for key in peopled_cloud.keys() if key.user != "keywatch-auditor"]
    victim = next(key for key in others if key.status == "Active" and key.last_used_date)
    peopled_cloud.set_report(age_hours=3)
    peopled_cloud.delete_user(account, victim.user)
    peopled_cloud.create_user(account, victim.user)
    peopled_cloud.create_key(account, victim.user)

    rows = [row for (arn, _), row in read(iam, peopled_cloud).items() if arn.endswith(f"/{victim.user}")]

    assert [(row["last_used_source"], row["last_used_date"]) for row in rows] == [("exact", None)]


def test_user_whose_only_key_is_inactive_is_never_lost(iam: IAMClient, peopled_cloud: LocalCloud) -> None:
    """The report shows such a user as one without keys; IAM is asked all the same."""
    account = peopled_cloud.aws.account_id
    chosen = random.Random(7).sample([key for key in peopled_cloud.keys() if key.status == "Active"][1:], 5)  # noqa: S311
    for key in chosen:
        peopled_cloud.set_key_status(key.access_key_id, "Inactive")

    rows = read(iam, peopled_cloud)

    for key in chosen:
        row = rows[key.user_arn, f"{key.access_key_id[:4]}...{key.access_key_id[-4:]}"]
        assert (row["status"], row["last_used_source"], row["last_used_date"]) == (
            "Inactive",
            "exact",
            key.last_used_date,
        )
    assert len({arn for arn, _ in rows if account in arn}) > len(chosen)


@pytest.mark.parametrize("how", ["limit", "denied", "failing"])
def test_report_that_cannot_be_had_costs_calls_and_no_key(
    how: str, iam: IAMClient, peopled_cloud: LocalCloud, caplog: pytest.LogCaptureFixture
) -> None:
    """Where IAM gives no report, every key is asked about, every row says so, and the log says why."""
    if how == "limit":
        peopled_cloud.set_report(limit_exceeded=True)
    elif how == "denied":
        peopled_cloud.inject(Fault(FaultKind.DENY, action="GetCredentialReport", count=None))
    else:
        peopled_cloud.inject(Fault(FaultKind.STATUS, action="GenerateCredentialReport", count=None))

    with caplog.at_level(logging.WARNING):
        rows = read(iam, peopled_cloud)

    assert {row["last_used_source"] for row in rows.values()} == {"exact"}
    assert len(rows) == len(peopled_cloud.keys()) + 1
    assert "IAM is asked for the last use of every key instead" in caplog.text


def test_credentials_refused_for_the_report_end_the_reading(peopled_cloud: LocalCloud) -> None:
    """What is not about the report is not taken for it."""
    peopled_cloud.reset()
    iam = iam_client(auditor(peopled_cloud, "wrong" * 8), peopled_cloud, attempts=1)

    with pytest.raises(AwsCredentialsError):
        read(iam, peopled_cloud)
