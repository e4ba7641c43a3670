"""HTTP/1.1 on the server's side of a stream: requests in, responses out. The parsing is h11's."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import h11

MAX_BODY = 32 * 1024 * 1024
"""Bytes of a request body that are kept: more than any service played here accepts."""
BODYLESS = frozenset({204, 304})
"""Statuses that are answered without a body and its length."""
REASONS = {status.value: status.phrase for status in HTTPStatus}
BEGUN = b"HTTP/1.1 2"
"""What is sent of an answer without a body that is cut: its status cannot be read."""
PIECES = 20
"""In which an answer trickles in."""
READ_SIZE = 256 * 1024
"""Bytes asked of the socket at a time."""


class DateHeader:
    """The clock that every answer's Date is read from. There is one for all, as on one machine."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Go right again."""
        self.offset = 0.0

    def text(self) -> str:
        """Write the time."""
        return formatdate(time.time() + self.offset, usegmt=True)


DATE: Final = DateHeader()


@dataclass(frozen=True)
class Request:
    """A request, read in full. Header names are lower case.

    Attributes:
        too_large: the body was longer than `MAX_BODY`; `body` is then empty and `body_bytes` its length.
    """

    method: str
    target: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    body_bytes: int
    too_large: bool = False

    @property
    def path(self) -> str:
        """The path, still percent-encoded, without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query; of a repeated name the last value."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass(frozen=True)
class Response:
    """A response, and what the request log should call it; a HEAD request may be told another length."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    error: str | None = None
    length: int | None = None

    @property
    def reason(self) -> str:
        """The status in words, or nothing for a number that HTTP does not know."""
        return REASONS.get(self.status, "")


class BadRequestError(Exception):
    """The peer does not speak HTTP/1.1 as the RFC has it."""


class ServerConnection:
    """One connection that a peer sends requests over, one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=64 * 1024)
        self._head = False

    async def request(self) -> Request | None:
        """Read the next request; None if the peer has closed the connection.

        Raises:
            BadRequestError: what came is not a request.
        """
        try:
            if self._http.our_state is h11.MUST_CLOSE:
                return None
            if self._http.our_state is h11.DONE:
                self._http.start_next_cycle()
            head = await self._event()
            return await self._rest_of(head) if isinstance(head, h11.Request) else None
        except h11.RemoteProtocolError as error:
            raise BadRequestError(str(error)) from error

    async def _rest_of(self, head: h11.Request) -> Request:
        self._head = head.method == b"HEAD"
        if self._http.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[]))
        parts: list[bytes] = []
        length = 0
        while isinstance(event := await self._event(), h11.Data):
            length += len(event.data)
            parts.append(bytes(event.data))
            if length > MAX_BODY:
                parts.clear()
        if not isinstance(event, h11.EndOfMessage):
            raise BadRequestError("The body ends before its declared length")
        return Request(
            method=head.method.decode("ascii"),
            target=head.target.decode("ascii"),
            headers={name.decode("ascii"): value.decode("latin-1") for name, value in head.headers},
            body=b"" if length > MAX_BODY else b"".join(parts),
            body_bytes=length,
            too_large=length > MAX_BODY,
        )

    async def _event(self) -> h11.Event | None:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(READ_SIZE))
        return event if isinstance(event, h11.Event) else None

    async def respond(
        self, response: Response, *, close: bool = False, trickle: float = 0.0, cut: bool = False
    ) -> None:
        """Send a response; the connection stays open unless `close` or the peer says otherwise.

        Args:
            response: What to send.
            close: whether to announce that the connection closes.
            trickle: seconds over which it is sent, in pieces.
            cut: whether to send half of its body alone or, if it has none, the beginning of its status line.
        """
        body = b"" if self._head or response.status in BODYLESS else response.body
        length = len(response.body) if response.length is None else response.length
        headers = [
            *([] if response.status in BODYLESS else [("Content-Length", str(length))]),
            ("Content-Type", response.content_type),
            ("Date", DATE.text()),
            *response.headers,
        ]
        if close:
            headers.append(("Connection", "close"))
        event = h11.Response(status_code=response.status, headers=headers, reason=response.reason.encode())
        head = self._http.send(event) or b""
        data = head + (self._http.send(h11.Data(data=body)) or b"") + (self._http.send(h11.EndOfMessage()) or b"")
        if cut:
            data = data[: len(head) + len(body) // 2] if body else head[: len(BEGUN)]
        await self._write(data, trickle)

    async def _write(self, data: bytes, trickle: float) -> None:
        size = -(-len(data) // PIECES) if trickle else len(data)
        for start in range(0, len(data), size):
            self._writer.write(data[start : start + size])
            await self._writer.drain()
            if trickle:
                await asyncio.sleep(trickle / PIECES)

    def _send(self, event: h11.InformationalResponse) -> None:
        self._writer.write(self._http.send(event) or b"")
