"""Step 3: deliver the records of one subscription's events, or of its virtual machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keywatch.log_analytics.delivery import DEFAULT_IN_FLIGHT
from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.azure.folder import DatasetFolder
from keywatch.pipeline.azure.manifests import LoadedDataset, ReadDataset
from keywatch.pipeline.deliver_file import StagedFile, deliver_file
from keywatch.pipeline.folders import RunFolder
from keywatch.staging import check_file


def load_dataset(
    read: ReadDataset,
    run: RunFolder[Any],
    destinations: Sequence[Destination],
    *,
    limit: int | None = None,
    in_flight: int = DEFAULT_IN_FLIGHT,
) -> LoadedDataset:
    """Send every record to each destination that has given no receipt for it, one destination after another.

    Args:
        read: What was staged.
        run: The run's folder.
        destinations: The dataset's tables.
        limit: The most bytes of a request before compression; None means what suits the destination.
        in_flight: Requests at the same time.

    Raises:
        StagingGoneError: The records are no longer there.
        StagingDamagedError: The records are not what was written.
        KeywatchError: A destination's.
    """
    dataset, subscription_id = read["dataset"], read["subscription"]["id"]
    folder = DatasetFolder.of(run, dataset, subscription_id)
    check_file(folder.records, read["sha256"])
    file = StagedFile(folder.records, folder.receipts, f"{dataset}-{subscription_id}-load", "SubscriptionId")
    done = deliver_file(file, run, destinations, limit=limit, in_flight=in_flight)
    return LoadedDataset(
        dataset=dataset,
        subscription_id=subscription_id,
        accepted=done.accepted or 0,
        rejected=done.rejected_in_all,
        perhaps_twice=done.perhaps_twice,
        chunks=done.chunks,
        sent_bytes=done.sent_bytes,
        largest=done.largest,
    )
