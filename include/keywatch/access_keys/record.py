"""The rows of the access-key report: raw as read from IAM, and as records for Log Analytics."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NotRequired, TypedDict

from keywatch.columns import Timestamp
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

    The access key id is already shortened; None where no API shows one (root).
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
    KeyId: str
    RecordId: str
    RunId: str


def shorten(access_key_id: str) -> str:
    """Keep the first and the last four characters of an access key id."""
    return f"{access_key_id[:4]}...{access_key_id[-4:]}"


def stable_id(prefix: str, *parts: str) -> str:
    """Make an id of a letter and 26 base32 characters, 130 bits of SHA-256 over the parts.

    Not hexadecimal: the Data Collector takes 32 hexadecimal characters for a GUID and renames the column.
    """
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "backslashreplace")).digest()
    return prefix + base64.b32encode(digest)[:26].decode("ascii")


def iso_time(moment: datetime) -> str:
    """Write a moment as ISO 8601 in UTC, to the second, with Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
