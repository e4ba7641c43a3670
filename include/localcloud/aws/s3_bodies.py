"""Whether a body sent to S3 is the one that was meant: hash, length and checksums.

Source: S3 API reference, "Authenticating requests", and user guide, "Checking object integrity".
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable
from typing import Final

from localcloud.aws.s3_errors import S3RefusedError
from localcloud.http1 import Request

CONTENT_HASH: Final = "x-amz-content-sha256"
UNSIGNED: Final = "UNSIGNED-PAYLOAD"
CHUNKED: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CHUNK: Final = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")
CHECKSUMS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "sha1": lambda data: hashlib.sha1(data).digest(),  # noqa: S324 - S3's own checksum
    "sha256": lambda data: hashlib.sha256(data).digest(),
}
"""By the end of the header x-amz-checksum-*. Others are taken unseen."""


def check_body(request: Request) -> None:
    """Check a body against what the request says of it.

    Raises:
        S3RefusedError: they differ, or chunks are signed one by one, which is not played.
    """
    declared = request.headers.get(CONTENT_HASH, "")
    if declared == CHUNKED:
        _check_chunks(request)
        return
    if declared.startswith("STREAMING-"):
        raise S3RefusedError(501, "NotImplemented", "Signed chunks are not played")
    if declared not in (UNSIGNED, hashlib.sha256(request.body).hexdigest()):
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise S3RefusedError(400, "XAmzContentSHA256Mismatch", message)
    _check_sums(request.body, request.headers)


def _check_chunks(request: Request) -> None:
    data, trailer = _unchunked(request.body)
    if str(len(data)) != request.headers.get("x-amz-decoded-content-length"):
        raise S3RefusedError(400, "IncompleteBody", "The request body terminated unexpectedly")
    if request.headers.get("x-amz-trailer", "") != ",".join(trailer):
        raise S3RefusedError(400, "MalformedTrailerError", "The trailer is not the one that was announced")
    _check_sums(data, trailer)


def _unchunked(body: bytes) -> tuple[bytes, dict[str, str]]:
    """Take chunks apart (RFC 9112, section 7.1, inside the body): data and trailer."""
    parts: list[bytes] = []
    position = 0
    while head := CHUNK.match(body, position):
        size, start = int(head[1], 16), head.end()
        if not size:
            lines = body[start:].decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in lines if line)
            return b"".join(parts), {name.lower().strip(): value.strip() for name, _, value in pairs}
        parts.append(body[start : start + size])
        position = start + size + 2
    raise S3RefusedError(400, "IncompleteBody", "The request body terminated unexpectedly")


def _check_sums(data: bytes, headers: dict[str, str]) -> None:
    expected = {f"x-amz-checksum-{name}": compute for name, compute in CHECKSUMS.items()}
    expected["content-md5"] = lambda body: hashlib.md5(body).digest()  # noqa: S324 - S3's own checksum
    for name, compute in expected.items():
        if name in headers and headers[name] != base64.b64encode(compute(data)).decode("ascii"):
            raise S3RefusedError(400, "BadDigest", f"The {name} you specified did not match what we received.")
