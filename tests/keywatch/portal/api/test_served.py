"""The API behind a real HTTP server, as `python -m keywatch.portal api` runs it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from keywatch.portal.__main__ import LARGEST_HEADERS
from tests.keywatch.portal.api.world import World, own_lines

TLS = b"\x16\x03\x01\r\n\r\n"
"""How a client begins that takes the port for one of TLS."""


@pytest.fixture
def port(fresh: World) -> Iterator[int]:
    """Serve the API on a port of this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        fresh.app,
        http="h11",
        h11_max_incomplete_event_size=LARGEST_HEADERS,
        log_config=None,
        access_log=False,
        ws="none",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield int(listening.getsockname()[1])
    server.should_exit = True
    thread.join(20)
    listening.close()


def say(port: int, *parts: bytes, then_end: bool = False) -> bytes:
    """Send bytes, perhaps end our side, and return what comes until the other side ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        if then_end:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while more := connection.recv(65_536):
            answer += more
    return answer


def request(method: str, path: str, *lines: str) -> bytes:
    """Write the head of a request."""
    head = (f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *lines, "", "")
    return "\r\n".join(head).encode("latin-1")


def test_token_is_accepted_over_http(fresh: World, port: int) -> None:
    """The same API answers over a connection."""
    answer = say(port, request("GET", "/accounts/me", f"Authorization: Bearer {fresh.token()}"))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"cache-control: no-store" in answer


def test_token_that_is_too_large_is_refused(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """What the server lets through, the API refuses in one line."""
    answer = say(port, request("GET", "/accounts/me", f"Authorization: Bearer {'a' * 17_000}"))

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"aaaa" not in answer
    assert [line for line in own_lines(caplog) if "aaaa" in line] == []


def test_head_without_end_is_cut_off(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """The server keeps no more of a head than it may have."""
    answer = say(port, request("GET", "/accounts/me")[:-2] + b"X: " + b"a" * LARGEST_HEADERS)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "head",
    [
        request("GET", "/accounts/me", "Authorization: Bearer a\r\n folded"),
        request("GET", "/accounts/me", "Authorization: Bearer a\0b"),
        request("GET", "/accounts/me", "Authorization : Bearer a"),
        request("GET", "/accounts/me", "Authorization: Bearer \xe9"),
        request("PATCH", "/accounts/me", "Content-Length: 5", "Content-Length: 6"),
        request("PATCH", "/accounts/me", "Content-Length: -1"),
        request("GET", "/accounts/me HTTP/1.1\r\nX: y"),
        TLS,
    ],
    ids=["folded", "NUL", "space", "no ASCII", "two lengths", "negative length", "smuggled", "TLS"],
)
def test_head_that_is_no_http_is_refused(port: int, head: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """What servers read differently is answered by 400 or 401, and nothing is done."""
    answer = say(port, head)

    assert answer.split(b" ", 2)[1] in (b"400", b"401")
    assert not [record for record in caplog.records if record.exc_info]


def test_body_that_is_cut_short_changes_nothing(fresh: World, port: int, caplog: pytest.LogCaptureFixture) -> None:
    """A connection that ends within a body is no change, and no error of the API's."""
    before = fresh.account
    lines = (f"Authorization: Bearer {fresh.token()}", "Content-Type: application/json", "Content-Length: 100")
    say(port, request("PATCH", "/accounts/me", *lines), b'{"beneficiary":"After"}', then_end=True)
    while not own_lines(caplog):
        time.sleep(0.01)

    assert fresh.account == before
    assert "status=400 code=cut_short" in own_lines(caplog)[0]
    assert not [record for record in caplog.records if record.exc_info]


def test_body_without_end_is_cut_off(fresh: World, port: int) -> None:
    """A body in chunks that does not say how long it is is refused at 64 KiB."""
    lines = (f"Authorization: Bearer {fresh.token()}", "Content-Type: application/json", "Transfer-Encoding: chunked")
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"

    answer = say(port, request("PATCH", "/accounts/me", *lines), chunk, chunk, chunk)

    assert answer.startswith(b"HTTP/1.1 413 ")
