"""A small HTTP/1.1 server on an event loop, in a process of its own: what the benchmarks measure against.

It has to be fast enough not to be measured itself, so it knows no more of HTTP than the clients here use: requests
with `Content-Length`, one after another on a connection. An answer's latency passes on the event loop and occupies
nothing.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from typing import Any, Final, Protocol

HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"\r\ncontent-length:"
CONTROL: Final = "/_control"
"""Path at which the measuring process asks for counts (GET) and gives settings (PUT)."""


class Endpoint(Protocol):
    """What one server answers."""

    latency: float
    """Seconds before an answer is sent."""

    def answer(self, head: bytes, body: bytes) -> bytes:
        """Return the whole response to a request."""
        ...

    def counts(self) -> dict[str, Any]:
        """Return what was counted since the last settings."""
        ...

    def set(self, settings: dict[str, Any]) -> None:
        """Take settings, and count from zero."""
        ...


def response(status: str, body: bytes, content_type: str = "text/xml") -> bytes:
    """Render a response."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


class Connection(asyncio.Protocol):
    """One connection's requests, one after another."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._received = bytearray()
        self._whole = 0
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while self._complete():
            head = bytes(self._received[: self._head_bytes])
            body = bytes(self._received[self._head_bytes : self._whole])
            del self._received[: self._whole]
            self._whole = 0
            self._answer(head, body)

    def _complete(self) -> bool:
        if not self._whole:
            end = self._received.find(HEAD_END)
            if end < 0:
                return False
            self._head_bytes = end + len(HEAD_END)
            self._whole = self._head_bytes + content_length(bytes(self._received[:end]).lower())
        return len(self._received) >= self._whole

    def _answer(self, head: bytes, body: bytes) -> None:
        if CONTROL.encode("ascii") in head[: head.find(b"\r\n")]:
            self._transport.write(control(self._endpoint, body))
            return
        answered = self._endpoint.answer(head, body)
        if self._endpoint.latency:
            self._loop.call_later(self._endpoint.latency, self._transport.write, answered)
        else:
            self._transport.write(answered)


def content_length(head: bytes) -> int:
    """Read the length of a request's body from its head, in lower case; 0 if there is none."""
    start = head.find(LENGTH)
    if start < 0:
        return 0
    start += len(LENGTH)
    end = head.find(b"\r\n", start)
    return int(head[start:] if end < 0 else head[start:end])


def control(endpoint: Endpoint, settings: bytes) -> bytes:
    """Take settings if there are any, and answer with the counts so far."""
    counts = endpoint.counts()
    if settings:
        endpoint.set(json.loads(settings))
    return response("200 OK", json.dumps(counts).encode("utf-8"), "application/json")


def serve(endpoint: Endpoint, context: ssl.SSLContext | None = None, **told: str) -> None:
    """Answer on a free port of loopback until standard input ends, after a line of JSON that says where."""
    asyncio.run(_serve(endpoint, context, told))


async def _serve(endpoint: Endpoint, context: ssl.SSLContext | None, told: dict[str, str]) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(endpoint), "127.0.0.1", 0, ssl=context, backlog=1_000)
    plain = await loop.create_server(lambda: Connection(endpoint), "127.0.0.1", 0)
    url = f"{'https' if context else 'http'}://127.0.0.1:{_port(server)}"
    print(json.dumps({"url": url, "control": f"http://127.0.0.1:{_port(plain)}{CONTROL}", **told}), flush=True)
    async with server, plain:
        await loop.run_in_executor(None, sys.stdin.read)


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])
