"""Answers that never end and proxies that repeat what they heard: they cost little time, and no secret."""

from __future__ import annotations

import base64
import logging
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
import trustme
from azure.core import PipelineClient
from azure.core.rest import HttpRequest, HttpResponse

from keywatch.credentials.entra_http import EntraHttp
from keywatch.doctor.clock import check_clock
from keywatch.doctor.model import Result
from keywatch.doctor.network import network_steps
from keywatch.doctor.place import Place, once
from keywatch.doctor.run import run
from keywatch.errors import ConfigurationError, KeywatchError, UnreachableError
from keywatch.transport import AZURE_CLOUDS, AllowedHosts, Transport
from keywatch.transport.http import azure_core_arguments, network_error, requests_session
from keywatch.transport.tunnel import Deadline, connected
from localcloud import LocalCloud
from tests.keywatch.loopback import Loopback, LoopbackProxy, server_context, silent

ENTRA = AZURE_CLOUDS["AzureCloud"].authority_hosts
LOGIN = "login.microsoftonline.com"
LAB = AllowedHosts("laboratory", (), lab=True)
READ = 0.2
LIMIT = 5 * READ

USER = "svc-keywatch"
PASSWORD = "hun ter2/but@longer"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (USER, PASSWORD, quote(PASSWORD), quote(PASSWORD, safe=""), BASIC)

HEAD = b"HTTP/1.1 200 OK\r\n"
TRICKLES = {
    "status": (b"HTTP/1.1 200 ", b"a"),
    "header": (HEAD + b"X: ", b"a"),
    "headers": (HEAD, b"A: b\r\n"),
    "length": (HEAD + b"Content-Length: 100000\r\n\r\n", b"a"),
    "chunked": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "chunk header": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "no length": (HEAD + b"Connection: close\r\n\r\n", b"a"),
    "interim": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}
EVERY_TRICKLE = pytest.mark.parametrize("kind", TRICKLES)


def trickling(first: bytes, then: bytes, times: int = 200) -> Callable[[socket.socket], None]:
    """Make a handler that answers with a little at a time, always before a read times out."""

    def handle(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(first)
        for _ in range(times):
            time.sleep(READ / 4)
            connection.sendall(then)

    return handle


def saying(answer: bytes) -> Callable[[socket.socket], None]:
    """Make a handler that says one thing."""

    def handle(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)

    return handle


@contextmanager
def given_up() -> Iterator[None]:
    """Expect an answer to be given up, and in time."""
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="too much, or too slowly") as caught:
        yield
    assert caught.value.perhaps_done
    assert LIMIT / 2 < time.monotonic() - began < LIMIT + 1


@EVERY_TRICKLE
def test_answer_that_trickles_is_given_up(kind: str) -> None:
    """No framing keeps a request waiting for longer than its limit."""
    with Loopback(trickling(*TRICKLES[kind])) as host, requests_session(direct(), LAB) as session, given_up():
        session.get(f"http://127.0.0.1:{host.port}/")


@pytest.mark.parametrize("kind", ["header", "length"])
def test_answer_that_trickles_to_azure_core_is_given_up(kind: str) -> None:
    """What azure-core asks has the same limit."""
    with Loopback(trickling(*TRICKLES[kind])) as host:
        url = f"http://127.0.0.1:{host.port}"
        client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
            url, policies=[], **azure_core_arguments(direct(), LAB)
        )
        with client, given_up():
            client.send_request(HttpRequest("GET", url))


@pytest.mark.parametrize("kind", ["header", "length"])
def test_answer_that_trickles_to_msal_is_given_up(kind: str) -> None:
    """What MSAL asks has the same limit."""
    with Loopback(trickling(*TRICKLES[kind])) as host, given_up():
        EntraHttp(direct(attempts=1), LAB).get(f"http://127.0.0.1:{host.port}/")


@pytest.mark.parametrize("kind", ["status", "header", "headers", "interim"])
def test_headers_of_a_download_that_trickle_are_given_up(kind: str) -> None:
    """A session that downloads does not wait for headers without end either."""
    with (
        Loopback(trickling(*TRICKLES[kind])) as host,
        requests_session(direct(), LAB, largest=None) as session,
        given_up(),
    ):
        session.get(f"http://127.0.0.1:{host.port}/")


