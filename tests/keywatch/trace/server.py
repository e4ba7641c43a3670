"""An HTTP server whose answers are given byte by byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

CRLF: Final = b"\r\n"
END_OF_CHUNKS: Final = b"0\r\n\r\n"

Answer = bytes | Iterator[bytes]


@dataclass
class Server:
    """Answers each request with the next of its answers, and then closes the connection.

    Attributes:
        answers: Whole answers, headers included, at once or part by part.
        received: Requests, headers included, in the order in which they have come.
    """

    answers: list[Answer]
    port: int = 0
    received: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """Make an answer of a known length; headers with underscores for hyphens."""
    fields = {"Content_Length": str(len(body)), "Connection": "close"} | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    head = "\r\n".join([f"HTTP/1.1 {status}", *lines])
    return head.encode("latin-1") + CRLF + CRLF + body


def chunked(*parts: bytes, **headers: str) -> bytes:
    """Make an answer in chunks."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *lines]).encode() + CRLF + CRLF
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


@contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    """Serve as many requests as there are answers."""
    server = Server(list(answers))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=_serve, args=(server, listener))
        thread.start()
        try:
            yield server
        finally:
            server.answers.clear()
            with socket.create_connection(("127.0.0.1", server.port)):  # lets it see that there is no more to answer
                thread.join()


def _serve(server: Server, listener: socket.socket) -> None:
    threads: list[threading.Thread] = []
    while True:
        connection, _ = listener.accept()
        if not server.answers:
            connection.close()
            break
        threads.append(threading.Thread(target=_answer, args=(server, connection)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _answer(server: Server, connection: socket.socket) -> None:
    with connection:
        server.received.append(_read(connection))
        given = server.answers.pop(0)
        for part in [given] if isinstance(given, bytes) else given:
            connection.sendall(part)


def _read(connection: socket.socket) -> bytes:
    data = b""
    while CRLF + CRLF not in data:
        data += connection.recv(65_536)
    head, _, body = data.partition(CRLF + CRLF)
    fields = dict(line.split(b": ", 1) for line in head.lower().split(CRLF)[1:])
    length = int(fields.get(b"content-length", b"0"))
    is_chunked = b"transfer-encoding" in fields
    while len(body) < length or (is_chunked and not body.endswith(END_OF_CHUNKS)):
        body += connection.recv(65_536)
    return head + CRLF + CRLF + body
