"""Deliver a staged file: every record is accepted, or rejected and kept; those that may be there twice are counted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from typing import Final

from structlog.contextvars import bound_contextvars

from keywatch import metrics
from keywatch.errors import KeywatchError, PermanentError, RequestTooLargeError, SupersededError
from keywatch.log_analytics.chunk import Chunk, Rejected, pack
from keywatch.log_analytics.destination import Destination, Sent
from keywatch.log_analytics.receipts import Receipt, ReceiptBook, merged, overlap, proven, uncovered_lines
from keywatch.progress import Progress
from keywatch.staging import StagingPath

log = logging.getLogger(__name__)

DEFAULT_IN_FLIGHT: Final = 8


@dataclass(slots=True)
class Delivery:
    """What one attempt to deliver a file did.

    Attributes:
        accepted: Records that the destination accepted in this attempt.
        accepted_before: Records that receipts of earlier attempts cover.
        rejected: Records that no request can carry.
        perhaps_twice: Records that were sent again, in this attempt or earlier, after a request that got no answer or
            was cut off with its process, beside another attempt, or because the staged file has changed since;
            RecordId tells the copies.
        chunks: Requests accepted.
        sent_bytes: Bytes of the accepted bodies, before compression.
        largest: Bytes of the largest accepted body, before compression.
    """

    accepted: int = 0
    accepted_before: int = 0
    rejected: int = 0
    perhaps_twice: int = 0
    chunks: int = 0
    sent_bytes: int = 0
    largest: int = 0


def deliver(
    path: StagingPath,
    receipts: ReceiptBook,
    destination: Destination,
    *,
    reject: Callable[[Rejected], None],
    limit: int | None = None,
    in_flight: int = DEFAULT_IN_FLIGHT,
) -> Delivery:
    """Send every record of a staged file that no receipt covers, several chunks at a time.

    Each accepted chunk leaves its receipt before its thread takes on anything else. When one chunk fails, those in
    flight are waited for and receipted, then its error is raised; of several, one that no retry can help. Memory is
    bounded by the chunk limit times the chunks in flight. It ends any attempt at the same file that still goes on.

    Args:
        path: The staged file, one encoded record a line.
        receipts: The file's receipts, read first and added to.
        destination: Accepts the bodies.
        reject: Called with each record that cannot be sent; one call at a time.
        limit: The most bytes of a body, never more than the destination allows; None means its usual.
        in_flight: Chunks sent at the same time.

    Returns:
        What was done.

    Raises:
        StagingGoneError: The staged file is not there.
        StagingUnavailableError: The file, or its receipts, cannot be read or written.
        SupersededError: Another attempt at the same file has begun meanwhile.
        KeywatchError: The destination's, for a chunk that it did not accept.
        ValueError: The limit cannot hold even an empty record.
    """
    receipts.take_over()
    kept = receipts.read()
    true = proven(path, kept)
    spans, lapsed = merged(true), {*kept} - {*true}
    attempt = _Attempt(destination, receipts, reject, limit)
    attempt.delivery.accepted_before = sum(map(len, spans))
    if spans:
        log.info("%s records were accepted before and are not sent again", attempt.delivery.accepted_before)
    gauge = destination.limits.gauge(limit)
    attempt.run(pack(uncovered_lines(path, spans), gauge, destination.encode), in_flight)
    attempt.delivery.perhaps_twice = (
        sum(receipt.count for receipt in lapsed)
        + sum(map(len, merged(receipts.doubts())))  # first, for an older attempt's doubt may yet become a receipt
        + overlap(receipt for receipt in receipts.read() if receipt not in lapsed)
    )
    metrics.count(metrics.RECORDS_REJECTED, attempt.delivery.rejected, destination=destination.name)
    if attempt.delivery.accepted:  # else an earlier attempt has counted them, when it was done
        metrics.count(metrics.RECORDS_PERHAPS_TWICE, attempt.delivery.perhaps_twice, destination=destination.name)
    return attempt.delivery


class _Attempt:
    """The state that the threads of one delivery share."""

    def __init__(
        self,
        destination: Destination,
        receipts: ReceiptBook,
        reject: Callable[[Rejected], None],
        limit: int | None,
    ) -> None:
        self._destination = destination
        self._limit = limit
        self._receipts = receipts
        self._reject = reject
        self._lock = threading.Lock()
        self._progress = Progress(log, "Delivered")
        self.delivery = Delivery()

    def run(self, packed: Iterator[Chunk | Rejected], in_flight: int) -> None:
        pending: set[Future[None]] = set()
        with ThreadPoolExecutor(in_flight, thread_name_prefix="load") as pool:
            for item in packed:
                if isinstance(item, Rejected):
                    self._rejected(item)
                    continue
                pending.add(pool.submit(copy_context().run, self._send, item))
                if len(pending) >= in_flight:
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    if any(future.exception() for future in done):
                        pending |= done
                        break
        errors = [error for future in pending if (error := future.exception())]
        if errors:
            raise min(errors, key=lambda error: not isinstance(error, PermanentError))
        self._progress.done(
            records=self.delivery.accepted, chunks=self.delivery.chunks, rejected=self.delivery.rejected
        )

    def _send(self, chunk: Chunk) -> None:
        """Send a chunk; whatever is logged meanwhile, by whomever, says which."""
        with bound_contextvars(destination=self._destination.name, chunk_first=chunk.first, chunk_records=chunk.count):
            self._send_named(chunk)

    def _send_named(self, chunk: Chunk) -> None:
        receipt = Receipt.of(chunk)
        self._receipts.doubt(receipt)
        if not self._receipts.is_newest():
            self._receipts.settle(receipt)
            raise SupersededError("Another attempt to deliver this file has begun, and goes on from here.")
        body = chunk.body()
        try:
            sent = self._destination.send(body)
        except KeywatchError as error:
            if not error.perhaps_done:
                self._receipts.settle(receipt)
            if not isinstance(error, RequestTooLargeError):
                log.error("The chunk was not accepted: %s", error)  # noqa: TRY400 - what it is about gets lost outside
                raise
            self._send_smaller(chunk, error)
            return
        self._receipts.write(receipt)
        if not sent.perhaps_twice:
            self._receipts.settle(receipt)
        self._count(chunk, len(body), sent)
        with self._lock:
            done = self.delivery
            done.accepted += chunk.count
            done.chunks += 1
            done.sent_bytes += len(body)
            done.largest = max(done.largest, len(body))
            self._progress.tick(records=done.accepted, chunks=done.chunks, rejected=done.rejected)

    def _count(self, chunk: Chunk, size: int, sent: Sent) -> None:
        name, fill = self._destination.name, self._destination.limits.percent(size, sent.wire, self._limit)
        metrics.count(metrics.RECORDS_ACCEPTED, chunk.count, destination=name)
        metrics.count(metrics.CHUNKS_ACCEPTED, destination=name)
        metrics.observe(metrics.CHUNK_FILL, fill, destination=name)

    def _send_smaller(self, chunk: Chunk, error: KeywatchError) -> None:
        """Send the halves of a chunk that the service found too large; reject a record that is too large alone."""
        if chunk.count == 1:
            self._rejected(Rejected(chunk.first, chunk.lines[0], str(error)))
            return
        for half in chunk.halves():
            self._send(half)

    def _rejected(self, rejected: Rejected) -> None:
        with self._lock:
            self.delivery.rejected += 1
            self._reject(rejected)
