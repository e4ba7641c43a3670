"""Certificates that are not trusted: whose they are, and what to add where, whichever SDK met them."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import boto3
import pytest
import requests
import trustme
from azure.core import PipelineClient
from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest, HttpResponse
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from keywatch.access_keys.accounts import caller_account
from keywatch.credentials.entra_http import EntraHttp
from keywatch.errors import KeywatchError, TlsError, UnreachableError
from keywatch.transport import AWS_HOSTS, AZURE_CLOUDS, AllowedHosts, Transport
from keywatch.transport.aws import aws_client
from keywatch.transport.azure_core import azure_core_error
from keywatch.transport.http import azure_core_arguments, network_error, requests_session
from keywatch.transport.presented import PresentedCertificate, authority_of, presented_chain
from keywatch.transport.tunnel import TunnelRefusedError
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.loopback import LoopbackProxy, TlsHost, self_signed_context, server_context, silent
from tests.keywatch.reach import transport_to

ENTRA = AZURE_CLOUDS["AzureCloud"].authority_hosts
LOGIN = "login.microsoftonline.com"
PASSWORD = "hunter2-but-longer"
BASIC = f"Basic {base64.b64encode(f'me:{PASSWORD}'.encode()).decode()}"

Ask: TypeAlias = Callable[[LocalCloud, Transport], KeywatchError]


def with_requests(cloud: LocalCloud, transport: Transport) -> KeywatchError:
    """Fail as a client of ours does."""
    del cloud
    return failure(transport, f"https://{LOGIN}/", ENTRA)


def with_msal(cloud: LocalCloud, transport: Transport) -> KeywatchError:
    """Fail as MSAL's HTTP client does."""
    del cloud
    with pytest.raises(KeywatchError) as caught:
        EntraHttp(transport, ENTRA).get(f"https://{LOGIN}/tenant/v2.0/.well-known/openid-configuration")
    return caught.value


def with_azure_core(cloud: LocalCloud, transport: Transport) -> KeywatchError:
    """Fail as an Azure SDK does."""
    del cloud
    url = f"https://{LOGIN}"
    pipeline: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
        url, policies=[], **azure_core_arguments(transport, ENTRA)
    )
    with pipeline, pytest.raises(AzureError) as caught:
        pipeline.send_request(HttpRequest("GET", url))
    return azure_core_error(caught.value, LOGIN)


def with_boto3(cloud: LocalCloud, transport: Transport) -> KeywatchError:
    """Fail as a client of botocore does, which tries three times."""
    session = boto3.Session(cloud.aws.access_key_id, cloud.aws.secret_access_key, region_name="us-east-1")
    patient = Config(retries={"mode": "standard", "total_max_attempts": 2})
    with pytest.raises(KeywatchError) as caught:
        caller_account(aws_client(session, "sts", transport, AWS_HOSTS, config=patient))
    return caught.value


EVERY_SDK = pytest.mark.parametrize("ask", [with_requests, with_msal, with_azure_core, with_boto3])


def failure(transport: Transport, url: str, hosts: AllowedHosts) -> KeywatchError:
    """Give the library's error for a request that fails on its way."""
    with requests_session(transport, hosts) as session, pytest.raises(requests.RequestException) as caught:
        session.get(url)
    return network_error(caught.value, url.split("/")[2])


def refused_by(host: TlsHost, ca: trustme.CA, tmp_path: Path, seconds: float = 5) -> KeywatchError:
    """Ask a host directly, and give the library's error."""
    bundle = tmp_path / "trusted.pem"
    ca.cert_pem.write_to_path(str(bundle))
    place = f"localhost:{host.port}"
    transport = Transport(ca_bundle=str(bundle), proxy="direct", connect_timeout=seconds)
    return failure(transport, f"https://{place}/", AllowedHosts("test", (place,)))


@EVERY_SDK
def test_error_names_issuer_and_remedy(ask: Ask, cloud: LocalCloud) -> None:
    """Of a certificate that a stranger issued, every SDK's error names subject, issuer, and where to add the latter."""
    cloud.inject(Fault(FaultKind.TLS_UNTRUSTED, count=None))

    error = ask(cloud, transport_to(cloud))

    assert isinstance(error, TlsError)
    assert "O=trustme" in str(error)
    assert "issued by OU=Testing CA" in str(error)
    assert "O=Unknown to everybody" in str(error)
    assert "extra_ca_bundle" in str(error)


@EVERY_SDK
def test_failure_is_looked_into_once(ask: Ask, cloud: LocalCloud) -> None:
    """However often an SDK tries, one more connection is made to see the certificates, and nothing is sent over it."""
    cloud.inject(Fault(FaultKind.TLS_UNTRUSTED, count=None))

    ask(cloud, transport_to(cloud))

    tries = 2 if ask is with_boto3 else 1
    assert ["CONNECT"] * (tries + 1) == [request.method for request in cloud.requests()]


