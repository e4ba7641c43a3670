"""Step 2: make one file of records of a batch's raw rows."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

from keywatch import metrics
from keywatch.access_keys.owners import OwnerBook
from keywatch.access_keys.transform import transform_row
from keywatch.errors import MalformedRowError
from keywatch.pipeline.dead_letters import DeadLetters
from keywatch.pipeline.folders import BatchFolder, RunFolder
from keywatch.pipeline.manifests import AccountOutcome, Batch, ExtractedBatch, TransformedBatch
from keywatch.progress import Progress
from keywatch.staging import check_file, encode, gone, line_writer, read_lines

log = logging.getLogger(__name__)


def transform_batch(extracted: ExtractedBatch, run: RunFolder[Any]) -> TransformedBatch:
    """Stream raw rows into records. The same raw rows make the same bytes, so receipts outlive a second try.

    A row that cannot become a record goes to the dead letters, and the rest goes on.

    Args:
        extracted: The batch.
        run: The run's folder.

    Raises:
        StagingGoneError: An account's raw rows are no longer there.
        StagingDamagedError: An account's raw rows are not what was written.
    """
    batch = extracted["batch"]
    folder = run.batch(batch["number"])
    owners = folder.owners()
    progress = Progress(log, "Transformed")
    folder.write_transformed(None)
    with (
        run.dead_letters(f"batch-{batch['number']:04d}-transform") as rejected,
        line_writer(folder.records) as records,
    ):
        for outcome in _in_lasting_order(folder, batch):
            raw = folder.raw(outcome["id"])
            check_file(raw, outcome["sha256"])
            for record in _records(read_lines(raw), outcome["id"], run.run_id, owners, rejected):
                records.write(record)
                progress.tick(records=records.count)
    metrics.count(metrics.RECORDS_MALFORMED, sum(rejected.by_subject.values()))
    transformed = TransformedBatch(
        number=batch["number"],
        path=str(folder.records),
        count=records.count,
        sha256=records.sha256,
        rejected=rejected.by_subject,
    )
    folder.write_transformed(transformed)
    return transformed


def _in_lasting_order(folder: BatchFolder[Any], batch: Batch) -> list[AccountOutcome]:
    """Order a batch's accounts so that those read in full keep their place in the file, and with it their receipts.

    What is read again by a later try goes behind them.
    """
    outcomes = []
    for account in batch["accounts"]:
        outcome = folder.outcome(account["id"])
        if outcome is None:
            raise gone(folder.raw(account["id"]))
        outcomes.append(outcome)
    return sorted(outcomes, key=lambda outcome: (outcome["status"] != "ok", outcome["snapshot_time"]))


def _records(
    lines: Iterator[bytes], account_id: str, run_id: str, owners: OwnerBook, rejected: DeadLetters
) -> Iterator[bytes]:
    for line in lines:
        try:
            yield encode(transform_row(json.loads(line), run_id, owners))
        except MalformedRowError as error:
            rejected.add(account_id, str(error), line.decode("utf-8"))
