"""Step 4: say what became of every account, whatever happened before."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from keywatch.log_analytics.chunk import Rejected
from keywatch.log_analytics.delivery import deliver
from keywatch.log_analytics.destination import Destination
from keywatch.log_analytics.receipts import ReceiptBook
from keywatch.pipeline.audit import AccountAudit, reconcile
from keywatch.pipeline.folders import RunFolder, remove_expired_runs
from keywatch.pipeline.manifests import Batch, LoadedBatch, Published
from keywatch.report.store import write_report
from keywatch.staging import encode, line_writer

log = logging.getLogger(__name__)

PROBLEMS_SHOWN = 20


def publish(
    batches: Iterable[Batch],
    loaded: Iterable[LoadedBatch],
    run: RunFolder[Any],
    destinations: Sequence[Destination],
    *,
    now: datetime,
    keep: timedelta,
) -> Published:
    """Reconcile, deliver one audit row per account, write the report store, remove expired runs.

    Args:
        batches: What the run set out to audit.
        loaded: The batches that were delivered.
        run: The run's folder.
        destinations: The audit tables.
        now: UTC.
        keep: How long a run's staged files are kept.

    Raises:
        StagingGoneError: The run's files have been removed, so nothing can be said of it any more.
        KeywatchError: The audit rows could not be delivered.
    """
    loaded = list(loaded)
    audits = reconcile(batches, loaded, run)
    _deliver(audits, run, destinations)
    published = _summary(audits, loaded, run.run_id)
    records = [audit.record(run.run_id) for audit in audits]
    write_report(run.staging, run.name, {**published, "listed_at": run.listed_at()}, records, now)
    for name in remove_expired_runs(run, keep, now):
        log.info("Removed the staged files of %s", name)
    return published


def _deliver(audits: list[AccountAudit], run: RunFolder[Any], destinations: Sequence[Destination]) -> None:
    path = run.folder / "audit.ndjson"
    with line_writer(path) as rows:
        for audit in audits:
            rows.write(encode(audit.record(run.run_id)))
    with run.dead_letters("audit") as letters:

        def reject(rejected: Rejected) -> None:
            letters.add(audits[rejected.index].account["id"], rejected.reason, rejected.record.decode("utf-8"))

        for destination in destinations:
            deliver(path, ReceiptBook.of(run.folder / "audit-receipts", destination), destination, reject=reject)


def _summary(audits: list[AccountAudit], loaded: list[LoadedBatch], run_id: str) -> Published:
    problems = [audit.problem() for audit in audits if audit.status not in ("ok", "skipped")]
    return Published(
        run_id=run_id,
        complete=not problems,
        accounts=dict(Counter(audit.status for audit in audits)),
        keys=sum(audit.keys for audit in audits),
        accepted=sum(batch["accepted"] for batch in loaded),
        rejected=sum(audit.rejected for audit in audits),
        perhaps_twice=sum(batch["perhaps_twice"] for batch in loaded),
        problems=problems[:PROBLEMS_SHOWN],
        more_problems=len(problems[PROBLEMS_SHOWN:]),
    )
