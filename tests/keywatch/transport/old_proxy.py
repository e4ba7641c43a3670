"""A proxy that ends TLS itself, in one version alone, and hangs up after the handshake."""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def only(version: ssl.TLSVersion, context: ssl.SSLContext) -> ssl.SSLContext:
    """Let a context speak one version alone, however old."""
    context.set_ciphers("ALL:@SECLEVEL=0")  # OpenSSL 3 speaks no TLS 1.1 above that level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the old versions
        context.minimum_version = context.maximum_version = version
    return context


class OldProxy:
    """Speaks one version of TLS as whatever host it is asked for.

    Attributes:
        url: Its own.
        ca_bundle: Its authority.
        spoken: The version of each handshake that succeeded.
    """

    def __init__(self, version: ssl.TLSVersion, ca_bundle: Path) -> None:
        self._version = version
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(str(ca_bundle))
        self.ca_bundle = ca_bundle
        self.spoken: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        host = connection.recv(65_536).split(b" ")[1].partition(b":")[0].decode("ascii")
        connection.sendall(ESTABLISHED)
        context = only(self._version, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        self._authority.issue_cert(host).configure_cert(context)
        try:
            with context.wrap_socket(connection, server_side=True) as inside:
                self.spoken.append(str(inside.version()))
        except OSError:
            return
