"""requests, MSAL, azure-core and botocore obey one transport alike, whatever the environment says."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import boto3
import botocore.exceptions
import msal
import pytest
import requests
from azure.core import PipelineClient
from azure.core.exceptions import ServiceRequestError
from azure.core.rest import HttpRequest, HttpResponse
from botocore.config import Config

from keywatch.errors import HostNotAllowedError, TlsError, UnreachableError
from keywatch.transport import AWS_HOSTS, AllowedHosts, Transport
from keywatch.transport.aws import aws_client
from keywatch.transport.http import azure_core_arguments, network_error, requests_session
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.reach import AZURE_HOSTS, transport_to
from tests.keywatch.transport.old_proxy import OldProxy, only

CLOSED = "http://127.0.0.1:9"
"""A proxy at which nobody listens."""

Ask: TypeAlias = Callable[[LocalCloud, Transport], None]


def ask_with_requests(cloud: LocalCloud, transport: Transport) -> None:
    """Ask the workspace for a page that it does not have."""
    with requests_session(transport, AZURE_HOSTS) as session:
        assert session.get(f"https://{cloud.workspace.host}/").status_code == 404


def ask_with_msal(cloud: LocalCloud, transport: Transport) -> None:
    """Let MSAL discover a tenant where there is none."""
    with requests_session(transport, AZURE_HOSTS) as session, pytest.raises(ValueError, match="authority"):
        msal.ConfidentialClientApplication(
            "client",
            client_credential="secret",
            authority=f"https://{cloud.workspace.host}/tenant",
            instance_discovery=False,
            http_client=session,
        ).acquire_token_for_client(["scope"])


def ask_with_azure_core(cloud: LocalCloud, transport: Transport) -> None:
    """Ask through a bare azure-core pipeline."""
    url = f"https://{cloud.workspace.host}"
    pipeline: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
        url, policies=[], **azure_core_arguments(transport, AZURE_HOSTS)
    )
    with pipeline:
        assert pipeline.send_request(HttpRequest("GET", f"{url}/")).status_code == 404


def ask_with_boto3(cloud: LocalCloud, transport: Transport) -> None:
    """Ask STS who the auditor is."""
    session = boto3.Session(cloud.aws.access_key_id, cloud.aws.secret_access_key, region_name="us-east-1")
    once = Config(retries={"total_max_attempts": 1})
    sts = aws_client(session, "sts", transport, AWS_HOSTS, config=once)
    assert sts.get_caller_identity()["Account"] == cloud.aws.account_id


EVERY_SDK = pytest.mark.parametrize("ask", [ask_with_requests, ask_with_msal, ask_with_azure_core, ask_with_boto3])
TLS_ERRORS = (requests.exceptions.SSLError, ServiceRequestError, botocore.exceptions.SSLError)


@pytest.fixture
def misleading(monkeypatch: pytest.MonkeyPatch, stranger_ca: Path) -> None:
    """Set an environment in which every SDK, left alone, would go wrong."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(stranger_ca))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, CLOSED)
    monkeypatch.setenv("NO_PROXY", "*")


@EVERY_SDK
@pytest.mark.usefixtures("misleading")
def test_transport_beats_the_environment(ask: Ask, cloud: LocalCloud) -> None:
    """With the environment pointing elsewhere, every SDK still reaches the host that the transport leads to."""
    ask(cloud, transport_to(cloud))

    assert len(cloud.requests(method="GET")) + len(cloud.requests(action="GetCallerIdentity")) >= 1


@pytest.mark.usefixtures("misleading")
def test_environment_would_beat_a_plain_session(cloud: LocalCloud) -> None:
    """The test above means something: a session's own `verify` loses to REQUESTS_CA_BUNDLE."""
    proxies = {"https": cloud.proxy_url}
    with requests.Session() as session:
        session.verify = str(cloud.ca_bundle)
        with pytest.raises(requests.exceptions.SSLError):
            session.get(f"https://{cloud.workspace.host}/", proxies=proxies, timeout=10)