@EVERY_SDK
def test_error_of_an_expired_certificate_points_at_owner_and_clock(ask: Ask, cloud: LocalCloud) -> None:
    """Nothing is to be added for a certificate that has expired: its owner renews it, or the clock is wrong."""
    cloud.inject(Fault(FaultKind.TLS_EXPIRED, count=None))

    error = str(ask(cloud, transport_to(cloud)))

    assert "certificate has expired" in error
    assert f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}" in error
    assert "NTP" in error
    assert "ca_bundle" not in error


def test_error_of_a_certificate_from_the_future_points_at_the_clock(tmp_path: Path) -> None:
    """A certificate that is not valid yet means, most likely, that this machine's clock is behind."""
    ca = trustme.CA()
    leaf = ca.issue_cert("localhost", not_before=datetime.now(UTC) + timedelta(days=2))

    with TlsHost(server_context(leaf)) as host:
        error = str(refused_by(host, ca, tmp_path))

    assert "not yet valid" in error
    assert "set the clock by NTP" in error


def test_error_of_another_hosts_certificate_names_its_names(tmp_path: Path) -> None:
    """A certificate for other names says which, and who may answer in the host's place."""
    ca = trustme.CA()

    with TlsHost(server_context(ca.issue_cert("portal.corp.example", "10.1.2.3"))) as host:
        error = str(refused_by(host, ca, tmp_path))

    assert "It is for portal.corp.example, 10.1.2.3 and not for localhost" in error
    assert "transport.proxy" in error


def test_error_of_a_self_signed_certificate_says_so(tmp_path: Path) -> None:
    """A certificate that issued itself would have to be added itself."""
    with TlsHost(self_signed_context("localhost", tmp_path)) as host:
        error = str(refused_by(host, trustme.CA(), tmp_path))

    assert "It is of CN=localhost, issued by CN=localhost" in error
    assert "the certificate itself, which is self-signed (SHA-256 " in error


def test_error_gives_the_fingerprint_of_an_authority_that_is_presented(tmp_path: Path) -> None:
    """An inspecting proxy that shows its own authority is told by that authority's fingerprint."""
    mitm = trustme.CA(organization_name="mitmproxy", organization_unit_name="mitmproxy")
    context = server_context(mitm.issue_cert("localhost"), mitm.cert_pem.bytes())

    with TlsHost(context) as host:
        error = str(refused_by(host, trustme.CA(), tmp_path))
        chain = presented_chain("localhost", host.port, Transport(proxy="direct"))

    own = authority_of(chain).certificate
    assert own is not None
    assert (own.subject, own.is_ca, own.self_signed) == ("OU=mitmproxy,O=mitmproxy", True, True)
    assert own.pem.encode() == mitm.cert_pem.bytes()
    assert f"add that certificate authority (SHA-256 {own.sha256}) as transport.extra_ca_bundle" in error
    assert "transport.ca_bundle on the connection replaces them" in error


def test_look_at_the_certificates_sends_nothing(tmp_path: Path) -> None:
    """The host that is looked at hears the handshake and no byte more."""
    with TlsHost(server_context(trustme.CA().issue_cert("localhost"))) as host:
        refused_by(host, trustme.CA(), tmp_path)
        assert host.connections == 2
        time.sleep(0.1)

    assert b"".join(host.heard) == b""


@pytest.mark.parametrize("then", ["closes", "is silent"])
def test_look_that_fails_does_not_hide_the_first_error(tmp_path: Path, then: str) -> None:
    """When the certificates cannot be seen, soon or at all, the error still says what OpenSSL said, and what to do."""
    over = threading.Event()

    def second(_: socket.socket) -> None:
        if then == "is silent":
            over.wait(20)

    with TlsHost(server_context(trustme.CA().issue_cert("localhost")), then=second) as host:
        began = time.monotonic()
        error = refused_by(host, trustme.CA(), tmp_path, seconds=0.5)
    over.set()

    assert isinstance(error, TlsError)
    assert "unable to get local issuer certificate" in str(error)
    assert "extra_ca_bundle" in str(error)
    assert time.monotonic() - began < 3


def test_look_goes_through_a_proxy_that_wants_credentials(cloud: LocalCloud) -> None:
    """The certificates are seen by the way of the request, credentials of the proxy included, which no text shows."""
    cloud.inject(Fault(FaultKind.TLS_UNTRUSTED, count=None))

    with LoopbackProxy(cloud.proxy_url, authorization=BASIC) as proxy:
        way = proxy.url.replace("//", f"//me:{PASSWORD}@")
        error = failure(Transport(ca_bundle=str(cloud.ca_bundle), proxy=way, no_proxy=()), f"https://{LOGIN}/", ENTRA)

    assert proxy.hosts == [LOGIN] * 2
    assert "O=Unknown to everybody" in str(error)
    assert PASSWORD not in repr(error)


def test_look_goes_through_a_proxy_by_tls(cloud: LocalCloud, tmp_path: Path) -> None:
    """A proxy that is spoken to by TLS is no obstacle."""
    bundle, context = tls_proxy(cloud, tmp_path)

    with LoopbackProxy(cloud.proxy_url, authorization=BASIC, context=context) as proxy:
        way = Transport(ca_bundle=str(bundle), proxy=proxy.url.replace("//", f"//me:{PASSWORD}@"), no_proxy=())
        chain = presented_chain(LOGIN, 443, way)

    assert chain[0].names == (LOGIN,)


