"""Staged records into rows of the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from keywatch.errors import StagingDamagedError
from keywatch.report.schema import UNKNOWN, seconds


class StagedRecord(msgspec.Struct):
    """What the store takes of a record; the rest is passed over."""

    KeyId: str
    account_number: str
    user: str
    UserArn: str
    SnapshotTime: datetime
    LastUsedSource: str
    AccessKeyId: str | None = None
    Status: str | None = None
    CreateDate: datetime | None = None
    LastUsedDate: datetime | None = None
    ServiceName: str | None = None
    Region: str | None = None
    Owner: str | None = None
    OwnerSource: str | None = None


def key_rows(lines: Iterable[bytes], listed_at: int) -> Iterator[dict[str, Any]]:
    """Yield a row of table `access_key` for each staged record.

    Args:
        lines: Records, each as JSON.
        listed_at: When the run listed its accounts, in seconds. A key is seen then at the earliest, however the
            clock of the machine that read it goes.

    Raises:
        StagingDamagedError: A line is no record.
    """
    decoder = msgspec.json.Decoder(StagedRecord)
    for line in lines:
        try:
            record = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise StagingDamagedError(
                f"A staged line is not a record ({error}). Clear the whole run, so that it is made anew."
            ) from error
        yield _row(record, listed_at)


def _row(record: StagedRecord, listed_at: int) -> dict[str, Any]:
    created = seconds(record.CreateDate) or UNKNOWN
    last_used = seconds(record.LastUsedDate)
    seen = max(seconds(record.SnapshotTime), listed_at)
    return {
        "key_id": record.KeyId,
        "access_key_id": record.AccessKeyId,
        "account_id": record.account_number,
        "user_name": record.user,
        "user_arn": record.UserArn,
        "status": record.Status,
        "created": created,
        "last_used": last_used,
        "last_activity": last_used or created,
        "service": record.ServiceName,
        "region": record.Region,
        "source": record.LastUsedSource,
        "owner": record.Owner,
        "owner_source": record.OwnerSource,
        "last_active": seen if record.Status == "Active" else 0,
        "first_seen": seen,
        "last_seen": seen,
    }