@EVERY_SDK
def test_transport_left_open_follows_the_environment(
    ask: Ask, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing on the connection, every SDK takes proxy and authority from the same variables."""
    monkeypatch.setenv("HTTPS_PROXY", cloud.proxy_url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cloud.ca_bundle))

    ask(cloud, Transport())

    assert cloud.requests()


@EVERY_SDK
@pytest.mark.parametrize("kind", [FaultKind.TLS_EXPIRED, FaultKind.TLS_UNTRUSTED])
def test_certificate_that_is_not_trusted_is_refused(ask: Ask, kind: FaultKind, cloud: LocalCloud) -> None:
    """No SDK talks to a host whose certificate has expired or comes from a stranger."""
    cloud.inject(Fault(kind, count=None))

    with pytest.raises(TLS_ERRORS, match="CERTIFICATE_VERIFY_FAILED"):
        ask(cloud, transport_to(cloud))

    assert {"CONNECT"} == {request.method for request in cloud.requests()}


@EVERY_SDK
def test_authority_of_a_stranger_is_no_authority(ask: Ask, cloud: LocalCloud, stranger_ca: Path) -> None:
    """Only the transport's own bundle is trusted."""
    transport = Transport(ca_bundle=str(stranger_ca), proxy=cloud.proxy_url, no_proxy=())

    with pytest.raises(TLS_ERRORS, match="CERTIFICATE_VERIFY_FAILED"):
        ask(cloud, transport)


@EVERY_SDK
@pytest.mark.usefixtures("misleading")
def test_authority_is_added_to_the_public_ones(ask: Ask, cloud: LocalCloud) -> None:
    """A proxy's authority that the transport adds is trusted by every SDK, whatever the environment says."""
    transport = Transport(extra_ca_bundle=str(cloud.ca_bundle), proxy=cloud.proxy_url, no_proxy=())

    ask(cloud, transport)

    assert cloud.requests()


@EVERY_SDK
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2])
def test_tls_is_1_2_at_least(ask: Ask, version: ssl.TLSVersion, cloud: LocalCloud, tmp_path: Path) -> None:
    """No SDK falls back to an old version that a host offers; all of them speak 1.2 to it."""
    with OldProxy(version, tmp_path / "ca.pem") as proxy:
        transport = Transport(ca_bundle=str(proxy.ca_bundle), proxy=proxy.url, no_proxy=(), attempts=1)
        with pytest.raises(Exception) as caught:  # noqa: PT011 - each SDK has its own, and none gets a real answer
            ask(cloud, transport)

    assert set(proxy.spoken) == ({"TLSv1.2"} if version is ssl.TLSVersion.TLSv1_2 else set()), caught.value


def test_old_proxy_speaks_the_old_version(tmp_path: Path) -> None:
    """The test above means something: a client that wants TLS 1.1 gets it."""
    old = ssl.TLSVersion.TLSv1_1
    with OldProxy(old, tmp_path / "ca.pem") as proxy:
        context = only(old, ssl.create_default_context(cafile=str(proxy.ca_bundle)))
        with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), 5) as connection:
            connection.sendall(b"CONNECT iam.amazonaws.com:443 HTTP/1.1\r\n\r\n")
            connection.recv(1024)
            with context.wrap_socket(connection, server_hostname="iam.amazonaws.com") as inside:
                assert inside.version() == "TLSv1.1"


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "http://{host}/", "https://evil.example\\@{host}/", "https://{host}@evil.example/"]
)
def test_session_refuses_a_host_outside_the_cloud_before_sending(url: str, cloud: LocalCloud) -> None:
    """A request that would leave the cloud does not leave the machine."""
    with requests_session(transport_to(cloud), AZURE_HOSTS) as session, pytest.raises(HostNotAllowedError):
        session.post(url.format(host=cloud.workspace.host), data=b"signed")

    assert cloud.requests() == []


def test_session_refuses_a_redirect_out_of_the_cloud(cloud: LocalCloud) -> None:
    """A redirect cannot lead a request out of the cloud."""

    def redirect(response: requests.Response, **_: object) -> None:
        response.status_code = 307
        response.headers["Location"] = "https://evil.example/"

    with requests_session(transport_to(cloud), AZURE_HOSTS) as session:
        session.hooks["response"].append(redirect)
        with pytest.raises(HostNotAllowedError, match=r"evil\.example"):
            session.post(f"https://{cloud.workspace.host}/", data=b"signed")

    assert [cloud.workspace.host] == [request.host for request in cloud.requests()]


def test_azure_core_refuses_a_host_outside_the_cloud(cloud: LocalCloud) -> None:
    """An azure-core client is held to the cloud's hosts too."""
    pipeline: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
        "https://evil.example", policies=[], **azure_core_arguments(transport_to(cloud), AZURE_HOSTS)
    )
    with pipeline, pytest.raises(HostNotAllowedError):
        pipeline.send_request(HttpRequest("GET", "https://evil.example/"))

    assert cloud.requests() == []


