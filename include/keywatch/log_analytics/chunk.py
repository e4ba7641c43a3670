"""Pack records into request bodies, each a JSON array within the destination's limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from keywatch.log_analytics.gauge import BRACKETS, COMMA, Gauge

SMALLEST: Final = BRACKETS + len(b"{}")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring records of a staged file that go out in one request.

    Attributes:
        first: Position in the file of the first record, from 0.
        lines: The records as they are staged.
        encoded: The records as the destination takes them; None if that is as they are staged.
    """

    first: int
    lines: tuple[bytes, ...] = field(repr=False)
    encoded: tuple[bytes, ...] | None = field(default=None, repr=False)

    @property
    def records(self) -> tuple[bytes, ...]:
        """The records as they are sent."""
        return self.lines if self.encoded is None else self.encoded

    @property
    def count(self) -> int:
        """Number of records."""
        return len(self.lines)

    @property
    def size(self) -> int:
        """Bytes of the body, brackets and commas included."""
        return BRACKETS + sum(map(len, self.records)) + COMMA * (self.count - 1)

    def body(self) -> bytes:
        """Return the request body: one JSON array."""
        return b"[" + b",".join(self.records) + b"]"

    def halves(self) -> tuple[Chunk, Chunk]:
        """Split a chunk of at least two records in the middle."""
        middle = self.count // 2
        left = None if self.encoded is None else self.encoded[:middle]
        right = None if self.encoded is None else self.encoded[middle:]
        return Chunk(self.first, self.lines[:middle], left), Chunk(self.first + middle, self.lines[middle:], right)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that no request can carry.

    Attributes:
        index: Its position in the file, from 0.
        record: The record as it is staged.
        reason: Why, for a person.
    """

    index: int
    record: bytes = field(repr=False)
    reason: str


def pack(
    lines: Iterable[tuple[int, bytes]], gauge: Gauge, encode: Callable[[bytes], bytes] | None = None
) -> Iterator[Chunk | Rejected]:
    """Pack records, in order, into as few chunks as the gauge lets.

    A chunk's records are neighbours in the file, so that one range describes them: a gap in the positions, and a
    rejected record, end the chunk. Memory holds one chunk, in its staged and in its encoded form.

    Args:
        lines: Position in the file and staged record, positions ascending.
        gauge: Tells whether one more record fits.
        encode: Makes the destination's form of a record; None if that is the staged one.

    Yields:
        Chunks, and records that do not fit alone.
    """
    first, gathered, records = 0, list[bytes](), list[bytes]()
    for index, line in lines:
        record = encode(line) if encode else line
        is_neighbour = not gathered or index == first + len(gathered)
        if not is_neighbour or not gauge.add(record):
            if gathered:
                yield Chunk(first, tuple(gathered), tuple(records) if encode else None)
            gathered, records = [], []
            gauge.reset()
            if not gauge.add(record):
                yield Rejected(index, line, f"{len(record) + BRACKETS} bytes in a request of its own; {gauge.limit}")
                continue
        if not gathered:
            first = index
        gathered.append(line)
        if encode:
            records.append(record)
    if gathered:
        yield Chunk(first, tuple(gathered), tuple(records) if encode else None)
    gauge.reset()
