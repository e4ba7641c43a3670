"""Receipts: which ranges of a staged file a destination has accepted, and which it may have stored unasked.

A receipt is an empty file beside the staged one, made once the range was accepted. Its name says it all: first record,
count, the digest of the range's bytes, and the attempt that sent it. So it stays true whatever chunk limit or
compression a later attempt uses, lapses when the staged file holds something else, and cannot be cut short by a crash
or a full disk; and what two attempts at the same time have sent shows as receipts of both.

A doubt is the same for a range that is being sent. It goes when it is certain how that ended; it stays when an answer
was lost or the process died, so that every record that may be there twice is counted.

Of several attempts at the same time the newest goes on. An older one, of a task that Airflow has given up for dead,
notices before it sends its next range. It has noted its doubt by then: what it sent, the newest finds.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from keywatch.log_analytics.chunk import Chunk
from keywatch.log_analytics.destination import Destination
from keywatch.staging import StagingPath, list_folder, make_folder, mark, read_lines, remove

NAME: Final = re.compile(r"(?P<first>\d{12})-(?P<count>[1-9]\d{0,11})-(?P<sha256>[0-9a-f]{64})-[0-9a-f]{8}")
"""A range, and whose receipt or doubt it is."""

TURN: Final = re.compile(r"\d{6}-[0-9a-f]{8}")
"""An attempt: later ones sort behind earlier ones."""


@dataclass(frozen=True, slots=True, order=True)
class Receipt:
    """One accepted range.

    Attributes:
        first: Position of its first record, from 0.
        count: Number of records, at least 1.
        sha256: Hex SHA-256 of its lines, each with its line break.
    """

    first: int
    count: int
    sha256: str

    @classmethod
    def of(cls, chunk: Chunk) -> Self:
        """Make the receipt of a chunk."""
        digest = hashlib.sha256(b"\n".join((*chunk.lines, b"")))
        return cls(chunk.first, chunk.count, digest.hexdigest())

    @classmethod
    def named(cls, name: str) -> Self | None:
        """Read the name of a receipt or a doubt; None if it is neither's."""
        read = NAME.fullmatch(name)
        return cls(int(read["first"]), int(read["count"]), read["sha256"]) if read else None


class ReceiptBook:
    """The receipts and doubts of one staged file and one destination, for one attempt to deliver it.

    Args:
        folder: Where they are kept.

    Raises:
        StagingUnavailableError: The folder cannot be made.
    """

    def __init__(self, folder: StagingPath) -> None:
        self._folder = folder
        self._doubts = folder / "doubts"
        self._attempts = folder / "attempts"
        self._attempt = uuid.uuid4().hex[:8]
        self._turn = ""
        for each in (self._doubts, self._attempts):
            make_folder(each)

    @classmethod
    def of(cls, folder: StagingPath, destination: Destination) -> ReceiptBook:
        """Open the receipts that one destination gave: what one has accepted, another still has to get.

        Args:
            folder: Where the receipts of all destinations are kept: beside the file.
            destination: Whose receipts.
        """
        return cls(folder / hashlib.sha256(destination.name.encode("utf-8")).hexdigest()[:12])

    def take_over(self) -> None:
        """Make this the newest attempt: every other sends nothing more, once it has looked.

        Raises:
            StagingUnavailableError: That cannot be noted.
        """
        turn = 1 + max((int(name.partition("-")[0]) for name in self._turns()), default=0)
        self._turn = f"{turn:06d}-{self._attempt}"
        mark(self._attempts / self._turn)

    def is_newest(self) -> bool:
        """Tell whether no other attempt has taken over since.

        Raises:
            StagingUnavailableError: That cannot be looked up.
        """
        return max(self._turns(), default=None) == self._turn

    def _turns(self) -> list[str]:
        return [path.name for path in list_folder(self._attempts) if TURN.fullmatch(path.name)]

    def write(self, receipt: Receipt) -> None:
        """Keep a receipt. Once this returns, no later attempt sends the range again."""
        mark(self._folder / self._name(receipt))

    def read(self) -> list[Receipt]:
        """Return every receipt, by position; a range that several attempts have sent, several times."""
        return _read(self._folder)

    def doubt(self, receipt: Receipt) -> None:
        """Note that a range is about to be sent."""
        mark(self._doubts / self._name(receipt))

    def settle(self, receipt: Receipt) -> None:
        """Take this attempt's doubt back: the range was stored at most once by it."""
        remove(self._doubts / self._name(receipt))

    def doubts(self) -> list[Receipt]:
        """Return every range that may have been stored without an answer, by position."""
        return _read(self._doubts)

    def _name(self, receipt: Receipt) -> str:
        return f"{receipt.first:012d}-{receipt.count}-{receipt.sha256}-{self._attempt}"


def proven(path: StagingPath, receipts: Iterable[Receipt]) -> list[Receipt]:
    """Return the receipts that are true of a staged file.

    Reads the file once, and only if there are receipts. A receipt whose digest differs from the file's bytes proves
    nothing.

    Raises:
        StagingGoneError: The staged file is not there.
    """
    waiting = sorted(receipts, reverse=True)
    if not waiting:
        return []
    open_receipts: list[tuple[Receipt, hashlib._Hash]] = []
    true: list[Receipt] = []
    for index, line in enumerate(read_lines(path)):
        while waiting and waiting[-1].first == index:
            open_receipts.append((waiting.pop(), hashlib.sha256()))
        for receipt, digest in open_receipts:
            digest.update(line + b"\n")
            if index == receipt.first + receipt.count - 1 and digest.hexdigest() == receipt.sha256:
                true.append(receipt)
        open_receipts = [(r, d) for r, d in open_receipts if index < r.first + r.count - 1]
        if not waiting and not open_receipts:
            break
    return true


def uncovered_lines(path: StagingPath, spans: list[range]) -> Iterator[tuple[int, bytes]]:
    """Yield position and line of every record outside the given ranges, ascending and disjoint.

    Raises:
        StagingGoneError: The staged file is not there.
    """
    upcoming = iter(spans)
    span = next(upcoming, None)
    if span is None:
        yield from enumerate(read_lines(path))
        return
    for index, line in enumerate(read_lines(path)):
        while span is not None and index >= span.stop:
            span = next(upcoming, None)
        if span is None or index < span.start:
            yield index, line


def merged(receipts: Iterable[Receipt]) -> list[range]:
    """Return the ranges of receipts, ascending, those that touch or overlap joined."""
    spans: list[range] = []
    for receipt in sorted(receipts):
        start, stop = receipt.first, receipt.first + receipt.count
        if spans and start <= spans[-1].stop:
            spans[-1] = range(spans[-1].start, max(spans[-1].stop, stop))
        else:
            spans.append(range(start, stop))
    return spans


def overlap(receipts: Iterable[Receipt]) -> int:
    """Count the records that were accepted more than once, each as often as it was too often."""
    given = list(receipts)
    return sum(receipt.count for receipt in given) - sum(map(len, merged(given)))


def _read(folder: StagingPath) -> list[Receipt]:
    return sorted(filter(None, (Receipt.named(path.name) for path in list_folder(folder))))
