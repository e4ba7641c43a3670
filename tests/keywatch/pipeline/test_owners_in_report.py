"""Who answers for a key, in the daily report: staged with the accounts, read from tags, written into records."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from keywatch.access_keys.extract import AccessKeyExtraction
from keywatch.access_keys.organization import Selection
from keywatch.access_keys.owners import OwnerBook
from keywatch.access_keys.policy.model import OwnerPattern
from keywatch.access_keys.record import Account, RawAccessKey
from keywatch.access_keys.transform import transform_row
from keywatch.errors import StagingDamagedError
from keywatch.pipeline.extract import Reading, extract_batch
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.list_accounts import list_accounts
from keywatch.pipeline.manifests import AccountRef, Batch
from keywatch.pipeline.transform import transform_batch
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.pipeline.staged import ACCOUNTS, LISTED_AT, begun, extracted, raw_row

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

ONE, TWO, THREE = ACCOUNTS
NOW = datetime(2024, 3, 1, tzinfo=UTC)
TAG = "aws-tool:team"
"""A tag that a user of the local cloud's second account has."""
PATTERNS = (OwnerPattern(users=("ci-*",), owner="by-pattern@example.com"),)


def records(run: RunFolder[Path], number: int = 0) -> dict[str, tuple[str | None, str | None]]:
    """Give who answers for each user's key, and who says so, as the records of a batch have it."""
    rows = map(json.loads, run.batch(number).records.read_text().splitlines())
    return {row["user"]: (row.get("Owner"), row.get("OwnerSource")) for row in rows}


def test_owners_are_staged_with_the_batch_of_their_accounts(tmp_path: Path) -> None:
    """Each batch keeps the owners of its own accounts, as they were when the run listed these."""
    table = {(account, "ci-deploy"): f"team-{account}@example.com" for account in ACCOUNTS}
    asked: list[list[str]] = []

    def owners_of(accounts: Sequence[str]) -> OwnerBook:
        asked.append(list(accounts))
        return OwnerBook({whose: owner for whose, owner in table.items() if whose[0] in accounts}, PATTERNS)

    run = RunFolder(tmp_path, "run")
    list_accounts(Selection(tuple(map(Account, ACCOUNTS))), run, NOW, 2, owners_of)
    table.clear()

    assert asked == [[ONE, TWO], [THREE]]
    assert [dict(run.batch(number).owners().table) for number in (0, 1)] == [
        {(ONE, "ci-deploy"): f"team-{ONE}@example.com", (TWO, "ci-deploy"): f"team-{TWO}@example.com"},
        {(THREE, "ci-deploy"): f"team-{THREE}@example.com"},
    ]
    assert [tuple(run.batch(number).owners().patterns) for number in (0, 1)] == [PATTERNS, PATTERNS]


def test_nothing_is_staged_of_nobody(tmp_path: Path) -> None:
    """Where no owner is known no file is staged, and none is missed."""
    run = RunFolder(tmp_path, "run")
    list_accounts(Selection((Account(ONE),)), run, NOW, 2)

    assert not list(run.folder.rglob("owners.json"))
    assert run.batch(0).owners() == OwnerBook()


def test_transform_writes_who_answers_and_who_says_so(tmp_path: Path) -> None:
    """The table goes before the tag, and the tag before the patterns; a key of nobody's has neither field."""
    run = begun(tmp_path)
    run.batch(0).write_owners(OwnerBook({(ONE, "ci-tabled"): "by-table@example.com"}, PATTERNS))
    tag = {"owner_tag": "by-tag@example.com"}
    rows = [
        raw_row(ONE, "ci-tabled", **tag),
        raw_row(ONE, "ci-tagged", **tag),
        raw_row(ONE, "ci-deploy", owner_tag=None),
        raw_row(ONE, "backup", owner_tag=""),
        raw_row(ONE, "other"),
    ]

    transform_batch(extracted(run, {ONE: rows}), run)

    assert records(run) == {
        "ci-tabled": ("by-table@example.com", "table"),
        "ci-tagged": ("by-tag@example.com", "tag"),
        "ci-deploy": ("by-pattern@example.com", "pattern"),
        "backup": (None, None),
        "other": (None, None),
    }


def test_owners_that_are_not_what_was_staged_stop_the_batch(tmp_path: Path) -> None:
    """A damaged file of owners is an error, and not nobody."""
    run = begun(tmp_path)
    run.batch(0).write_owners(OwnerBook({(ONE, "ci-deploy"): "team@example.com"}))
    file = run.batch(0).folder / "owners.json"
    file.write_bytes(file.read_bytes()[:-3])

    with pytest.raises(StagingDamagedError, match=r"owners\.json"):
        transform_batch(extracted(run, {ONE: [raw_row(ONE, "ci-deploy")]}), run)


