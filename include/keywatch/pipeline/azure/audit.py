"""What became of each dataset of each subscription: the rows of the audit table of Azure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NotRequired, TypedDict

from keywatch.columns import Timestamp, stable_id
from keywatch.pipeline.azure.folder import DatasetFolder
from keywatch.pipeline.azure.manifests import IN_WORDS, Dataset, LoadedDataset, ReadDataset, Status, SubscriptionRef
from keywatch.pipeline.folders import RunFolder

NO_SNAPSHOT: Final = (
    "the run's window does not end on the day on which it ran: machines can be seen only as they are now"
)


class SubscriptionAuditRecord(TypedDict):
    """One row of `Azure_Subscription_Audit_CL`: one dataset of one subscription in one run."""

    loggedDate: str
    SubscriptionId: str
    SubscriptionName: NotRequired[str]
    Dataset: str
    Status: str
    Action: NotRequired[str]
    Reason: NotRequired[str]
    WindowStart: Timestamp
    WindowEnd: Timestamp
    Filter: NotRequired[str]
    RecordCount: int
    RejectedCount: int
    SnapshotTime: Timestamp
    RecordId: str
    RunId: str


@dataclass(frozen=True, slots=True)
class DatasetAudit:
    """What became of one dataset of one subscription.

    Attributes:
        subscription: The subscription.
        dataset: The dataset.
        status: As in the audit table.
        reason: Why it is not `ok`.
        snapshot_time: When it was read, or when the run listed it, ISO 8601 UTC.
        action: What Azure was asked when it refused, as a role names it.
        count: Records staged.
        rejected: Rows that went to the dead letters.
    """

    subscription: SubscriptionRef
    dataset: Dataset
    status: Status
    reason: str | None
    snapshot_time: str
    action: str | None = None
    count: int = 0
    rejected: int = 0

    def record(self, run_id: str) -> SubscriptionAuditRecord:
        """Return its row. A value that is not there is left out."""
        row = {
            "loggedDate": self.snapshot_time[:10],
            "SubscriptionId": self.subscription["id"],
            "SubscriptionName": self.subscription["name"],
            "Dataset": self.dataset,
            "Status": self.status,
            "Action": self.action,
            "Reason": self.reason,
            "WindowStart": self.subscription["window_start"],
            "WindowEnd": self.subscription["window_end"],
            "Filter": self.subscription["condition"] if self.dataset == "activity" else None,
            "RecordCount": self.count,
            "RejectedCount": self.rejected,
            "SnapshotTime": self.snapshot_time,
            "RecordId": stable_id("r", self.subscription["id"], self.dataset, run_id),
            "RunId": run_id,
        }
        return {name: value for name, value in row.items() if value is not None}  # type: ignore[return-value]

    def problem(self) -> str:
        """Name the subscription and what is wrong with it, on one line."""
        name = f" ({self.subscription['name']})" if self.subscription["name"] else ""
        return f"{self.subscription['id']}{name}, {IN_WORDS[self.dataset]}: {self.status}: {self.reason}"


def reconcile(
    subscriptions: Iterable[SubscriptionRef], loaded: Iterable[LoadedDataset], run: RunFolder[Any]
) -> list[DatasetAudit]:
    """Hold the subscriptions that the run listed against what came through.

    Args:
        subscriptions: What the run set out to read.
        loaded: The datasets that were delivered, in any order.
        run: The run's folder, which knows how each reading ended.

    Raises:
        StagingGoneError: The run's files have been removed.
    """
    listed_at = run.listed_at()
    delivered = {(each["dataset"], each["subscription_id"]): each for each in loaded}
    return [
        _audit(subscription, dataset, delivered.get((dataset, subscription["id"])), run, listed_at)
        for subscription in subscriptions
        for dataset in IN_WORDS
    ]


def _audit(
    subscription: SubscriptionRef, dataset: Dataset, loaded: LoadedDataset | None, run: RunFolder[Any], listed_at: str
) -> DatasetAudit:
    if dataset == "virtual_machines" and not subscription["reads_machines"]:
        return DatasetAudit(subscription, dataset, "skipped", NO_SNAPSHOT, listed_at)
    read = DatasetFolder(run.folder / dataset, subscription["id"]).outcome()
    if read is None:
        look = f"not read: look at the log of task {dataset}.read, map index {subscription['number']}"
        return DatasetAudit(subscription, dataset, "failed", look, listed_at)
    rejected = read["malformed"] + (loaded["rejected"] if loaded else 0)
    status, reason = _status(read, rejected, delivered=loaded is not None)
    return DatasetAudit(
        subscription, dataset, status, reason, read["snapshot_time"], read["action"], read["count"], rejected
    )


def _status(read: ReadDataset, rejected: int, *, delivered: bool) -> tuple[Status, str | None]:
    dataset, number = read["dataset"], read["subscription"]["number"]
    if read["status"] in ("denied", "failed"):
        return read["status"], read["reason"]
    if not delivered:
        return "failed", (
            f"{read['count']} {IN_WORDS[dataset]} were read but not all delivered: look at the log of task "
            f"{dataset}.load, map index {number}, then clear it"
        )
    if rejected:
        whole = read["count"] + read["malformed"]
        some = f"{rejected} of {whole} {IN_WORDS[dataset]} were rejected: see the dead letters"
        return "partial", "; ".join(filter(None, [read["reason"], some]))
    return read["status"], read["reason"]
