"""The rows of the access-key report: raw as read from IAM, and as records for Log Analytics."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NotRequired, TypedDict

from keywatch.columns import Timestamp, iso_time, stable_id
from keywatch.errors import ConfigurationError

ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")

ROOT_USER: Final = "<root_account>"
"""The user name that stands for an account's root user."""


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account.

    Attributes:
        id: 12 digits.
        name: Its name in the organisation, if known.

    Raises:
        ConfigurationError: The id is not 12 digits.
    """

    id: str
    name: str | None = None

    def __post_init__(self) -> None:
        if not ACCOUNT_ID.fullmatch(self.id):
            raise ConfigurationError(f"{self.id!r} is not an AWS account id: give 12 digits. Correct `accounts`.")


class RawAccessKey(TypedDict):
    """One access key as IAM described it. Times are ISO 8601, UTC, with Z.

    The access key id is already shortened; None where no API shows one (root). `owner_tag` is the value of the user's
    tag that names an owner, if it was asked for; None if the user has no such tag.
    """

    account_name: str | None
    user_name: str
    user_arn: str
    access_key_id: str | None
    slot: int
    status: str | None
    create_date: str | None
    last_used_date: str | None
    last_used_region: str | None
    last_used_service: str | None
    last_used_source: Literal["exact", "report"]
    owner_tag: NotRequired[str | None]
    snapshot_time: str


class AccessKeyRecord(TypedDict):
    """One row of `AWS_Access_Key_Report_CL`, with the names that are sent. A value that is not there is left out."""

    loggedDate: str
    user: str
    account_number: str
    AccessKeyId: NotRequired[str]
    CreateDate: NotRequired[Timestamp]
    LastUsedDate: NotRequired[Timestamp]
    Region: NotRequired[str]
    ServiceName: NotRequired[str]
    Status: NotRequired[str]
    SnapshotTime: Timestamp
    AccountName: NotRequired[str]
    UserArn: str
    KeyAgeDays: NotRequired[int]
    IdleDays: NotRequired[int]
    LastUsedSource: str
    Owner: NotRequired[str]
    OwnerSource: NotRequired[str]
    KeyId: str
    RecordId: str
    RunId: str


class FindingRecord(TypedDict):
    """One row of `AWS_Access_Key_Finding_CL`: a key that a rule of the policy is about, on one day.

    `State` is `open`, or `resolved` once, on the day on which the rule is no longer about the key. Ages are those at
    the newest report. A value that is not there is left out.
    """

    loggedDate: str
    State: str
    Rule: str
    Kind: str
    Severity: str
    Control: NotRequired[str]
    Reason: str
    account_number: str
    AccountName: NotRequired[str]
    user: str
    UserArn: str
    AccessKeyId: NotRequired[str]
    Status: NotRequired[str]
    CreateDate: NotRequired[Timestamp]
    LastUsedDate: NotRequired[Timestamp]
    KeyAgeDays: NotRequired[int]
    IdleDays: NotRequired[int]
    Owner: NotRequired[str]
    OwnerSource: NotRequired[str]
    FirstFound: Timestamp
    LastSeen: Timestamp
    SnapshotTime: Timestamp
    KeyId: str
    FindingId: str
    RecordId: str
    RunId: str


class DeactivationRecord(TypedDict):
    """One row of `AWS_Access_Key_Deactivation_CL`: what became of one key of a proposal to deactivate.

    `Decision` is `approved`, `rejected`, `timed_out`, `superseded`, `altered`, `refused` or `failed`; `Result` is
    `deactivated`, `would_deactivate` (a dry run), `refused`, `failed`, `unknown` (AWS was asked, and its answer was
    lost) or `not_attempted`. `Proposal` is the SHA-256 of the proposal's file. A value that is not there is left out.
    """

    loggedDate: str
    Proposal: str
    DryRun: bool
    Decision: str
    DecidedBy: NotRequired[str]
    DecidedById: NotRequired[str]
    DecidedTime: NotRequired[Timestamp]
    Result: str
    Reason: NotRequired[str]
    Rule: str
    account_number: str
    AccountName: NotRequired[str]
    user: str
    UserArn: str
    AccessKeyId: str
    Owner: NotRequired[str]
    SnapshotTime: Timestamp
    KeyId: str
    RecordId: str
    RunId: str


def shorten(access_key_id: str) -> str:
    """Keep the first and the last four characters of an access key id."""
    return f"{access_key_id[:4]}...{access_key_id[-4:]}"


def key_id_of(partition: str, account_id: str, user_arn: str, which: str, created: datetime | None) -> str:
    """Make a KeyId: the same key over the days.

    Never of the full access key id: it leaves few enough candidates for somebody to find the rest of it.

    Args:
        partition: Such as `aws`.
        account_id: 12 digits.
        user_arn: Of the user, or of root.
        which: The shortened access key id, or `slot 1` where no API shows one.
        created: When it was made; None if no API tells.
    """
    return stable_id("k", partition, account_id, user_arn, which, iso_time(created) if created else "")