@pytest.mark.parametrize("endpoint", ["https://evil.example", "http://sts.amazonaws.com", "https://[::1]"])
def test_aws_client_refuses_an_endpoint_outside_the_cloud(
    endpoint: str, cloud: LocalCloud, auditor_session: boto3.Session
) -> None:
    """A botocore client of another endpoint is not even made."""
    with pytest.raises(HostNotAllowedError):
        aws_client(auditor_session, "sts", transport_to(cloud), AWS_HOSTS, endpoint_url=endpoint)

    assert cloud.requests() == []


def test_aws_client_goes_direct_where_no_proxy_says_so(auditor_session: boto3.Session) -> None:
    """Botocore has no `no_proxy` of its own; the client's endpoint decides."""
    transport = Transport(proxy=CLOSED, no_proxy=(".amazonaws.com",))
    proxied = Transport(proxy=CLOSED, no_proxy=("sts.example",))

    assert aws_client(auditor_session, "sts", transport, AWS_HOSTS).meta.config.proxies == {}
    assert aws_client(auditor_session, "sts", proxied, AWS_HOSTS).meta.config.proxies == {
        "http": CLOSED,
        "https": CLOSED,
    }


def test_aws_client_direct_ignores_the_environment(
    auditor_session: boto3.Session, monkeypatch: pytest.MonkeyPatch, cloud: LocalCloud
) -> None:
    """`direct` keeps botocore from the proxy of the environment."""
    monkeypatch.setenv("HTTPS_PROXY", cloud.proxy_url)
    once = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    sts = aws_client(auditor_session, "sts", Transport(proxy="direct", connect_timeout=1), AWS_HOSTS, config=once)

    with pytest.raises(Exception, match=r"sts\."):
        sts.get_caller_identity()

    assert cloud.requests() == []


def failure(transport: Transport, url: str, hosts: AllowedHosts = AZURE_HOSTS) -> Exception:
    """Give the library's error for a request that fails on its way."""
    with requests_session(transport, hosts) as session, pytest.raises(requests.RequestException) as caught:
        session.get(url)
    return network_error(caught.value, url.split("/")[2])


def test_network_error_of_a_proxy_that_is_not_there_hides_its_password(cloud: LocalCloud) -> None:
    """A proxy that nobody listens at is unreachable for now, and the message keeps its password."""
    transport = Transport(proxy="http://me:hunter2@127.0.0.1:9", no_proxy=())

    error = failure(transport, f"https://{cloud.workspace.host}/")

    assert isinstance(error, UnreachableError)
    assert not error.perhaps_done
    assert "hunter2" not in str(error)
    assert "transport.proxy" in str(error)


def test_network_error_of_a_host_that_the_proxy_refuses(cloud: LocalCloud) -> None:
    """A tunnel that the proxy refuses was certainly not taken."""
    hosts = AllowedHosts("test", (".example",))

    error = failure(transport_to(cloud), "https://nobody.example/", hosts)

    assert isinstance(error, UnreachableError)
    assert not error.perhaps_done
    assert "The proxy did not connect to nobody.example" in str(error)


def test_network_error_of_an_answer_that_is_late(cloud: LocalCloud) -> None:
    """A request without an answer in time may have taken effect."""
    cloud.inject(Fault(FaultKind.DELAY, seconds=0.5))

    error = failure(transport_to(cloud, read_timeout=0.1), f"https://{cloud.workspace.host}/")

    assert isinstance(error, UnreachableError)
    assert error.perhaps_done


def test_network_error_of_a_connection_that_breaks(cloud: LocalCloud) -> None:
    """A request whose connection breaks may have taken effect."""
    cloud.inject(Fault(FaultKind.DROP_BEFORE))

    error = failure(transport_to(cloud), f"https://{cloud.workspace.host}/")

    assert isinstance(error, UnreachableError)
    assert error.perhaps_done


def test_network_error_of_a_certificate_says_what_to_do(cloud: LocalCloud) -> None:
    """A certificate that is not trusted is permanent, and the message names the setting."""
    cloud.inject(Fault(FaultKind.TLS_UNTRUSTED))

    error = failure(transport_to(cloud), f"https://{cloud.workspace.host}/")

    assert isinstance(error, TlsError)
    assert "transport.ca_bundle" in str(error)
