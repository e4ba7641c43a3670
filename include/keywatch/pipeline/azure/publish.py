"""Step 4: say what became of every subscription, whatever happened before."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.azure.audit import DatasetAudit, reconcile
from keywatch.pipeline.azure.manifests import LoadedDataset, PublishedActivity, SubscriptionRef
from keywatch.pipeline.deliver_file import StagedFile, deliver_file
from keywatch.pipeline.folders import RunFolder, remove_expired_runs
from keywatch.staging import encode, line_writer

log = logging.getLogger(__name__)

PROBLEMS_SHOWN: Final = 20


def publish_activity(
    subscriptions: Iterable[SubscriptionRef],
    loaded: Iterable[LoadedDataset],
    run: RunFolder[Any],
    destinations: Sequence[Destination],
    *,
    now: datetime,
    keep: timedelta,
) -> PublishedActivity:
    """Reconcile, deliver one audit row per subscription and dataset, remove expired runs.

    Args:
        subscriptions: What the run set out to read.
        loaded: The datasets that were delivered.
        run: The run's folder.
        destinations: The audit tables.
        now: UTC.
        keep: How long a run's staged files are kept.

    Raises:
        StagingGoneError: The run's files have been removed, so nothing can be said of it any more.
        KeywatchError: The audit rows could not be delivered.
    """
    loaded = list(loaded)
    audits = reconcile(subscriptions, loaded, run)
    path = run.folder / "audit.ndjson"
    with line_writer(path) as rows:
        for audit in audits:
            rows.write(encode(audit.record(run.run_id)))
    deliver_file(StagedFile(path, run.folder / "audit-receipts", "audit", "SubscriptionId"), run, destinations)
    for name in remove_expired_runs(run, keep, now):
        log.info("Removed the staged files of %s", name)
    return _summary(audits, loaded, run.run_id)


def _summary(audits: list[DatasetAudit], loaded: list[LoadedDataset], run_id: str) -> PublishedActivity:
    problems = [audit.problem() for audit in audits if audit.status not in ("ok", "skipped")]
    return PublishedActivity(
        run_id=run_id,
        complete=not problems,
        window_start=audits[0].subscription["window_start"],
        window_end=audits[0].subscription["window_end"],
        statuses=dict(Counter(audit.status for audit in audits)),
        events=sum(audit.count for audit in audits if audit.dataset == "activity"),
        virtual_machines=sum(audit.count for audit in audits if audit.dataset == "virtual_machines"),
        accepted=sum(each["accepted"] for each in loaded),
        rejected=sum(audit.rejected for audit in audits),
        perhaps_twice=sum(each["perhaps_twice"] for each in loaded),
        problems=problems[:PROBLEMS_SHOWN],
        more_problems=len(problems[PROBLEMS_SHOWN:]),
    )