def test_download_itself_may_take_its_time() -> None:
    """Once the headers are there, a session that downloads waits for as long as something comes."""
    with (
        Loopback(trickling(*TRICKLES["no length"], 30)) as host,
        requests_session(direct(), LAB, largest=None) as session,
    ):
        began = time.monotonic()
        assert session.get(f"http://127.0.0.1:{host.port}/").content == b"a" * 30

    assert time.monotonic() - began > LIMIT


def test_answer_of_a_proxy_that_trickles_is_given_up() -> None:
    """What a proxy says to CONNECT is bounded like any answer."""
    with Loopback(trickling(HEAD + b"X: ", b"a")) as proxy, given_up():
        ask(f"http://127.0.0.1:{proxy.port}", connect_timeout=READ)


@pytest.mark.parametrize("kind", ["answer to CONNECT", "handshake"])
def test_proxy_by_tls_that_trickles_is_given_up(kind: str) -> None:
    """Neither its own words nor those of a host within its TLS keep a request waiting."""
    ca = trustme.CA()
    context = server_context(ca.issue_cert("127.0.0.1"))

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            if kind == "handshake":
                saying(HEAD + b"\r\n")(secure)
                trickling(b"\x16\x03\x03\x40\x00", b"\x00")(secure)
            else:
                trickling(HEAD + b"X: ", b"a")(secure)

    began = time.monotonic()
    with ca.cert_pem.tempfile() as bundle, Loopback(handle) as proxy, pytest.raises(KeywatchError) as caught:
        raise ask(f"https://127.0.0.1:{proxy.port}", connect_timeout=READ, ca_bundle=bundle)

    assert isinstance(caught.value, UnreachableError)
    assert time.monotonic() - began < LIMIT + 1


def test_proxy_by_tls_is_used_again_and_again(cloud: LocalCloud) -> None:
    """TLS within TLS works as ever, pauses between requests that are longer than a time-out included."""
    ca = trustme.CA()
    with (
        ca.cert_pem.tempfile() as own,
        LoopbackProxy(cloud.proxy_url, context=server_context(ca.issue_cert("127.0.0.1"))) as proxy,
        trustme.Blob(cloud.ca_bundle.read_bytes() + Path(own).read_bytes()).tempfile() as bundle,
    ):
        transport = Transport(ca_bundle=bundle, proxy=proxy.url, no_proxy=(), read_timeout=0.5)
        for largest in (None, 100_000):
            with requests_session(transport, ENTRA, largest=largest) as session:
                for _ in range(2):
                    url = f"https://{LOGIN}/common/discovery/instance?api-version=1.1"
                    assert session.get(url).status_code
                    time.sleep(0.6)

    assert proxy.hosts


def test_slow_answer_within_the_limit_is_read() -> None:
    """An answer may take several read time-outs, and the connection is used again."""

    def handle(connection: socket.socket) -> None:
        for _ in range(2):
            connection.recv(65_536)
            for part in (HEAD, b"Content-Length: 6\r\n", b"\r\n", b"abc", b"def"):
                time.sleep(READ * 0.7)
                connection.sendall(part)

    with Loopback(handle) as host, requests_session(direct(), LAB) as session:
        answers = [session.get(f"http://127.0.0.1:{host.port}/").content for _ in range(2)]

    assert answers == [b"abcdef"] * 2


def test_silence_is_still_a_time_out() -> None:
    """A host that says nothing at all has not answered in time, as before."""
    with (
        silent() as host,
        requests_session(direct(), LAB) as session,
        pytest.raises(requests.exceptions.ReadTimeout),
    ):
        session.get(f"http://127.0.0.1:{host.port}/")


def test_doctor_gives_a_trickling_clock_up() -> None:
    """A step of the doctor ends, too."""
    ca = trustme.CA()
    with ca.cert_pem.tempfile() as bundle:
        context = server_context(ca.issue_cert("localhost"))

        def handle(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as secure:
                trickling(HEAD + b"X: ", b"a")(secure)

        with Loopback(handle) as host, given_up():
            transport = Transport(proxy="direct", ca_bundle=bundle, read_timeout=READ)
            check_clock(Place.of(f"localhost:{host.port}", once(transport)))


def test_all_addresses_together_have_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of many addresses of which none answers costs no more time than one."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.settimeout(0)
            each.connect_ex(address)
        many = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address)] * 5
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: many)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            connected("many.example", 443, Deadline(0.3))
        for each in waiting:
            each.close()

    assert time.monotonic() - began < 1


