"""The proxy itself: tunnels, certificates, and what it will not do."""

from __future__ import annotations

import http.client
import socket
import ssl
from urllib.parse import urlsplit

import pytest
import requests
from botocore.exceptions import ConnectionClosedError, ProxyConnectionError

from localcloud import Fault, FaultKind, LocalCloud
from tests.localcloud.conftest import Aws, Collector


def ask_plainly(cloud: LocalCloud, request: bytes) -> bytes:
    """Send bytes to the proxy and read until it closes the connection."""
    where = urlsplit(cloud.proxy_url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def test_unknown_host_is_refused(cloud: LocalCloud) -> None:
    """A host that is not played gets a 403 that lists those that are."""
    answer = ask_plainly(cloud, b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 403 Forbidden")
    assert b"does not play example.com:443" in answer
    assert b"iam.amazonaws.com" in answer
    assert [(r.method, r.host, r.status) for r in cloud.requests()] == [("CONNECT", "example.com", 403)]


def test_requests_says_so(cloud: LocalCloud) -> None:
    """To requests the refusal is a proxy error that names the status."""
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        requests.get("https://example.com", proxies={"https": cloud.proxy_url}, timeout=10)


@pytest.mark.parametrize(
    "target",
    [
        "iam.amazonaws.com:80",
        "iam.amazonaws.com.evil.example:443",
        "ec2.amazonaws.com:443",
        "s3.eu-west-1.amazonaws.com:443",
        "s3-control.us-east-1.amazonaws.com:443",
        "rolesanywhere.eu-west-1.amazonaws.com:443",
    ],
)
def test_near_misses_are_refused(cloud: LocalCloud, target: str) -> None:
    """Other ports, and hosts that only look like one, are refused."""
    assert ask_plainly(cloud, f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).startswith(b"HTTP/1.1 403")


def test_workspace_that_does_not_exist_does_not_resolve(cloud: LocalCloud) -> None:
    """A workspace's host that there is none of fails as a name that does not resolve."""
    host = "00000000-0000-0000-0000-000000000000.ods.opinsights.azure.com"
    answer = ask_plainly(cloud, f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 502")
    assert b"does not resolve" in answer


def test_plain_http_is_refused(cloud: LocalCloud) -> None:
    """The proxy forwards nothing that is not in a tunnel."""
    answer = ask_plainly(cloud, b"GET http://iam.amazonaws.com/ HTTP/1.1\r\nHost: iam.amazonaws.com\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 403")
    assert b"Only CONNECT" in answer


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x00\x00\r\n\r\n", b"HELLO\r\n\r\n", b"CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n"]
)
def test_noise_is_a_bad_request(cloud: LocalCloud, noise: bytes) -> None:
    """What is not HTTP, or names no host and port, is a 400."""
    assert ask_plainly(cloud, noise).startswith(b"HTTP/1.1 400")


def test_host_names_have_no_case(cloud: LocalCloud, collector: Collector) -> None:
    """A host may be written in capitals."""
    response = collector.session.get("https://IAM.AmazonAWS.com/", timeout=10)

    assert response.status_code == 400
    assert "InvalidAction" in response.text
    assert cloud.requests()[0].host == "iam.amazonaws.com"


def test_one_connection_serves_many_requests(cloud: LocalCloud, collector: Collector) -> None:
    """A connection stays open between requests."""
    collector.send([{"x": 1}])
    collector.send([{"x": 2}])
    managers = collector.session.get_adapter("https://").proxy_manager  # type: ignore[attr-defined]
    (pools,) = [manager.pools for manager in managers.values()]
    (key,) = pools.keys()

    assert (pools[key].num_connections, pools[key].num_requests) == (1, 2)
    assert len(cloud.rows("Test_CL")) == 2


def test_expired_certificate_is_refused(cloud: LocalCloud, collector: Collector) -> None:
    """A host can be made to present an expired certificate, for one connection."""
    cloud.inject(Fault(FaultKind.TLS_EXPIRED, host=".opinsights.azure.com"))

    with pytest.raises(requests.exceptions.SSLError, match="expired"):
        collector.send([{"x": 1}])
    assert collector.send([{"x": 1}]).status_code == 200


def test_untrusted_certificate_is_refused(cloud: LocalCloud, collector: Collector) -> None:
    """A host can be made to present a certificate of an unknown CA, and other hosts do not."""
    cloud.inject(Fault(FaultKind.TLS_UNTRUSTED, host="iam.amazonaws.com"))

    assert collector.send([{"x": 1}]).status_code == 200
    with pytest.raises(requests.exceptions.SSLError, match="certificate verify failed"):
        collector.session.get("https://iam.amazonaws.com/", timeout=10)
    assert [each.fault for each in cloud.requests(method="CONNECT")] == ["tls_untrusted"]


def test_without_the_ca_nothing_is_trusted(collector: Collector) -> None:
    """Who does not trust the cloud's CA cannot talk to it."""
    collector.session.verify = True

    with pytest.raises(requests.exceptions.SSLError):
        collector.send([{"x": 1}])


def tunnel(cloud: LocalCloud, host: str, context: ssl.SSLContext) -> http.client.HTTPSConnection:
    """Open a tunnel with the standard library."""
    where = urlsplit(cloud.proxy_url)
    connection = http.client.HTTPSConnection(where.hostname or "", where.port, context=context, timeout=10)
    connection.set_tunnel(host, 443)
    return connection


def test_old_tls_is_refused(cloud: LocalCloud) -> None:
    """TLS 1.1 is not spoken."""
    context = ssl.create_default_context(cafile=str(cloud.ca_bundle))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    connection = tunnel(cloud, "iam.amazonaws.com", context)

    with pytest.raises((ssl.SSLError, ConnectionError)):
        connection.request("GET", "/")
    connection.close()


def test_strict_verification_passes(cloud: LocalCloud) -> None:
    """The certificates stand RFC 5280's strict checks, which newer Pythons make by default."""
    context = ssl.create_default_context(cafile=str(cloud.ca_bundle))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    connection = tunnel(cloud, "sts.amazonaws.com", context)
    connection.request("GET", "/")

    assert connection.getresponse().status == 400
    connection.close()


def test_host_header_must_be_the_tunnels(cloud: LocalCloud) -> None:
    """A request for another host than the tunnel's is misdirected."""
    connection = tunnel(cloud, "iam.amazonaws.com", ssl.create_default_context(cafile=str(cloud.ca_bundle)))
    connection.request("GET", "/", headers={"Host": "sts.amazonaws.com"})

    assert connection.getresponse().status == 421
    connection.close()


def test_expectation_is_met(cloud: LocalCloud) -> None:
    """A client that waits for 100 Continue gets it."""
    connection = tunnel(cloud, "iam.amazonaws.com", ssl.create_default_context(cafile=str(cloud.ca_bundle)))
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", "4")
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert isinstance(connection.sock, ssl.SSLSocket)
    assert connection.sock.recv(1000).startswith(b"HTTP/1.1 100")
    connection.send(b"a=b&")

    assert connection.getresponse().status == 400
    connection.close()


def test_iam_connection_can_be_dropped(cloud: LocalCloud, aws: Aws) -> None:
    """A dropped connection is a connection error to boto3."""
    cloud.inject(Fault(FaultKind.DROP_BEFORE, action="ListUsers"))

    with pytest.raises((ConnectionClosedError, ProxyConnectionError)):
        aws.client("iam").list_users()
