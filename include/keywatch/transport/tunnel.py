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
from urllib.parse import quote, unquote, urlsplit

import certifi
from urllib3.util.ssl_ import create_urllib3_context

from keywatch.transport.foreign_text import printable
from keywatch.transport.settings import Transport

HTTPS: Final = 443
PORTS: Final = {"http": 80, "https": HTTPS}
LARGEST_HEAD: Final = 65_536
"""Bytes of a proxy's answer to `CONNECT` that are read at most."""

PART: Final = 16_384
LONGEST_WORDS: Final = 100
"""Characters that are shown of what a proxy says."""

SHORT: Final = 4
"""Characters up to which a secret is taken out only where it is a word: else it would be found everywhere."""

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
        secrets: User and password, and how else they may be written; it may repeat what it is shown.
    """

    host: str
    port: int
    secure: bool
    authorization: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

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
            secrets=_secrets(parts.username, parts.password),
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


def without_secrets(text: str, proxy: Proxy | None) -> str:
    """Return what was said on the way without the proxy's credentials, on one line, and not too long."""
    for secret in proxy.secrets if proxy else ():
        word = re.escape(secret)
        pattern = word if len(secret) > SHORT else rf"(?<![A-Za-z0-9]){word}(?![A-Za-z0-9])"
        text = re.sub(pattern, "…", text, flags=re.IGNORECASE)
    return printable(text)


def words_of(proxy: Proxy | None, said: str) -> str:
    """Return what may be shown of a proxy's own words: it chose them."""
    return without_secrets(said, proxy)[:LONGEST_WORDS].strip()


def connected(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to a host by whichever of its addresses answers; all of them together have until the deadline.

    Raises:
        OSError: None does.
    """
    refusal: OSError = OSError("this name has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(deadline.left())
            connection.connect(address)
        except OSError as error:
            connection.close()
            refusal = error
        else:
            return connection
    raise refusal


@contextmanager
def proxy_connection(proxy: Proxy, transport: Transport, deadline: Deadline) -> Iterator[socket.socket]:
    """Connect to a proxy; to one that is spoken to by TLS only if its own certificate is trusted.

    Raises:
        OSError: It cannot be reached, or not be trusted.
    """
    with connected(proxy.host, proxy.port, deadline) as plain:
        if not proxy.secure:
            yield plain
            return
        plain.settimeout(deadline.left())
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
        raise TunnelRefusedError(status, words_of(proxy, (line[2] or b"").decode("latin-1")))


@contextmanager
def connection_to(host: str, port: int, transport: Transport, deadline: Deadline) -> Iterator[socket.socket]:
    """Connect to a host, directly or through the proxy of a resolved transport.

    Raises:
        TunnelRefusedError: The proxy does not connect to it.
        OSError: The host or the proxy cannot be reached in time.
    """
    proxy = Proxy.on_the_way(transport, host, port)
    if proxy is None:
        with connected(host, port, deadline) as direct:
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


def _secrets(user: str | None, password: str | None) -> tuple[str, ...]:
    """Return all that must not be shown of a proxy's credentials, the longest first."""
    basic = _basic(user, password)
    if basic is None:
        return ()
    encoded = basic.partition(" ")[2]
    found = {encoded, encoded.rstrip("=")}
    for each in (user or "", password or ""):
        plain = unquote(each)
        found |= {each, plain, quote(plain), quote(plain, safe=""), repr(plain)[1:-1]}
        found.add(plain.encode("utf-8", "surrogateescape").decode("latin-1"))  # as http.client reads a proxy's words
    return tuple(sorted(filter(None, found), key=lambda secret: (-len(secret), secret)))
