"""What runs found, made up for one test."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine

from keywatch.columns import stable_id
from keywatch.report.outcome import AccountOutcome, RunOutcome
from keywatch.report.write import write_run
from keywatch.staging import encode

NOW: Final = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
ONE, TWO, THREE = "111111111111", "222222222222", "333333333333"


def record(user: str, account: str = ONE, *, at: datetime = NOW, age: float | None = 10, idle: float | None = None,
           key: str = "AKIA...0001", **more: Any) -> bytes:  # fmt: skip  # noqa: ANN401 - JSON
    """Make a staged record.

    Args:
        user: Its name.
        account: 12 digits.
        at: When IAM was read.
        age: Days since the key was made; None if no API tells.
        idle: Days since it was last used; None if never.
        key: The shortened id.
        more: Other fields; None takes one away.
    """
    arn = f"arn:aws:iam::{account}:user/{user}"
    row: dict[str, Any] = {
        "KeyId": stable_id("k", arn, key),
        "account_number": account,
        "user": user,
        "UserArn": arn,
        "SnapshotTime": _text(at),
        "LastUsedSource": "exact",
        "AccessKeyId": key,
        "Status": "Active",
        "CreateDate": None if age is None else _text(at - timedelta(days=age)),
    }
    if idle is not None:
        row |= {"LastUsedDate": _text(at - timedelta(days=idle)), "ServiceName": "s3", "Region": "eu-west-1"}
    return encode({name: value for name, value in (row | more).items() if value is not None})


def write(
    store: Engine, records: Iterable[bytes], *accounts: AccountOutcome | str, at: datetime = NOW, run_id: str = ""
) -> None:
    """Write a run; an account that is given by number alone was read.

    Args:
        store: For writing.
        records: Staged records.
        accounts: All that the run had; none means `ONE`.
        at: When it listed its accounts.
        run_id: None means the moment.
    """
    outcomes = [ok(each, at) if isinstance(each, str) else each for each in accounts or (ONE,)]
    records = list(records)
    complete = all(each.status in ("ok", "skipped") for each in outcomes)
    run = RunOutcome(run_id or at.isoformat(), at, at + timedelta(minutes=5), complete, len(records), outcomes)
    write_run(store, run, records)


def ok(account: str, at: datetime = NOW, name: str | None = None) -> AccountOutcome:
    """Make the outcome of an account that was read."""
    return AccountOutcome(account, name, "ok", users=1, keys=1, read_at=at)


def denied(account: str, name: str | None = None) -> AccountOutcome:
    """Make the outcome of an account that denied access."""
    return AccountOutcome(account, name, "denied", action="iam:ListUsers", reason="denies iam:ListUsers")


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
