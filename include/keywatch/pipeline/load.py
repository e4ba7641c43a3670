"""Step 3: deliver a batch's records."""

from __future__ import annotations

import json
from typing import Any

from keywatch.log_analytics.chunk import Rejected
from keywatch.log_analytics.delivery import DEFAULT_IN_FLIGHT, deliver
from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.manifests import LoadedBatch, TransformedBatch
from keywatch.staging import check_file


def load_batch(
    transformed: TransformedBatch,
    run: RunFolder[Any],
    destination: Destination,
    *,
    limit: int | None = None,
    in_flight: int = DEFAULT_IN_FLIGHT,
) -> LoadedBatch:
    """Send every record of a batch that no receipt covers; a record that cannot be sent goes to the dead letters.

    Args:
        transformed: The batch.
        run: The run's folder.
        destination: The table of access keys.
        limit: The most bytes of a request; None means delivery's default.
        in_flight: Requests at the same time.

    Raises:
        StagingGoneError: The records are no longer there.
        StagingDamagedError: The records are not what was written.
        KeywatchError: The destination's.
    """
    folder = run.batch(transformed["number"])
    check_file(folder.records, transformed["sha256"])
    with run.dead_letters(f"batch-{transformed['number']:04d}-load") as letters:

        def reject(rejected: Rejected) -> None:
            record = rejected.record.decode("utf-8")
            letters.add(json.loads(record)["account_number"], rejected.reason, record)

        done = deliver(folder.records, folder.receipts, destination, reject=reject, limit=limit, in_flight=in_flight)
    return LoadedBatch(
        number=transformed["number"],
        accepted=done.accepted + done.accepted_before,
        rejected=_sum(transformed["rejected"], letters.by_account),
        perhaps_twice=done.perhaps_twice,
        chunks=done.chunks,
        sent_bytes=done.sent_bytes,
        largest=done.largest,
    )


def _sum(some: dict[str, int], others: dict[str, int]) -> dict[str, int]:
    return {account: some.get(account, 0) + others.get(account, 0) for account in {**some, **others}}
