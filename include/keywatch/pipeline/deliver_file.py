"""Deliver one staged file of a run to each of its destinations, whatever its records are about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from keywatch.log_analytics.chunk import Rejected
from keywatch.log_analytics.delivery import DEFAULT_IN_FLIGHT, Delivery, deliver
from keywatch.log_analytics.destination import Destination
from keywatch.log_analytics.receipts import ReceiptBook
from keywatch.pipeline.dead_letters import DeadLetters
from keywatch.pipeline.folders import RunFolder
from keywatch.staging import StagingPath


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file of records, and where the receipts for it lie.

    Attributes:
        path: One encoded record a line.
        receipts: The folder of its receipts.
        letters: What its dead letters are called.
        subject: The field by which its records are told apart: an account's or a subscription's id.
    """

    path: StagingPath
    receipts: StagingPath
    letters: str
    subject: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a file at all of its destinations.

    Attributes:
        accepted: Records that every destination took, in this attempt or before; None without a destination.
        rejected: Records that a destination did not take, by subject: the most of any one destination.
        perhaps_twice: Records that may be in a table twice.
        chunks: Requests accepted.
        sent_bytes: Bytes of the accepted bodies, before compression.
        largest: Bytes of the largest accepted body, before compression.
    """

    accepted: int | None = None
    rejected: dict[str, int] = field(default_factory=dict)
    perhaps_twice: int = 0
    chunks: int = 0
    sent_bytes: int = 0
    largest: int = 0

    @property
    def rejected_in_all(self) -> int:
        """Records that a destination did not take."""
        return sum(self.rejected.values())


def deliver_file(
    file: StagedFile,
    run: RunFolder[Any],
    destinations: Sequence[Destination],
    *,
    limit: int | None = None,
    in_flight: int = DEFAULT_IN_FLIGHT,
) -> Delivered:
    """Send every record to each destination that has given no receipt for it, one destination after another.

    A record that a destination cannot take goes to the dead letters.

    Args:
        file: The records.
        run: The run's folder.
        destinations: Tables; without one there is nothing to do.
        limit: The most bytes of a request before compression; None means what suits the destination.
        in_flight: Requests at the same time.

    Raises:
        StagingGoneError: The records are no longer there.
        KeywatchError: A destination's.
    """
    done: list[Delivery] = []
    rejected: dict[str, int] = {}
    for number, destination in enumerate(destinations):
        with run.dead_letters(f"{file.letters}{_suffix(number)}") as letters:
            receipts = ReceiptBook.of(file.receipts, destination)
            reject = partial(_reject, letters, file.subject)
            done.append(deliver(file.path, receipts, destination, reject=reject, limit=limit, in_flight=in_flight))
        rejected = _largest(rejected, letters.by_subject)
    return Delivered(
        accepted=min((each.accepted + each.accepted_before for each in done), default=None),
        rejected=rejected,
        perhaps_twice=sum(each.perhaps_twice for each in done),
        chunks=sum(each.chunks for each in done),
        sent_bytes=sum(each.sent_bytes for each in done),
        largest=max((each.largest for each in done), default=0),
    )


def _suffix(number: int) -> str:
    return f"-copy-{number}" if number else ""


def _reject(letters: DeadLetters, subject: str, rejected: Rejected) -> None:
    record = rejected.record.decode("utf-8")
    letters.add(str(json.loads(record)[subject]), rejected.reason, record)


def _largest(some: dict[str, int], others: dict[str, int]) -> dict[str, int]:
    return {name: max(some.get(name, 0), others.get(name, 0)) for name in {**some, **others}}
