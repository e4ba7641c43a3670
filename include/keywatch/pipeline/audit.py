"""What became of each account: the rows of the audit table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from keywatch.columns import Timestamp, stable_id
from keywatch.pipeline.folders import BatchFolder, RunFolder
from keywatch.pipeline.manifests import (
    AccountOutcome,
    AccountRef,
    Batch,
    LoadedBatch,
    SkippedAccount,
    Status,
    TransformedBatch,
)


class AuditRecord(TypedDict):
    """One row of `AWS_Access_Key_Audit_CL`: one account in one run."""

    loggedDate: str
    account_number: str
    AccountName: NotRequired[str]
    Status: str
    Action: NotRequired[str]
    Reason: NotRequired[str]
    UserCount: int
    KeyCount: int
    RejectedCount: int
    SnapshotTime: Timestamp
    RecordId: str
    RunId: str


@dataclass(frozen=True, slots=True)
class AccountAudit:
    """What became of one account.

    Attributes:
        account: The account.
        status: As in the audit table.
        reason: Why it is not `ok`.
        snapshot_time: When it was read, or when the run listed it, ISO 8601 UTC.
        action: What AWS was asked when it denied or failed, as IAM policies name it.
        users: Users seen.
        keys: Keys read.
        rejected: Keys that went to the dead letters.
        reading: How its reading ended, whatever became of the delivery: `ok` only if every key is staged as a record.
        delivered: Whether its batch came through.
    """

    account: AccountRef
    status: Status
    reason: str | None
    snapshot_time: str
    action: str | None = None
    users: int = 0
    keys: int = 0
    rejected: int = 0
    reading: Status = "failed"
    delivered: bool = True

    def record(self, run_id: str) -> AuditRecord:
        """Return the account's row. A value that is not there is left out."""
        row = {
            "loggedDate": self.snapshot_time[:10],
            "account_number": self.account["id"],
            "AccountName": self.account["name"],
            "Status": self.status,
            "Action": self.action,
            "Reason": self.reason,
            "UserCount": self.users,
            "KeyCount": self.keys,
            "RejectedCount": self.rejected,
            "SnapshotTime": self.snapshot_time,
            "RecordId": stable_id("r", self.account["id"], run_id),
            "RunId": run_id,
        }
        return {name: value for name, value in row.items() if value is not None}  # type: ignore[return-value]

    def problem(self) -> str:
        """Name the account and what is wrong with it, on one line."""
        name = f" ({self.account['name']})" if self.account["name"] else ""
        return f"{self.account['id']}{name}: {self.status}: {self.reason}"


def reconcile(batches: Iterable[Batch], loaded: Iterable[LoadedBatch], run: RunFolder[Any]) -> list[AccountAudit]:
    """Hold the accounts that the run listed against what came through.

    A batch that failed on all its tries is in no step's result; its accounts are found missing here.

    Args:
        batches: What the run set out to audit.
        loaded: The batches that were delivered, in any order.
        run: The run's folder, which knows how the reading of each account ended.

    Raises:
        StagingGoneError: The run's files have been removed.
        StagingDamagedError: What is said of a batch's records cannot be read.
    """
    delivered = {batch["number"]: batch for batch in loaded}
    listed_at = run.listed_at()
    skipped = [_skipped(each, listed_at) for each in run.skipped()]
    return skipped + [
        each for batch in batches for each in _audits(batch, delivered.get(batch["number"]), run.batch(batch["number"]))
    ]


def _skipped(account: SkippedAccount, listed_at: str) -> AccountAudit:
    ref = AccountRef(id=account["id"], name=account["name"])
    return AccountAudit(ref, "skipped", account["reason"], listed_at, reading="skipped")


def _audits(batch: Batch, loaded: LoadedBatch | None, folder: BatchFolder[Any]) -> list[AccountAudit]:
    staged = folder.transformed()
    return [_audit(account, batch, loaded, folder.outcome(account["id"]), staged) for account in batch["accounts"]]


def _audit(
    account: AccountRef,
    batch: Batch,
    loaded: LoadedBatch | None,
    outcome: AccountOutcome | None,
    staged: TransformedBatch | None,
) -> AccountAudit:
    rejected = loaded["rejected"].get(account["id"], 0) if loaded else 0
    status, reason = _status(outcome, batch["number"], rejected, delivered=loaded is not None)
    return AccountAudit(
        account=account,
        status=status,
        action=outcome.get("action") if outcome else None,
        reason=reason,
        users=outcome["users"] if outcome else 0,
        keys=outcome["keys"] if outcome else 0,
        rejected=rejected,
        snapshot_time=outcome["snapshot_time"] if outcome else batch["listed_at"],
        reading=_reading(account, outcome, staged),
        delivered=loaded is not None,
    )


def _reading(account: AccountRef, outcome: AccountOutcome | None, staged: TransformedBatch | None) -> Status:
    if outcome is None:
        return "failed"
    if outcome["status"] in ("denied", "failed"):
        return outcome["status"]
    if staged is None:
        return "failed"
    return "partial" if staged["rejected"].get(account["id"]) else outcome["status"]


def _status(outcome: AccountOutcome | None, batch: int, rejected: int, *, delivered: bool) -> tuple[Status, str | None]:
    if outcome is None:
        return "failed", f"not read: look at the log of task audit.extract, map index {batch}"
    if outcome["status"] in ("denied", "failed"):
        return outcome["status"], outcome["reason"]
    if not delivered:
        return "failed", (
            f"{outcome['keys']} keys were read but not all delivered: look at the logs of tasks audit.transform and "
            f"audit.load, map index {batch}, then clear them"
        )
    if rejected:
        reasons = [outcome["reason"], f"{rejected} of {outcome['keys']} keys were rejected: see the dead letters"]
        return "partial", "; ".join(filter(None, reasons))
    return outcome["status"], outcome["reason"]
