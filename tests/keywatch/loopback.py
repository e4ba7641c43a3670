"""A proxy and a TLS host on loopback that behave as they are told, for what the local cloud does not play."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

PART = 65_536
Handler = Callable[[socket.socket], None]


class Loopback:
    """Accepts connections on a port of this machine, each in a thread of its own.

    Args:
        handle: Serves one connection.
    """

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._handle(connection)


class TlsHost(Loopback):
    """A host that speaks TLS and keeps what it hears; its name is localhost.

    Args:
        context: Its side's.
        then: Serves the connections after the first, if they are to meet something else.
    """

    def __init__(self, context: ssl.SSLContext, then: Handler | None = None) -> None:
        super().__init__(self._shake_hands)
        self._context = context
        self._then = then
        self.connections = 0
        self.heard: list[bytes] = []

    def _shake_hands(self, connection: socket.socket) -> None:
        self.connections += 1
        if self._then and self.connections > 1:
            self._then(connection)
            return
        with self._context.wrap_socket(connection, server_side=True) as secure:
            self.heard.append(secure.recv(PART))


class LoopbackProxy(Loopback):
    """An HTTP proxy that hands tunnels on to another one.

    Args:
        upstream: The other one's URL.
        authorization: The `Proxy-Authorization` that it wants.
        answers: What it says of some hosts instead, status and reason, by host.
        context: Its side's, if it is spoken to by TLS.
    """

    def __init__(
        self,
        upstream: str,
        *,
        authorization: str | None = None,
        answers: Mapping[str, str] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(self._tunnel)
        self._upstream = urlsplit(upstream)
        self._authorization = authorization
        self._answers = answers or {}
        self._context = context
        self.hosts: list[str] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def _tunnel(self, plain: socket.socket) -> None:
        with self._context.wrap_socket(plain, server_side=True) if self._context else plain as connection:
            self._connect(connection)

    def _connect(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (part := connection.recv(PART)):
                return
            head += part
        host = head.split()[1].decode().rpartition(":")[0]
        self.hosts.append(host)
        answer = self._answers.get(host)
        if self._authorization and f"Proxy-Authorization: {self._authorization}".encode() not in head:
            answer = "407 Proxy Authentication Required"
        if answer:
            connection.sendall(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        with socket.create_connection((self._upstream.hostname or "", self._upstream.port or 0)) as upstream:
            upstream.sendall(head)
            _join(connection, upstream)


def _join(one: socket.socket, other: socket.socket) -> None:
    back = threading.Thread(target=_copy, args=(other, one), daemon=True)
    back.start()
    _copy(one, other)
    back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(PART):
            target.sendall(part)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def server_context(leaf: trustme.LeafCert, *more: bytes) -> ssl.SSLContext:
    """Make a host's context that presents a certificate, and further ones as PEM behind it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = b"".join([leaf.private_key_pem.bytes(), *(each.bytes() for each in leaf.cert_chain_pems), *more])
    with trustme.Blob(pem).tempfile() as path:
        context.load_cert_chain(path)
    return context


def self_signed_context(name: str, folder: Path) -> ssl.SSLContext:
    """Make a host's context whose certificate nobody but itself has issued."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, SHA256())
    )
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@contextlib.contextmanager
def silent() -> Iterator[Loopback]:
    """Play a host that accepts connections and says nothing."""
    over = threading.Event()
    with Loopback(lambda _: _wait(over)) as host:
        yield host
    over.set()


def _wait(over: threading.Event) -> None:
    over.wait(30)
