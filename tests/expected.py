"""What Log Analytics has to hold after a run, worked out from what was seeded in AWS.

It is written from the table in the design ("The records") and from the Data Collector's documented type inference, and
shares no code with what it checks.

    snapshot_times = {row["account_number_s"]: row["SnapshotTime_t"] for row in cloud.rows(AUDIT_TABLE)}
    assert expected_rows(cloud.keys(), cloud.root_keys(), snapshot_times, run_id) == stored(cloud.rows(KEYS_TABLE))
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from localcloud import SeededKey

KEYS_TABLE: Final = "AWS_Access_Key_Report_CL"
AUDIT_TABLE: Final = "AWS_Access_Key_Audit_CL"

GUID: Final = re.compile(r"([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})", re.IGNORECASE)
DATES: Final = frozenset({"CreateDate", "LastUsedDate", "SnapshotTime"})
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def expected_rows(
    keys: Iterable[SeededKey],
    root_keys: Mapping[str, int],
    snapshot_times: Mapping[str, str],
    run_id: str,
    account_names: Mapping[str, str] | None = None,
    *,
    declared: bool = False,
) -> list[dict[str, Any]]:
    """Work out the rows of the keys' table, as `stored` gives them.

    Args:
        keys: The access keys of all accounts, `cloud.keys()`.
        root_keys: Access keys of each account's root user, `cloud.root_keys()`.
        snapshot_times: When each account was read, ISO 8601 UTC; an account that is not here was not read.
        run_id: The run that read them.
        account_names: Names of accounts, where known.
        declared: Whether the table's columns are declared by a data collection rule, or inferred from values.
    """
    names = account_names or {}
    records = [
        _key_record(key, snapshot_times[key.account], run_id, names.get(key.account))
        for key in keys
        if key.account in snapshot_times
    ]
    for account, count in root_keys.items():
        if account in snapshot_times:
            records += [
                _root_record(account, slot, snapshot_times[account], run_id, names.get(account))
                for slot in range(1, count + 1)
            ]
    return sorted(map(as_declared_row if declared else as_row, records), key=_record_id)


def stored(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Bring a table's rows into the order and form of `expected_rows`: without empty columns and the table's name."""
    present = ({name: value for name, value in row.items() if value is not None and name != "Type"} for row in rows)
    return sorted(present, key=_record_id)


def as_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a record as sent into a row as the Data Collector stores it: named by the types its values seem to have.

    Its time is the record's SnapshotTime, if that is not more than two days ago.
    """
    row: dict[str, Any] = {"TimeGenerated": record["SnapshotTime"]}
    for name, value in record.items():
        if not isinstance(value, str):
            row[f"{name}_d"] = float(value)
        elif guid := GUID.fullmatch(value):
            row[f"{name}_g"] = "-".join(guid.groups())
        elif TIME.fullmatch(value):
            row[f"{name}_t"] = value
        else:
            row[f"{name}_s"] = value
    return row


def as_declared_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a record into a row of the table whose columns are declared: named by the types of the design's table."""
    row: dict[str, Any] = {"TimeGenerated": record["SnapshotTime"]}
    for name, value in record.items():
        if name in DATES:
            row[f"{name}_t"] = value
        else:
            row[f"{name}_s" if isinstance(value, str) else f"{name}_d"] = (
                value if isinstance(value, str) else float(value)
            )
    return row


def key_id(account: str, user_arn: str, short_id: str, create_date: str) -> str:
    """Name a key: the same over the days."""
    partition = user_arn.split(":")[1]
    return "k" + _digest(partition, account, user_arn, short_id, create_date)


def record_id(key: str, logged_date: str) -> str:
    """Name a key's row of one day."""
    return "r" + _digest(key, logged_date)


def whole_days(since: str, until: str) -> int:
    """Count the whole days between two moments, ISO 8601; none if the first is the later."""
    return max(0, int((datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds() // 86_400))


def _key_record(key: SeededKey, snapshot_time: str, run_id: str, account_name: str | None) -> dict[str, Any]:
    short_id = key.access_key_id[:4] + "..." + key.access_key_id[-4:]
    name = key_id(key.account, key.user_arn, short_id, key.create_date)
    record = _common(key.account, account_name, snapshot_time, run_id, name) | {
        "user": key.user,
        "UserArn": key.user_arn,
        "AccessKeyId": short_id,
        "CreateDate": key.create_date,
        "Status": key.status,
        "KeyAgeDays": whole_days(key.create_date, snapshot_time),
    }
    if key.last_used_date is not None:
        record["LastUsedDate"] = key.last_used_date
        record["Region"] = key.last_used_region
        record["ServiceName"] = key.last_used_service
        record["IdleDays"] = whole_days(key.last_used_date, snapshot_time)
    return record


def _root_record(account: str, slot: int, snapshot_time: str, run_id: str, account_name: str | None) -> dict[str, Any]:
    arn = f"arn:aws:iam::{account}:root"
    name = key_id(account, arn, f"slot {slot}", "")
    return _common(account, account_name, snapshot_time, run_id, name) | {"user": "<root_account>", "UserArn": arn}


def _common(account: str, account_name: str | None, snapshot_time: str, run_id: str, name: str) -> dict[str, Any]:
    logged_date = snapshot_time[:10]
    record = {
        "loggedDate": logged_date,
        "account_number": account,
        "SnapshotTime": snapshot_time,
        "LastUsedSource": "exact",
        "KeyId": name,
        "RecordId": record_id(name, logged_date),
        "RunId": run_id,
    }
    return record | ({"AccountName": account_name} if account_name else {})


def _digest(*parts: str) -> str:
    return base64.b32encode(hashlib.sha256("\n".join(parts).encode()).digest()).decode()[:26]


def _record_id(row: Mapping[str, Any]) -> str:
    return str(row["RecordId_s"])
