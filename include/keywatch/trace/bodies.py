"""Bodies of requests and answers: what is kept of them, unpacked and read as text."""

from __future__ import annotations

import codecs
import contextlib
import io
import re
import zlib
from dataclasses import dataclass
from typing import Final

MOST_BYTES: Final = 1024 * 1024
"""Bytes of one body that are kept in memory until it has been written, and that it is unpacked to."""

GZIP: Final = 31
WINDOWS: Final = {"gzip": (GZIP,), "x-gzip": (GZIP,), "deflate": (15, -15)}
"""What zlib calls the encodings of HTTP. By `deflate`, some mean one thing and some the other."""

TEXT: Final = re.compile(r"^(?:text/|application/(?:[\w.-]+\+)?(?:json|xml|x-www-form-urlencoded|javascript|x-ndjson))")
CHARSETS: Final = frozenset({"ascii", "iso8859-1", "utf-8", "utf-16", "utf-16-be", "utf-16-le", "cp1252"})
CHARSET: Final = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
NO_TEXT: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


class Body:
    """What was seen of one body.

    Attributes:
        size: Bytes seen, as whoever read them got them.
        was_unpacked: Whether they came unpacked already.
        wire: Bytes that came over the network; None if that is not known.
        is_seen: Whether the body could be looked at.
    """

    def __init__(self, *, is_seen: bool = True) -> None:
        self.size = 0
        self.was_unpacked = False
        self.wire: int | None = None
        self.is_seen = is_seen
        self._parts: list[bytes] = []
        self._kept = 0

    def add(self, data: bytes | memoryview) -> None:
        """See a further part of it."""
        self.size += len(data)
        if self._kept < MOST_BYTES:
            part = bytes(data[: MOST_BYTES - self._kept])
            self._parts.append(part)
            self._kept += len(part)

    def read(self, data: bytes, wire: int | None, *, is_unpacked: bool) -> None:
        """See a further part of an answer, as its reader gets it.

        Args:
            data: The part.
            wire: Bytes that came over the network until now; None if urllib3 has not counted them.
            is_unpacked: Whether urllib3 has unpacked the part.
        """
        if self.size and self.was_unpacked != is_unpacked:
            self.is_seen = False  # one part packed, the other not: that cannot be read
        self.was_unpacked = is_unpacked
        self.add(data)
        self.wire = self.size if wire is None and not is_unpacked else wire

    def forget(self) -> None:
        """Keep nothing of it any longer: whoever holds the answer should not hold its body twice."""
        self._parts.clear()
        self._kept = MOST_BYTES

    @property
    def start(self) -> bytes:
        """As much of its beginning as was kept."""
        return b"".join(self._parts)


def body_of_a_request(body: object) -> Body:
    """See a request's body, if that does not take it from whoever sends it."""
    seen = Body()
    if isinstance(body, str):
        seen.add(body.encode("utf-8", "surrogateescape"))
    elif isinstance(body, (bytes, bytearray, memoryview)):
        seen.add(memoryview(body).cast("B"))
    elif type(body) is io.BytesIO:
        seen.add(body.getvalue()[body.tell() :])
    elif body is not None:
        return Body(is_seen=False)
    seen.wire = seen.size
    return seen


@dataclass(frozen=True, slots=True)
class Content:
    """A body as it is read.

    Attributes:
        data: Its beginning, unpacked.
        size: Bytes of it all, unpacked; of what is there if that is not known.
        is_whole: Whether `data` is all of it.
        note: What is said about it.
    """

    data: bytes
    size: int
    is_whole: bool
    note: str = ""


def content_of(body: Body, encoding: str) -> Content | None:
    """Unpack a body.

    Args:
        body: As it was seen.
        encoding: The header Content-Encoding.

    Returns:
        None if it cannot be unpacked.
    """
    steps = [step.strip().lower() for step in encoding.split(",") if step.strip().lower() not in ("", "identity")]
    data, is_whole = body.start, body.size <= MOST_BYTES
    if body.was_unpacked or not steps:
        return Content(data, body.size, is_whole)
    for step in reversed(steps):
        unpacked = _unpacked(data, step) if data else (b"", True)
        if unpacked is None:
            return None
        data, is_whole = unpacked[0], is_whole and unpacked[1]
    return Content(data, len(data), is_whole, f"unpacked from {encoding}, {body.size:,} bytes")


def _unpacked(data: bytes, encoding: str) -> tuple[bytes, bool] | None:
    """Unpack, and tell whether that was all."""
    for window in WINDOWS.get(encoding, ()):
        with contextlib.suppress(zlib.error):
            return _inflated(data, window)
    return None


def _inflated(data: bytes, window: int) -> tuple[bytes, bool]:
    """Unpack every member, until it is more than is kept."""
    unpacked = bytearray()
    while data:
        unpacker = zlib.decompressobj(window)
        try:
            unpacked += unpacker.decompress(data, MOST_BYTES + 1 - len(unpacked))
        except zlib.error:
            if not unpacked:
                raise
            return bytes(unpacked), False
        if len(unpacked) > MOST_BYTES or not unpacker.eof:
            return bytes(unpacked[:MOST_BYTES]), False
        data = unpacker.unused_data if window == GZIP else b""
    return bytes(unpacked), True


def text_of(data: bytes, mime_type: str, *, is_whole: bool = True) -> str | None:
    """Read a body as text; None if it is none. Where it was cut, so may be its last character, which is left out."""
    for charset in (_charset(mime_type), "utf-8"):
        with contextlib.suppress(ValueError):
            text = codecs.getincrementaldecoder(charset)("strict").decode(data, final=is_whole)
            return None if NO_TEXT.search(text) else text.removeprefix("\ufeff")
    if TEXT.match(mime_type.lower()) and b"\x00" not in data:
        return data.decode("latin-1")
    return None


def _charset(mime_type: str) -> str:
    """Return the character set that a type names, if it is one of those in use: Python knows others that are none."""
    named = CHARSET.search(mime_type)
    with contextlib.suppress(LookupError):
        name = codecs.lookup(named[1]).name if named else ""
        if name in CHARSETS:
            return name
    return "utf-8"
