"""The body of a request to the Logs Ingestion API: unpacked within a limit, and read as an array of objects.

Users of Azure report that a single object in the array's place gets a 204 and is lost; it is refused here, so that
nobody comes to rely on it. Unverified: whether Azure takes an empty array, which is taken here.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

LARGEST_UNPACKED: Final = 50 * 1024 * 1024
"""Bytes of JSON that the service takes, whatever they were packed to."""
GZIP: Final = zlib.MAX_WBITS | 16
"""The window size that makes zlib read gzip."""


@dataclass(frozen=True)
class LogBody:
    """A body that could be read: its records, and its size in bytes once unpacked."""

    records: list[dict[str, Any]] = field(repr=False)
    size: int


@dataclass(frozen=True)
class BodyError:
    """Why a body could not be read.

    Attributes:
        message: in words.
        size: bytes once unpacked, as far as it was.
        of_encoding: whether the encoding is not one that is taken.
    """

    message: str
    size: int = 0
    of_encoding: bool = False

    def __str__(self) -> str:
        return self.message


class TooLargeError(BodyError):
    """The body would be larger than the limit once unpacked; it was unpacked no further."""


def read_body(body: bytes, encoding: str | None) -> LogBody | BodyError:
    """Unpack and parse a body.

    Args:
        body: as it came.
        encoding: its Content-Encoding: gzip or none.
    """
    text = body if encoding is None else _unpacked(body, encoding)
    if isinstance(text, BodyError):
        return text
    if len(text) > LARGEST_UNPACKED:
        return TooLargeError(f"The body has more than {LARGEST_UNPACKED} bytes", len(text))
    try:
        records = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return BodyError("The body is not JSON in UTF-8", len(text))
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        return BodyError("The body is not an array of objects", len(text))
    return LogBody(records, len(text))


def _unpacked(body: bytes, encoding: str) -> bytes | BodyError:
    if encoding.strip().lower() != "gzip":
        return BodyError(f"Content-Encoding {encoding}; there is gzip", of_encoding=True)
    unpacker = zlib.decompressobj(wbits=GZIP)
    try:
        text = unpacker.decompress(body, LARGEST_UNPACKED + 1)
    except zlib.error:
        return BodyError("The body is not gzip, as its Content-Encoding says")
    if len(text) > LARGEST_UNPACKED:
        return TooLargeError(f"The body has more than {LARGEST_UNPACKED} bytes once unpacked", len(text))
    if not unpacker.eof or unpacker.unused_data:
        return BodyError("The body is not one whole gzip member", len(text))
    return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
