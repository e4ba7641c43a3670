"""Step 4: say what became of every account, whatever happened before."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.audit import AccountAudit, reconcile
from keywatch.pipeline.deliver_file import StagedFile, deliver_file
from keywatch.pipeline.folders import RunFolder, remove_expired_runs
from keywatch.pipeline.manifests import Batch, LoadedBatch, Published
from keywatch.report.model import READ
from keywatch.report.outcome import AccountOutcome, RunOutcome
from keywatch.report.write import write_run
from keywatch.staging import check_file, encode, gone, line_writer, read_lines

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger(__name__)

PROBLEMS_SHOWN = 20


def publish(
    batches: Iterable[Batch],
    loaded: Iterable[LoadedBatch],
    run: RunFolder[Any],
    destinations: Sequence[Destination],
    store: Engine,
    *,
    now: datetime,
    keep: timedelta,
) -> Published:
    """Reconcile, deliver one audit row per account, write the report store, remove expired runs.

    Args:
        batches: What the run set out to audit.
        loaded: The batches that were delivered.
        run: The run's folder.
        destinations: The audit tables; none is fine.
        store: The report store, for writing.
        now: UTC.
        keep: How long a run's staged files are kept.

    Raises:
        StagingGoneError: The run's files have been removed, so nothing can be said of it any more.
        StoreUnavailableError: The report store cannot be written; another try delivers no audit row twice.
        StoreSchemaError: A later version has written the store.
        KeywatchError: The audit rows could not be delivered.
    """
    batches, loaded = list(batches), list(loaded)
    audits = reconcile(batches, loaded, run)
    _deliver(audits, run, destinations)
    published = _summary(audits, loaded, run.run_id, delivered=bool(destinations))
    write_run(store, _outcome(audits, published, run, now), _records(batches, loaded, run))
    for name in remove_expired_runs(run, keep, now):
        log.info("Removed the staged files of %s", name)
    return published


def _deliver(audits: list[AccountAudit], run: RunFolder[Any], destinations: Sequence[Destination]) -> None:
    path = run.folder / "audit.ndjson"
    with line_writer(path) as rows:
        for audit in audits:
            rows.write(encode(audit.record(run.run_id)))
    deliver_file(StagedFile(path, run.folder / "audit-receipts", "audit", "account_number"), run, destinations)


def _outcome(audits: list[AccountAudit], published: Published, run: RunFolder[Any], now: datetime) -> RunOutcome:
    return RunOutcome(
        run_id=run.run_id,
        listed_at=datetime.fromisoformat(run.listed_at()),
        published_at=now,
        complete=published["complete"],
        keys=published["keys"],
        accounts=[
            AccountOutcome(
                id=audit.account["id"],
                name=audit.account["name"],
                status=audit.reading,
                action=audit.action,
                reason=audit.reason,
                users=audit.users,
                keys=audit.keys,
                rejected=audit.rejected if audit.delivered else audit.keys,
                read_at=datetime.fromisoformat(audit.snapshot_time) if audit.reading in READ else None,
            )
            for audit in audits
        ],
    )


def _records(batches: list[Batch], loaded: list[LoadedBatch], run: RunFolder[Any]) -> Iterator[bytes]:
    """Yield every staged record, delivered or not: the page shows what was read even if it reached no table."""
    delivered = {batch["number"] for batch in loaded}
    for batch in batches:
        folder = run.batch(batch["number"])
        if transformed := folder.transformed():
            check_file(folder.records, transformed["sha256"])
            yield from read_lines(folder.records)
        elif batch["number"] in delivered:
            raise gone(folder.records)


def _summary(audits: list[AccountAudit], loaded: list[LoadedBatch], run_id: str, *, delivered: bool) -> Published:
    problems = [audit.problem() for audit in audits if audit.status not in ("ok", "skipped")]
    return Published(
        run_id=run_id,
        complete=not problems,
        delivered=delivered,
        accounts=dict(Counter(audit.status for audit in audits)),
        keys=sum(audit.keys for audit in audits),
        accepted=sum(batch["accepted"] for batch in loaded),
        rejected=sum(audit.rejected for audit in audits),
        perhaps_twice=sum(batch["perhaps_twice"] for batch in loaded),
        problems=problems[:PROBLEMS_SHOWN],
        more_problems=len(problems[PROBLEMS_SHOWN:]),
    )