def test_error_of_a_proxys_own_certificate_is_about_the_proxy(cloud: LocalCloud, tmp_path: Path) -> None:
    """A proxy by TLS that is not trusted is told from the host behind it, and gets no credentials."""
    _, context = tls_proxy(cloud, tmp_path)

    with LoopbackProxy(cloud.proxy_url, context=context) as proxy:
        way = Transport(ca_bundle=str(cloud.ca_bundle), proxy=proxy.url.replace("//", f"//me:{PASSWORD}@"), no_proxy=())
        error = failure(way, f"https://{LOGIN}/", ENTRA)

    assert isinstance(error, TlsError)
    assert f"of the proxy on the way to {LOGIN} is not trusted" in str(error)
    assert "issued by OU=Proxy CA" in str(error)
    assert proxy.hosts == []


def tls_proxy(cloud: LocalCloud, tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a proxy's certificate, and a bundle that trusts it beside the local cloud."""
    ca = trustme.CA(organization_name="Proxy", organization_unit_name="Proxy CA")
    bundle = tmp_path / "both.pem"
    bundle.write_bytes(cloud.ca_bundle.read_bytes() + ca.cert_pem.bytes())
    return bundle, server_context(ca.issue_cert("127.0.0.1"))


def test_chain_is_not_looked_at_behind_a_proxy_that_refuses(cloud: LocalCloud) -> None:
    """A tunnel that is not granted is told with its status."""
    with LoopbackProxy(cloud.proxy_url, answers={LOGIN: "403 Forbidden"}) as proxy:
        transport = Transport(proxy=proxy.url, no_proxy=())
        with pytest.raises(TunnelRefusedError, match="HTTP 403 Forbidden") as caught:
            presented_chain(LOGIN, 443, transport)

    assert caught.value.status == 403


def test_chain_of_a_host_that_is_silent_is_given_up_in_time() -> None:
    """A host that says nothing costs no more than the transport's time for a connection."""
    began = time.monotonic()

    with silent() as host, pytest.raises(TimeoutError):
        presented_chain("localhost", host.port, Transport(proxy="direct", connect_timeout=0.3))

    assert time.monotonic() - began < 2


def test_other_failures_of_tls_are_no_matter_of_trust(cloud: LocalCloud) -> None:
    """A host that breaks off the handshake is unreachable for now, and nobody is told to add an authority."""
    del cloud
    with silent() as host:
        place = f"localhost:{host.port}"
        transport = Transport(proxy="direct", connect_timeout=1, read_timeout=0.3)
        error = failure(transport, f"https://{place}/", AllowedHosts("test", (place,)))

    assert isinstance(error, UnreachableError)


X400_NAME = bytes.fromhex("3004a3023000")
"""A SubjectAltName of a kind that cryptography does not read."""


def odd(*extensions: x509.ExtensionType) -> bytes:
    """Make a certificate, DER, with extensions that nobody needs."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odd")])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


def unknown(oid: str, value: bytes = b"\x05\x00") -> x509.UnrecognizedExtension:
    """Make an extension of any kind."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)


@pytest.mark.parametrize(
    "der",
    [
        odd(unknown("1.2.3.4"), unknown("1.2.3.5")).replace(bytes.fromhex("06032a0305"), bytes.fromhex("06032a0304")),
        odd(unknown("2.5.29.17", X400_NAME)),
        odd(unknown("2.5.29.17", b"\xff")),
        odd(unknown("2.5.29.19", b"\xff")),
    ],
    ids=["twice the same extension", "names of an odd kind", "no names", "no constraints"],
)
def test_odd_certificate_is_shown_as_far_as_it_can_be_read(der: bytes) -> None:
    """What of a certificate cannot be read is unknown, and the rest is told."""
    certificate = PresentedCertificate.of(der)

    assert (certificate.subject, certificate.names, certificate.is_ca) == ("CN=odd", (), False)


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"nonsense"])
def test_what_is_no_certificate_is_a_value_error(der: bytes) -> None:
    """Callers have one error to expect."""
    with pytest.raises(ValueError, match=r".+"):
        PresentedCertificate.of(der)


def test_names_of_a_certificate_are_bounded_and_counted(tmp_path: Path) -> None:
    """Of thousands of names the first are shown, and how many there are."""
    ca = trustme.CA()
    names = [f"h{number}.example" for number in range(300)]

    with TlsHost(server_context(ca.issue_cert(*names))) as host:
        error = str(refused_by(host, ca, tmp_path))
        chain = presented_chain("localhost", host.port, Transport(proxy="direct"))

    assert (len(chain[0].names), chain[0].name_count) == (20, 300)
    assert "h4.example and 295 others and not for localhost" in error


def test_chain_is_bounded() -> None:
    """Of a chain without end the first certificates are shown."""
    more = [trustme.CA().cert_pem.bytes() for _ in range(20)]

    with TlsHost(server_context(trustme.CA().issue_cert("localhost"), *more)) as host:
        chain = presented_chain("localhost", host.port, Transport(proxy="direct"))

    assert len(chain) == 10
