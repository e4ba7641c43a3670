"""How full a request is: in bytes of its body, or in bytes on the wire."""

from __future__ import annotations

import zlib
from typing import Final, Protocol

BRACKETS: Final = 2
COMMA: Final = 1
GZIP_LEVEL: Final = 1
"""Rows shrink to a tenth at any level; at zlib's usual one, compression takes longer than all the rest together."""
GZIP_ENDS: Final = 32
"""More bytes than gzip's header and trailer and the end of its last block need (RFC 1952, RFC 1951)."""


class Gauge(Protocol):
    """Counts the records of one request."""

    @property
    def limit(self) -> str:
        """The limit, for a person."""
        ...

    def add(self, record: bytes) -> bool:
        """Count a record in; False, and nothing is counted, if it does not fit any more."""
        ...

    def reset(self) -> None:
        """Begin with an empty request."""
        ...


class BodyGauge:
    """Counts the bytes of a JSON array before compression.

    Args:
        most: The most bytes of a body.

    Raises:
        ValueError: The limit cannot hold even an empty record.
    """

    def __init__(self, most: int) -> None:
        if most < BRACKETS + len(b"{}"):
            raise ValueError(f"A chunk limit of {most} bytes cannot hold a record.")
        self._most = most
        self._size = BRACKETS

    @property
    def limit(self) -> str:
        """The limit, for a person."""
        return f"the limit is {self._most}"

    def add(self, record: bytes) -> bool:
        """Count a record in; False, and nothing is counted, if it does not fit any more."""
        size = self._size + len(record) + (COMMA if self._size > BRACKETS else 0)
        if size > self._most:
            return False
        self._size = size
        return True

    def reset(self) -> None:
        """Begin with an empty request."""
        self._size = BRACKETS


class WireGauge:
    """Counts the bytes of a JSON array after gzip, without knowing the records to come.

    Records are held back and assumed not to compress at all until they might be too many; then they are compressed,
    which makes room, and the game goes on with what is left. So what it lets through always fits.

    Args:
        most: The most bytes of a body before compression.
        wire: The most bytes after it.

    Raises:
        ValueError: The limits cannot hold even an empty record.
    """

    def __init__(self, most: int, wire: int) -> None:
        self._body = BodyGauge(most)
        self._wire = wire
        self.reset()
        if GZIP_ENDS + _worst(BRACKETS + len(b"{}")) > wire:
            raise ValueError(f"A limit of {wire} bytes on the wire cannot hold a record.")

    @property
    def limit(self) -> str:
        """The limit, for a person."""
        return f"{self._body.limit}, and {self._wire} after gzip"

    def add(self, record: bytes) -> bool:
        """Count a record in; False, and nothing is counted, if it does not fit any more."""
        if not self._fits(record):
            self._compress()
            if not self._fits(record):
                return False
        if not self._body.add(record):
            return False
        self._held.append(record)
        self._held_bytes += len(record) + COMMA
        return True

    def reset(self) -> None:
        """Begin with an empty request."""
        self._body.reset()
        self._gzip = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        self._written = 0
        self._held: list[bytes] = []
        self._held_bytes = 0

    def _fits(self, record: bytes) -> bool:
        return GZIP_ENDS + self._written + _worst(self._held_bytes + len(record) + BRACKETS) <= self._wire

    def _compress(self) -> None:
        """Compress what is held back."""
        if self._held:
            data = b",".join(self._held) + b","
            self._written += len(self._gzip.compress(data)) + len(self._gzip.flush(zlib.Z_SYNC_FLUSH))
            self._held, self._held_bytes = [], 0


def _worst(size: int) -> int:
    """Return the most bytes that deflate makes of data: a little more than it was (zlib's own bound, rounded up)."""
    return size + (size >> 10) + 64
