"""Raw rows into records. Pure functions: no clock, no network, no files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from keywatch.access_keys.owners import OwnerBook
from keywatch.access_keys.record import AccessKeyRecord, RawAccessKey, key_id_of
from keywatch.columns import iso_time, stable_id
from keywatch.errors import MalformedRowError

IAM_ARN: Final = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>[0-9]{12}):(?:user/.+|root)", re.DOTALL)
"""A user's or root's ARN in any partition (IAM user guide, "IAM identifiers")."""

REQUIRED: Final = ("user_name", "user_arn", "last_used_source", "snapshot_time")
OPTIONAL: Final = ("account_name", "access_key_id", "status", "last_used_region", "last_used_service", "owner_tag")
NOBODY: Final = OwnerBook()
NOT_AVAILABLE: Final = "N/A"
"""What IAM says for region and service of a key that was never used."""


def transform_row(raw: RawAccessKey | Mapping[str, Any], run_id: str, owners: OwnerBook = NOBODY) -> AccessKeyRecord:
    """Make one record of one raw row.

    Args:
        raw: What `extract` staged.
        run_id: The Airflow run.
        owners: Who answers for which user.

    Raises:
        MalformedRowError: A field is missing, or an ARN or a time cannot be read. The message names the row.
    """
    if missing := [name for name in REQUIRED if not isinstance(raw.get(name), str)]:
        raise _malformed(raw, f"{', '.join(missing)} missing")
    if odd := [name for name in OPTIONAL if not isinstance(raw.get(name), str | None)]:
        raise _malformed(raw, f"{', '.join(odd)} is not text")
    partition, account = _arn_parts(raw)
    snapshot = _time(raw, "snapshot_time")
    if snapshot is None:
        raise _malformed(raw, "snapshot_time missing")
    created, used = _time(raw, "create_date"), _time(raw, "last_used_date")
    which = raw.get("access_key_id") or f"slot {raw.get('slot', 1)}"
    key_id = key_id_of(partition, account, raw["user_arn"], which, created)
    owner = owners.owner(account, raw["user_name"], raw.get("owner_tag"))
    logged_date = iso_time(snapshot)[:10]
    record = {
        "loggedDate": logged_date,
        "user": raw["user_name"],
        "account_number": account,
        "AccessKeyId": raw.get("access_key_id"),
        "CreateDate": iso_time(created) if created else None,
        "LastUsedDate": iso_time(used) if used else None,
        "Region": _available(raw.get("last_used_region")),
        "ServiceName": _available(raw.get("last_used_service")),
        "Status": raw.get("status"),
        "SnapshotTime": iso_time(snapshot),
        "AccountName": raw.get("account_name"),
        "UserArn": raw["user_arn"],
        "KeyAgeDays": _whole_days(created, snapshot),
        "IdleDays": _whole_days(used, snapshot),
        "LastUsedSource": raw["last_used_source"],
        "Owner": owner.name if owner else None,
        "OwnerSource": owner.source if owner else None,
        "KeyId": key_id,
        "RecordId": stable_id("r", key_id, logged_date),
        "RunId": run_id,
    }
    return {name: value for name, value in record.items() if value is not None}  # type: ignore[return-value]


def _arn_parts(raw: Mapping[str, Any]) -> tuple[str, str]:
    match = IAM_ARN.fullmatch(raw["user_arn"])
    if match is None:
        raise _malformed(raw, "user_arn is not the ARN of an IAM user or of root")
    return match["partition"], match["account"]


def _time(raw: Mapping[str, Any], name: str) -> datetime | None:
    value = raw.get(name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _malformed(raw, f"{name} {value!r} is not an ISO 8601 time") from error
    if moment.tzinfo is None:
        raise _malformed(raw, f"{name} {value!r} has no time zone")
    return moment


def _available(value: str | None) -> str | None:
    return None if value in (None, "", NOT_AVAILABLE) else value


def _whole_days(since: datetime | None, until: datetime) -> int | None:
    """Whole days, never below 0: a key may be made while its account is being read."""
    return None if since is None else max(0, (until - since).days)


def _malformed(raw: Mapping[str, Any], what: str) -> MalformedRowError:
    row = f"user {raw.get('user_arn') or raw.get('user_name')!r}, key {raw.get('access_key_id')!r}"
    return MalformedRowError(f"The raw row of {row} cannot become a record: {what}. See it in the dead letters.")
