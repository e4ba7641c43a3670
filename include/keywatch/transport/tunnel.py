"""A connection to a host by the way that a transport names, over which nothing has been asked yet.

The SDKs make their own connections. These are for looking at the way itself: what the proxy says to `CONNECT`, and
which certificates the host presents.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import certifi
from urllib3.util.ssl_ import create_urllib3_context

from keywatch.transport.foreign_text import printable
from keywatch.transport.settings import Transport

HTTPS: Final = 443
PORTS: Final = {"http": 80, "https": HTTPS}
LARGEST_HEAD: Final = 65_536
"""Bytes of a proxy's answer to `CONNECT` that are read at most."""

PART: Final = 16_384
STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: ([^\r\n]*))?")


class TunnelRefusedError(OSError):
    """The proxy was reached and opens no tunnel.

    Attributes:
        status: Its HTTP status; None if what it said is not HTTP.
        reason: The words beside it.
    """

    def __init__(self, status: int | None, reason: str) -> None:
        super().__init__(f"HTTP {status} {reason}".rstrip() if status else "an answer that is not HTTP")
        self.status = status
        self.reason = reason


class Deadline:
    """Some seconds from now on, for everything together.

    Args:
        seconds: How many.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: None are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy on the way to a host.

    Attributes:
        host: Its name or address.
        port: Its port.
        secure: Whether it is spoken to by TLS.
        authorization: What it is shown as `Proxy-Authorization`; None if it wants nothing.
    """

    host: str
    port: int
    secure: bool
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def on_the_way(cls, transport: Transport, host: str, port: int = HTTPS) -> Proxy | None:
        """Return the proxy that a resolved transport uses for a host; None if it goes there directly."""
        url = transport.proxies_for(f"https://{at(host, port)}").get("https")
        if url is None:
            return None
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            secure=parts.scheme == "https",
            authorization=_basic(parts.username, parts.password),
        )

    @property
    def url(self) -> str:
        """Its URL, without user and password."""
        return f"{'https' if self.secure else 'http'}://{at(self.host, self.port)}"


def at(host: str, port: int) -> str:
    """Write a host and a port as URLs and `CONNECT` have them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def verifying_context(transport: Transport) -> ssl.SSLContext:
    """Make the context in which requests and botocore would check a certificate for a resolved transport."""
    context = create_urllib3_context()
    if transport.trust is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    bundle = certifi.where() if transport.trust is True else transport.trust
    if Path(bundle).is_dir():
        context.load_verify_locations(capath=bundle)
    else:
        context.load_verify_locations(cafile=bundle)
    return context


@contextmanager
def proxy_connection(proxy: Proxy, transport: Transport, deadline: Deadline) -> Iterator[socket.socket]:
    """Connect to a proxy; to one that is spoken to by TLS only if its own certificate is trusted.

    Raises:
        OSError: It cannot be reached, or not be trusted.
    """
    with socket.create_connection((proxy.host, proxy.port), deadline.left()) as plain:
        if not proxy.secure:
            yield plain
            return
        with verifying_context(transport).wrap_socket(plain, server_hostname=proxy.host) as secure:
            yield secure


def open_tunnel(connection: socket.socket, proxy: Proxy, host: str, port: int, deadline: Deadline) -> None:
    """Let a proxy connect to a host.

    Raises:
        TunnelRefusedError: It does not, or it is no proxy.
        OSError: The connection to it breaks, or it takes too long.
    """
    place = at(host, port)
    shown = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    connection.settimeout(deadline.left())
    connection.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{shown}\r\n".encode("latin-1"))
    line = STATUS_LINE.match(_head(connection, deadline))
    if line is None:
        raise TunnelRefusedError(None, "")
    status = int(line[1])
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise TunnelRefusedError(status, printable((line[2] or b"").decode("latin-1")).strip())


@contextmanager
def connection_to(host: str, port: int, transport: Transport, deadline: Deadline) -> Iterator[socket.socket]:
    """Connect to a host, directly or through the proxy of a resolved transport.

    Raises:
        TunnelRefusedError: The proxy does not connect to it.
        OSError: The host or the proxy cannot be reached in time.
    """
    proxy = Proxy.on_the_way(transport, host, port)
    if proxy is None:
        with socket.create_connection((host, port), deadline.left()) as direct:
            yield direct
        return
    with proxy_connection(proxy, transport, deadline) as connection:
        open_tunnel(connection, proxy, host, port, deadline)
        yield connection


def shake_hands(connection: socket.socket, host: str, context: ssl.SSLContext, deadline: Deadline) -> ssl.SSLObject:
    """Do a TLS handshake, and nothing more.

    It goes through memory, since Python cannot begin TLS on a socket that speaks TLS to a proxy already.

    Raises:
        ssl.SSLCertVerificationError: The host's certificate is not trusted.
        OSError: The connection breaks, or takes too long.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=host)
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            _flush(connection, outgoing, deadline)
        except ssl.SSLError:
            with suppress(OSError):
                _flush(connection, outgoing, deadline)  # the alert
            raise
        else:
            _flush(connection, outgoing, deadline)
            return tls
        connection.settimeout(deadline.left())
        received = connection.recv(PART)
        if not received:
            raise ConnectionResetError("the connection was closed during the TLS handshake")
        incoming.write(received)


def _flush(connection: socket.socket, outgoing: ssl.MemoryBIO, deadline: Deadline) -> None:
    connection.settimeout(deadline.left())
    connection.sendall(outgoing.read())


def _head(connection: socket.socket, deadline: Deadline) -> bytes:
    """Read a proxy's answer up to the empty line; a host that speaks TLS says nothing before it is spoken to."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < LARGEST_HEAD:
        connection.settimeout(deadline.left())
        received = connection.recv(PART)
        if not received:
            break
        head += received
        if not b"HTTP/1.".startswith(head[:7]):
            break
    return head


def _basic(user: str | None, password: str | None) -> str | None:
    if user is None:
        return None
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"
