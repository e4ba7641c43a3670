"""How many requests a second the local IAM answers by itself: many connections, and no client library."""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack
from typing import Final
from urllib.parse import urlsplit

from tests.benchmarks.harness import report, stopwatch

CONNECTIONS: Final = 32
ROUNDS: Final = 600
LARGEST: Final = 65_536


def request() -> bytes:
    """Make a request as long as botocore's are."""
    body = b"Action=GetAccountSummary&Version=2010-05-08"
    head = b"POST / HTTP/1.1\r\nHost: iam\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n"
    return head % (b"x" * 500, len(body)) + body


def main(url: str) -> None:
    """Keep every connection busy."""
    where, asked = urlsplit(url), request()
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection((where.hostname, where.port))) for _ in range(CONNECTIONS)
        ]
        with stopwatch() as watch:
            for _ in range(ROUNDS):
                for connection in connections:
                    connection.sendall(asked)
                for connection in connections:
                    assert connection.recv(LARGEST).startswith(b"HTTP/1.1 200")
    report(watch, requests=CONNECTIONS * ROUNDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
