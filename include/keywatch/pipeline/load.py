"""Step 3: deliver a batch's records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keywatch.log_analytics.delivery import DEFAULT_IN_FLIGHT
from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.deliver_file import StagedFile, deliver_file
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.manifests import LoadedBatch, TransformedBatch
from keywatch.staging import check_file


def load_batch(
    transformed: TransformedBatch,
    run: RunFolder[Any],
    destinations: Sequence[Destination],
    *,
    limit: int | None = None,
    in_flight: int = DEFAULT_IN_FLIGHT,
) -> LoadedBatch:
    """Send every record of a batch to each destination that has given no receipt for it, one destination after another.

    A record that a destination cannot take goes to the dead letters.

    Args:
        transformed: The batch.
        run: The run's folder.
        destinations: The tables of access keys; without one there is nothing to do.
        limit: The most bytes of a request before compression; None means what suits the destination.
        in_flight: Requests at the same time.

    Returns:
        What was done: as accepted count records that every destination took, as rejected those that one did not.

    Raises:
        StagingGoneError: The records are no longer there.
        StagingDamagedError: The records are not what was written.
        KeywatchError: A destination's.
    """
    folder = run.batch(transformed["number"])
    check_file(folder.records, transformed["sha256"])
    letters = f"batch-{transformed['number']:04d}-load"
    file = StagedFile(folder.records, folder.receipts, letters, "account_number")
    done = deliver_file(file, run, destinations, limit=limit, in_flight=in_flight)
    return LoadedBatch(
        number=transformed["number"],
        accepted=transformed["count"] if done.accepted is None else done.accepted,
        rejected=_sum(transformed["rejected"], done.rejected),
        perhaps_twice=done.perhaps_twice,
        chunks=done.chunks,
        sent_bytes=done.sent_bytes,
        largest=done.largest,
    )


def _sum(some: dict[str, int], others: dict[str, int]) -> dict[str, int]:
    return {account: some.get(account, 0) + others.get(account, 0) for account in {**some, **others}}
