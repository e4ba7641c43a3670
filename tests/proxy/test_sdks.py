"""requests, azure-core, MSAL and botocore behind a proxy that inspects TLS: with its authority, without, and misled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from keywatch.errors import ConfigurationError, TlsError
from localcloud import LocalCloud
from tests.proxy.asking import ASKS, Asking, with_boto3, with_requests
from tests.proxy.mitm import Mitm

Ask = Callable[[Asking], None]
every_sdk = pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.__name__.removeprefix("with_"))


@pytest.fixture
def asking(mitm: Mitm, proxied_cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Asking:
    """Ask through the proxy, with its authority added to the public ones."""
    for name, value in proxied_cloud.identity_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AIRFLOW__AWS__SESSION_FACTORY", "keywatch_airflow.aws_session.SessionFactory")
    return Asking(proxied_cloud, monkeypatch, {"proxy": mitm.url, "extra_ca_bundle": str(mitm.ca_bundle)})


@pytest.fixture
def wrong_bundle(tmp_path: Path) -> str:
    """Give an authority that signed nothing here."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "wrong.pem"))
    return str(tmp_path / "wrong.pem")


def calls(cloud: LocalCloud) -> Counter[tuple[str, str]]:
    """Count what the local cloud was asked over TLS, by host and path."""
    seen = [each for each in cloud.requests() if each.method != "CONNECT" and each.host != "managed-identity"]
    return Counter((each.host, each.path) for each in seen if "." in each.host and each.host != "169.254.169.254")


def seen(mitm: Mitm) -> Counter[tuple[str, str]]:
    """Count what the proxy saw, by host and path."""
    urls = [urlsplit(exchange.url) for exchange in mitm.exchanges()]
    return Counter((url.hostname or "", url.path) for url in urls)


@every_sdk
def test_with_its_authority_every_sdk_works_and_the_proxy_sees_each_call(ask: Ask, asking: Asking, mitm: Mitm) -> None:
    """Nothing goes around the proxy, and nothing is lost in it."""
    ask(asking)

    assert calls(asking.cloud) == seen(mitm)
    assert mitm.exchanges()


@every_sdk
def test_without_its_authority_the_error_names_issuer_and_remedy(ask: Ask, asking: Asking, mitm: Mitm) -> None:
    """Who issued the certificate that was met, and where its authority has to be given; no request was sent."""
    asking.way = {"proxy": mitm.url, "ca_bundle": str(asking.cloud.ca_bundle)}

    with pytest.raises(TlsError) as caught:
        ask(asking)

    said = str(caught.value)
    assert "issued by O=mitmproxy,CN=mitmproxy" in said
    assert "extra_ca_bundle" in said
    assert mitm.exchanges() == []
    assert calls(asking.cloud) == Counter()


@every_sdk
def test_environment_changes_nothing_when_the_connection_says_otherwise(
    ask: Ask, asking: Asking, mitm: Mitm, wrong_bundle: str
) -> None:
    """REQUESTS_CA_BUNDLE and its like, set to something wrong, are not read."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        asking.monkeypatch.setenv(name, wrong_bundle)
    asking.monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    ask(asking)

    assert calls(asking.cloud) == seen(mitm)


@every_sdk
def test_proxy_that_wants_credentials_gets_them(
    ask: Ask, asking: Asking, proxied_cloud: LocalCloud, tmp_path: Path
) -> None:
    """User and password of the proxy's URL open it to every SDK; without them, the error says what is missing."""
    with Mitm(proxied_cloud, tmp_path / "auth", "airflow:p@ss") as closed:
        asking.way = {"proxy": closed.url, "extra_ca_bundle": str(closed.ca_bundle)}
        ask(asking)
        assert closed.exchanges()

        asking.way = {**asking.way, "proxy": closed.url.replace("airflow:p%40ss@", "")}
        with pytest.raises(Exception, match=r"407|wants credentials|[Pp]roxy") as caught:
            ask(asking)
        assert "p%40ss" not in str(caught.value)


@every_sdk
def test_verification_cannot_be_switched_off(ask: Ask, asking: Asking, mitm: Mitm) -> None:
    """`verify: false` is refused outside a laboratory, before anything is sent."""
    asking.way = {"proxy": mitm.url, "verify": False}

    with pytest.raises(ConfigurationError, match="verify is false"):
        ask(asking)

    assert mitm.exchanges() == []


@pytest.mark.parametrize("ask", [with_requests, with_boto3], ids=["requests", "boto3"])
def test_hosts_of_no_proxy_are_reached_without_it(ask: Ask, asking: Asking, mitm: Mitm) -> None:
    """What the connection excepts does not go to the proxy; here it then cannot be reached at all."""
    asking.way = {**asking.way, "no_proxy": "*", "connect_timeout": 2}

    with pytest.raises(Exception, match=r"(?i)reach|resolve|connect|access"):
        ask(asking)

    assert mitm.exchanges() == []
