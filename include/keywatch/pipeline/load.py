"""Step 3: deliver a batch's records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from keywatch.log_analytics.chunk import Rejected
from keywatch.log_analytics.delivery import DEFAULT_IN_FLIGHT, Delivery, deliver
from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.folders import DeadLetters, RunFolder
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
    done: list[Delivery] = []
    rejected: dict[str, int] = {}
    for number, destination in enumerate(destinations):
        with run.dead_letters(f"batch-{transformed['number']:04d}-load{_suffix(number)}") as letters:
            receipts = folder.receipts(destination)
            done.append(
                deliver(
                    folder.records,
                    receipts,
                    destination,
                    reject=partial(_reject, letters),
                    limit=limit,
                    in_flight=in_flight,
                )
            )
        rejected = _largest(rejected, letters.by_account)
    return LoadedBatch(
        number=transformed["number"],
        accepted=min((each.accepted + each.accepted_before for each in done), default=transformed["count"]),
        rejected=_sum(transformed["rejected"], rejected),
        perhaps_twice=sum(each.perhaps_twice for each in done),
        chunks=sum(each.chunks for each in done),
        sent_bytes=sum(each.sent_bytes for each in done),
        largest=max((each.largest for each in done), default=0),
    )


def _suffix(number: int) -> str:
    return f"-copy-{number}" if number else ""


def _reject(letters: DeadLetters, rejected: Rejected) -> None:
    record = rejected.record.decode("utf-8")
    letters.add(json.loads(record)["account_number"], rejected.reason, record)


def _sum(some: dict[str, int], others: dict[str, int]) -> dict[str, int]:
    return {account: some.get(account, 0) + others.get(account, 0) for account in {**some, **others}}


def _largest(some: dict[str, int], others: dict[str, int]) -> dict[str, int]:
    return {account: max(some.get(account, 0), others.get(account, 0)) for account in {**some, **others}}