def read(iam: IAMClient, cloud: LocalCloud, owner_tag: str | None) -> list[RawAccessKey]:
    """Read the second account, which has users without keys."""
    account = Account(cloud.aws.account_ids[1])
    return list(AccessKeyExtraction(iam, account, owner_tag=owner_tag, concurrency=4))


def test_tags_are_asked_of_users_who_have_keys(member_iam: IAMClient, cloud: LocalCloud) -> None:
    """With a tag to look for, every user who has keys is asked for it once, and the value comes with each key."""
    tags = {user.name: user.tags for user in cloud.users(cloud.aws.account_ids[1])}
    owners = {key.user: tags[key.user].get(TAG) for key in cloud.keys() if key.account == cloud.aws.account_ids[1]}

    rows = read(member_iam, cloud, TAG)

    asked = [each.user for each in cloud.requests(action="ListUserTags")]
    assert sorted(map(str, asked)) == sorted(owners)
    assert set(owners) < set(tags)
    assert {row["user_name"]: row["owner_tag"] for row in rows if row["access_key_id"]} == owners
    tagged = [transform_row(row, "run") for row in rows if row.get("owner_tag")]
    assert {(row["user"], row["Owner"], row["OwnerSource"]) for row in tagged} == {
        ("mobile-runner", "platform+sre@eu", "tag")
    }


def test_name_of_the_tag_is_taken_letter_by_letter(member_iam: IAMClient, cloud: LocalCloud) -> None:
    """A tag of another letter case is another tag."""
    assert {row.get("owner_tag") for row in read(member_iam, cloud, "AWS-tool:team")} == {None}


@pytest.mark.parametrize("owner_tag", [None, ""])
def test_without_a_tag_nobody_is_asked(member_iam: IAMClient, cloud: LocalCloud, owner_tag: str | None) -> None:
    """Without a tag to look for, no tags are read, and the rows say nothing of any."""
    rows = read(member_iam, cloud, owner_tag)

    assert cloud.requests(action="ListUserTags") == []
    assert all("owner_tag" not in row for row in rows)


def test_denied_tags_cost_no_key(member_iam: IAMClient, cloud: LocalCloud, caplog: pytest.LogCaptureFixture) -> None:
    """Where tags may not be read, every key is read all the same, the log says what to allow, and asking ends."""
    expected = {(row["user_arn"], row["access_key_id"]) for row in read(member_iam, cloud, None)}
    cloud.inject(Fault(FaultKind.DENY, action="ListUserTags", count=None))

    rows = read(member_iam, cloud, TAG)

    assert {(row["user_arn"], row["access_key_id"]) for row in rows} == expected
    assert {row.get("owner_tag") for row in rows} == {None}
    errors = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert 1 <= len(errors) <= 4
    assert all(
        each.startswith(f"Keys of AWS account {cloud.aws.account_ids[1]} get no owner by tag") for each in errors
    )
    assert all("iam:ListUserTags" in each for each in errors)
    assert len(cloud.requests(action="ListUserTags")) == len(errors)


def test_user_who_vanishes_before_his_tags_are_read_keeps_his_keys(member_iam: IAMClient, cloud: LocalCloud) -> None:
    """A user who is deleted between his keys and his tags has no owner by tag, and costs nobody else's key."""
    user = next(key.user for key in cloud.keys() if key.account == cloud.aws.account_ids[1])
    cloud.inject(Fault(FaultKind.VANISH, action="ListUserTags", user=user, count=None))

    rows = read(member_iam, cloud, TAG)

    assert {row["owner_tag"] for row in rows if row["user_name"] == user} == {None}
    keys = [key for key in cloud.keys() if key.account == cloud.aws.account_ids[1]]
    assert len([row for row in rows if row["access_key_id"]]) == len(keys)


def test_batch_is_read_with_its_tags(member_iam: IAMClient, cloud: LocalCloud, tmp_path: Path) -> None:
    """From the account to the record: a batch that is read with a tag to look for has owners by it."""
    account = cloud.aws.account_ids[1]
    run = begun(tmp_path)
    batch = Batch(number=0, accounts=[AccountRef(id=account, name="prod")], listed_at=LISTED_AT)
    staged: Any = extract_batch(batch, run.batch(0), lambda _: member_iam, Reading(owner_tag=TAG))

    transform_batch(staged, run)

    assert {user: owner for user, owner in records(run).items() if owner[0]} == {
        "mobile-runner": ("platform+sre@eu", "tag")
    }
