"""Runs staged by hand, as the steps before would have left them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.manifests import AccountOutcome, AccountRef, Batch, ExtractedBatch, LoadedBatch, Status
from keywatch.staging import encode, line_writer

RUN_ID = "scheduled__2024-03-01T00:00:00+00:00"
LISTED_AT = "2024-03-01T00:00:00Z"
SNAPSHOT = "2024-03-01T00:01:00Z"
ACCOUNTS = ("111111111111", "222222222222", "333333333333")


def begun(staging: Path, run_id: str = RUN_ID, listed_at: str = LISTED_AT) -> RunFolder[Path]:
    """Begin a run."""
    run = RunFolder(staging, run_id)
    run.start(listed_at)
    return run


def batch_of(*accounts: str, number: int = 0) -> Batch:
    """Make a batch; every account's name is `name-` and its number."""
    refs = [AccountRef(id=account, name=f"name-{account}") for account in accounts]
    return Batch(number=number, accounts=refs, listed_at=LISTED_AT)


def raw_row(account: str, user: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Make a raw row."""
    return {
        "account_name": f"name-{account}",
        "user_name": user,
        "user_arn": f"arn:aws:iam::{account}:user/{user}",
        "access_key_id": "AKIA...MPLE",
        "slot": 1,
        "status": "Active",
        "create_date": "2024-01-01T00:00:00Z",
        "last_used_date": None,
        "last_used_region": "N/A",
        "last_used_service": "N/A",
        "last_used_source": "exact",
        "snapshot_time": SNAPSHOT,
    } | changes


def stage_account(
    run: RunFolder[Path],
    account: str,
    rows: list[dict[str, Any]],
    number: int = 0,
    *,
    status: Status = "ok",
    action: str | None = None,
    reason: str | None = None,
) -> AccountOutcome:
    """Stage the reading of one account."""
    folder = run.batch(number)
    with line_writer(folder.raw(account)) as writer:
        for row in rows:
            writer.write(encode(row))
    outcome = AccountOutcome(
        id=account,
        name=f"name-{account}",
        status=status,
        action=action,
        reason=reason,
        users=len({row["user_name"] for row in rows}),
        keys=len(rows),
        gone=0,
        snapshot_time=SNAPSHOT,
        sha256=writer.sha256,
    )
    folder.write_outcome(outcome)
    return outcome


def extracted(run: RunFolder[Path], rows: dict[str, list[dict[str, Any]]], number: int = 0) -> ExtractedBatch:
    """Stage a batch whose accounts were all read."""
    for account, its_rows in rows.items():
        stage_account(run, account, its_rows, number)
    return ExtractedBatch(batch=batch_of(*rows, number=number), keys=sum(map(len, rows.values())))


def loaded(number: int = 0, accepted: int = 1, rejected: dict[str, int] | None = None) -> LoadedBatch:
    """Say that a batch was delivered."""
    return LoadedBatch(
        number=number,
        accepted=accepted,
        rejected=rejected or {},
        perhaps_twice=0,
        chunks=1,
        sent_bytes=100,
        largest=100,
    )
