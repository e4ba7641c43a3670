"""The gateway: names below keywatch.example that lead to a port of loopback."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
import requests

from localcloud import Fault, FaultKind, LocalCloud, LocalCloudError
from localcloud.identity_model import API_HOST, WEB_HOST
from tests.localcloud.identity import session_of
from tests.localcloud.test_proxy import ask_plainly

URL = f"https://{WEB_HOST}/a/path?x=1"


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what was asked, and asks the local cloud something itself first."""

    protocol_version = "HTTP/1.1"
    cloud: LocalCloud

    def do_POST(self) -> None:
        """Answer with the request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with session_of(self.cloud) as session:
            authority = f"{self.cloud.identity.b2c.authority}/B2C_1_signupsignin1"
            found = session.get(f"{authority}/v2.0/.well-known/openid-configuration", timeout=30)
        answer = f"{self.path} {self.headers['Host']} {found.status_code} ".encode() + body
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@pytest.fixture
def port(cloud: LocalCloud) -> Iterator[int]:
    """Serve plain HTTP on a port of loopback."""
    handler = type("Handler", (Echo,), {"cloud": cloud})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def session(cloud: LocalCloud) -> Iterator[requests.Session]:
    """Give a session through the proxy."""
    with session_of(cloud) as session:
        yield session


def test_gateway_relays_what_is_served_behind_it(cloud: LocalCloud, port: int, session: requests.Session) -> None:
    """A request comes through whole, over TLS to the gateway, while the server behind asks the local cloud itself."""
    cloud.serve_at(WEB_HOST, port)
    body = b"x" * 3_000_000
    answers = [session.post(URL, data=data, timeout=30).content for data in (b"one", body)]
    cloud.serve_no_longer(WEB_HOST)

    assert answers == [f"/a/path?x=1 {WEB_HOST} 200 ".encode() + each for each in (b"one", body)]


def test_reset_leaves_what_is_served(cloud: LocalCloud, port: int, session: requests.Session) -> None:
    """A reset changes no address."""
    cloud.serve_at(API_HOST.upper(), port)
    cloud.reset()
    answer = session.post(f"https://{API_HOST}/", data=b"still", timeout=30)
    cloud.serve_no_longer(API_HOST)

    assert answer.content.endswith(b"still")


def test_name_that_leads_nowhere_is_a_bad_gateway(cloud: LocalCloud, session: requests.Session) -> None:
    """A name that nothing is served at gets 502 for the tunnel, and a port that refuses gets 502 inside."""
    outside = ask_plainly(cloud, f"CONNECT {WEB_HOST}:443 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    cloud.serve_at(WEB_HOST, 1)
    inside = session.get(URL, timeout=30)
    cloud.serve_no_longer(WEB_HOST)

    assert outside.startswith(b"HTTP/1.1 502")
    assert b"serve_at says where" in outside
    assert (inside.status_code, inside.text[:4]) == (502, "502:")


def test_other_ports_are_not_relayed(cloud: LocalCloud) -> None:
    """The gateway is at port 443 alone."""
    answer = ask_plainly(cloud, f"CONNECT {WEB_HOST}:8443 HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 403")


def test_only_free_names_are_served(cloud: LocalCloud) -> None:
    """A name of a service, one elsewhere, and a port that is none are refused in words that help."""
    for host, port, words in (
        ("sso.keywatch.example", 80, "below keywatch.example"),
        ("keys.evil.example", 80, "below keywatch.example"),
        (WEB_HOST, 0, "from 1 to 65535"),
    ):
        with pytest.raises(LocalCloudError, match=words):
            cloud.serve_at(host, port)
    with pytest.raises(LocalCloudError, match="is not served"):
        cloud.serve_no_longer(WEB_HOST)


def test_faults_hit_the_gateway(cloud: LocalCloud, port: int, session: requests.Session) -> None:
    """A host behind the gateway can refuse connections, and show a certificate that nobody trusts."""
    cloud.serve_at(WEB_HOST, port)
    cloud.inject(Fault(FaultKind.REFUSE, host=WEB_HOST))
    with pytest.raises(requests.exceptions.ProxyError, match="503"):
        session.post(URL, data=b"x", timeout=30)
    cloud.inject(Fault(FaultKind.TLS_UNTRUSTED, host=WEB_HOST))
    with pytest.raises(requests.exceptions.SSLError):
        session.post(URL, data=b"x", timeout=30)
    cloud.serve_no_longer(WEB_HOST)