ECHOES = {
    "header": f"502 Bad Basic {BASIC}",
    "user and password": f"403 {USER} with {PASSWORD} may not",
    "escaped": f"502 {quote(PASSWORD, safe='')} {quote(PASSWORD)} {quote(PASSWORD, safe='').lower()}",
    "terminal": "502 \x1b[2J\x1b]0;x\x07\x9b1mred\rPASSED",
    "long": "502 " + "A b" * 20_000,
    "no TLS": f"502 CERTIFICATE_VERIFY_FAILED {PASSWORD}",
    "no connection": "502 NewConnectionError NameResolutionError",
    "no 407": "502 no route to host-407",
}


@pytest.mark.parametrize("says", ECHOES.values(), ids=ECHOES)
def test_words_of_a_proxy_are_shown_without_secrets(says: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a proxy says is a short part of one line, without its credentials, in message, cause, log and doctor."""
    caplog.set_level(logging.DEBUG)
    with Loopback(saying(f"HTTP/1.1 {says}\r\n\r\n".encode("latin-1"))) as proxy:
        error = ask(with_credentials(proxy))
        results = look(with_credentials(proxy))

    assert type(error) is UnreachableError
    assert f"failed: {says[:3]}" in str(error)
    shown = "".join(traceback.format_exception(error)) + caplog.text
    for text in (shown, repr(results), *(result.finding for result in results)):
        assert not any(secret.lower() in text.lower() for secret in SECRETS)
        assert not any(sign in text for sign in "\x1b\x07\x9b\r")
    assert len(str(error)) < 350
    assert "\n" not in str(error)
    assert all(len(result.finding) < 300 for result in results)


@pytest.mark.parametrize("user", [USER, "Tunnel", "407", "4", "failed"])
def test_status_407_is_told_whatever_the_user_is_called(user: str) -> None:
    """Only the status of the tunnel's answer asks for credentials."""
    with Loopback(saying(b"HTTP/1.1 407 go away\r\n\r\n")) as proxy:
        error = ask(with_credentials(proxy).replace(USER, user))

    assert isinstance(error, ConfigurationError)
    assert "wants credentials" in str(error)


def test_short_user_is_taken_out_as_a_word_alone() -> None:
    """A user of one letter leaves other words as they are."""
    with Loopback(saying(b"HTTP/1.1 502 a bad gateway, not for a\r\n\r\n")) as proxy:
        error = ask(f"http://a:b@127.0.0.1:{proxy.port}")

    assert "502 … bad gateway, not for …" in str(error)


def test_words_that_are_not_http_are_not_shown() -> None:
    """What is no proxy may repeat what it heard as well."""
    with Loopback(saying(f"220 hello {PASSWORD} \x1b[31m {BASIC} CERTIFICATE_VERIFY_FAILED\r\n".encode())) as proxy:
        error = ask(with_credentials(proxy))

    assert type(error) is UnreachableError
    shown = "".join(traceback.format_exception(error))
    assert PASSWORD not in shown
    assert BASIC not in shown


def direct(**values: int) -> Transport:
    """Describe the way to a host on this machine."""
    return Transport(proxy="direct", read_timeout=READ, **values)  # type: ignore[arg-type]


def with_credentials(proxy: Loopback) -> str:
    """Write a proxy's URL with user and password."""
    return f"http://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{proxy.port}"


def ask(proxy: str, **values: float | str) -> KeywatchError:
    """Fail to get to Entra through a proxy, as the clients of the library do."""
    transport = Transport(proxy=proxy, no_proxy=(), read_timeout=READ, **values)  # type: ignore[arg-type]
    with requests_session(transport, ENTRA) as session:
        try:
            session.get(f"https://{LOGIN}/")
        except requests.RequestException as error:
            try:
                raise network_error(error, LOGIN) from error
            except KeywatchError as told:
                return told
    raise AssertionError("it answered")


def look(proxy: str) -> list[Result]:
    """Let the doctor look at the way to Entra through a proxy."""
    place = Place.of(LOGIN, once(Transport(proxy=proxy, no_proxy=(), connect_timeout=2)))
    return list(run(network_steps((place,)).steps))
