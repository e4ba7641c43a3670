"""Pack encoded records into request bodies, each a JSON array within a limit of bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

BRACKETS: Final = 2
COMMA: Final = 1


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring records of a staged file that go out in one request.

    Attributes:
        first: Position in the file of the first record, from 0.
        records: The records, each encoded as JSON.
    """

    first: int
    records: tuple[bytes, ...] = field(repr=False)

    @property
    def count(self) -> int:
        """Number of records."""
        return len(self.records)

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
        return Chunk(self.first, self.records[:middle]), Chunk(self.first + middle, self.records[middle:])


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that no request can carry.

    Attributes:
        index: Its position in the file, from 0.
        record: The record, encoded as JSON.
        reason: Why, for a person.
    """

    index: int
    record: bytes = field(repr=False)
    reason: str


def pack(records: Iterable[tuple[int, bytes]], limit: int) -> Iterator[Chunk | Rejected]:
    """Pack records, in order, into as few chunks as fit the limit.

    A chunk's records are neighbours in the file, so that one range describes them: a gap in the positions, and a
    rejected record, end the chunk. Memory holds one chunk.

    Args:
        records: Position in the file and encoded record, positions ascending.
        limit: The most bytes of a body.

    Yields:
        Chunks, and records that do not fit alone.

    Raises:
        ValueError: The limit cannot hold even an empty record.
    """
    if limit < BRACKETS + len(b"{}"):
        raise ValueError(f"A chunk limit of {limit} bytes cannot hold a record.")
    first, size = 0, BRACKETS
    gathered: list[bytes] = []
    for index, record in records:
        needed = len(record) + (COMMA if gathered else 0)
        too_large = BRACKETS + len(record) > limit
        if gathered and (too_large or size + needed > limit or index != first + len(gathered)):
            yield Chunk(first, tuple(gathered))
            gathered, size, needed = [], BRACKETS, len(record)
        if too_large:
            yield Rejected(
                index, record, f"{BRACKETS + len(record)} bytes in a request of its own, the limit is {limit}"
            )
            continue
        if not gathered:
            first = index
        gathered.append(record)
        size += needed
    if gathered:
        yield Chunk(first, tuple(gathered))
