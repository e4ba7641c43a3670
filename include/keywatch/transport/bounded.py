"""Connections whose answers have to be complete in time.

A socket's time-out starts anew with every byte, so that an answer which only trickles in would never end.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

PATIENCE: Final = 5
"""How many read time-outs a whole answer may take."""


class TooSlowError(TimeoutError):
    """An answer comes, but takes too long as a whole."""


class _BoundedReader(io.RawIOBase):
    """Reads an answer from a socket, for so long altogether.

    A socket's own time-out starts anew with every byte. That of the last reads is cut to what is left.

    Args:
        within: Reads from the socket.
        connection: The socket, its time-out set.
    """

    def __init__(self, within: io.RawIOBase, connection: socket.socket) -> None:
        self._within = within
        self._connection = connection
        self._each = connection.gettimeout()
        self._end = None if self._each is None else time.monotonic() + PATIENCE * self._each

    def readable(self) -> bool:
        """Tell that this is for reading."""
        return True

    def fileno(self) -> int:
        """Return the socket's number."""
        return self._within.fileno()

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401 - any buffer
        """Read what is there.

        Raises:
            TimeoutError: Nothing came in time, or the answer as a whole takes too long.
        """
        if self._each is None:
            return self._within.readinto(buffer)
        left = self._each if self._end is None else min(self._end - time.monotonic(), self._each)
        if left <= 0:
            raise TooSlowError("timed out")
        self._connection.settimeout(left)
        try:
            return self._within.readinto(buffer)
        except TimeoutError as error:
            raise (TooSlowError("timed out") if left < self._each else error) from None

    def lift(self) -> None:
        """Let what is still to come take its time."""
        self._end = None

    def close(self) -> None:
        """Let go of the socket."""
        self._within.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    """An answer that has to be complete in time, headers and body. What a proxy says to `CONNECT` is one too."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as http.client has it
        super().__init__(sock, *arguments, **options)
        self._reader = _BoundedReader(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._reader)


class _StreamedResponse(_BoundedResponse):
    """An answer of which only the headers have to be there in time."""

    def begin(self) -> None:
        super().begin()
        self._reader.lift()


class _SteadyTls(ssl.SSLSocket):
    """TLS to a proxy, through which TLS to a host goes.

    urllib3 reads from it until the inner TLS has enough. So the time-out is for all reads since it was set.
    """

    _end: float | None = None

    def settimeout(self, value: float | None, /) -> None:
        self._end = None if value is None else time.monotonic() + value
        super().settimeout(value)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        if self._end is not None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            super().settimeout(left)
        return super().recv(buflen, flags)


class _SecureConnection(HTTPSConnection):
    """A connection to a host by TLS, perhaps through a proxy."""

    def _connect_tls_proxy(self, hostname: str, sock: socket.socket) -> ssl.SSLSocket:
        connection = super()._connect_tls_proxy(hostname, sock)
        connection.__class__ = _SteadyTls
        return connection

    def _tunnel(self) -> None:
        super()._tunnel()
        self.sock.settimeout(self.timeout)  # the handshake has its own time


def _pools(response: type[_BoundedResponse]) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """Make the classes whose connections read such answers, under the names that urllib3 shows in messages."""
    bounded = {"response_class": response}
    plain = type("HTTPConnection", (HTTPConnection,), bounded)
    secure = type("HTTPSConnection", (_SecureConnection,), bounded)
    return {
        "http": type("HTTPConnectionPool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("HTTPSConnectionPool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


BOUNDED: Final = _pools(_BoundedResponse)
STREAMED: Final = _pools(_StreamedResponse)
