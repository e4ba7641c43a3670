"""Managed identities as the local cloud plays them: who gets a token, and what a request must carry."""

from __future__ import annotations

import json
import time

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ManagedIdentityCredential

from localcloud import Fault, FaultKind, LocalCloud
from tests.localcloud.azure import KEY_VAULT, Azure, claims_of

IMDS = "/metadata/identity/oauth2/token"
APP_SERVICE = "/msi/token"
GOOD = {IMDS: "2018-02-01", APP_SERVICE: "2019-08-01"}


def ask(
    cloud: LocalCloud,
    path: str,
    query: dict[str, str | None] | None = None,
    headers: dict[str, str] | None = None,
    method: str = "GET",
) -> requests.Response:
    """Ask the endpoint in either form, correctly unless told otherwise; what is given as None is left out."""
    right = {IMDS: {"Metadata": "true"}, APP_SERVICE: {"X-IDENTITY-HEADER": cloud.azure.identity_header}}[path]
    values = {"api-version": GOOD[path], "resource": KEY_VAULT, **(query or {})}
    return requests.request(
        method,
        f"{cloud.azure.identity_url}{path}",
        params={name: value for name, value in values.items() if value is not None},
        headers=right if headers is None else headers,
        proxies={"http": ""},
        timeout=30,
    )


@pytest.mark.parametrize("kind", ["app_service", "imds"])
@pytest.mark.parametrize("identity", ["airflow-worker", "certificate-reader"])
def test_azure_identity_finds_it_in_the_environment(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, kind: str, identity: str
) -> None:
    """ManagedIdentityCredential gets a token of the machine's identity, or of the one it names, in both forms."""
    for name, value in cloud.identity_environment(kind).items():
        monkeypatch.setenv(name, value)
    expected = cloud.azure.identities[identity]
    chosen = None if identity == "airflow-worker" else expected.client_id
    with ManagedIdentityCredential(client_id=chosen) as credential:
        token = credential.get_token(f"{KEY_VAULT}/.default")
    claims = claims_of(token.token)

    assert (claims["oid"], claims["appid"]) == (expected.object_id, expected.client_id)
    assert (claims["aud"], claims["tid"]) == (KEY_VAULT, cloud.azure.tenant_id)
    assert token.expires_on == pytest.approx(time.time() + 3600, abs=60)
    (request,) = cloud.requests(action="managed-identity")
    assert (request.account, request.detail, request.status) == (identity, KEY_VAULT, 200)


@pytest.mark.parametrize("kind", ["app_service", "imds"])
def test_identity_that_does_not_exist_fails_in_the_sdk(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """An unknown client id fails with the endpoint's own words."""
    for name, value in cloud.identity_environment(kind).items():
        monkeypatch.setenv(name, value)
    with (
        ManagedIdentityCredential(client_id=cloud.azure.applications["keywatch"].client_id) as credential,
        pytest.raises(ClientAuthenticationError, match="Identity not found"),
    ):
        credential.get_token(f"{KEY_VAULT}/.default")


def test_answer_has_the_documented_fields(cloud: LocalCloud) -> None:
    """Both forms answer with numbers as strings; only IMDS says expires_in."""
    imds, app_service = ask(cloud, IMDS).json(), ask(cloud, APP_SERVICE).json()
    common = {"access_token", "client_id", "expires_on", "not_before", "resource", "token_type"}

    assert set(app_service) == common
    assert set(imds) == common | {"expires_in", "ext_expires_in"}
    assert (imds["expires_in"], imds["token_type"]) == ("3600", "Bearer")
    assert int(app_service["expires_on"]) == pytest.approx(time.time() + 3600, abs=60)


@pytest.mark.parametrize("path", [IMDS, APP_SERVICE])
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"api-version": None}, 400),
        ({"api-version": "2017-09-01"}, 400),
        ({"resource": None}, 400),
        ({"resource": f"{KEY_VAULT}/.default"}, 400),
        ({"resource": "https://nobody.example"}, 400),
        ({"client_id": "00000000-0000-0000-0000-000000000001"}, 400),
        ({"client_id": ""}, 400),
        ({"object_id": "00000000-0000-0000-0000-000000000001"}, 400),
        ({"resource": f"{KEY_VAULT}/"}, 200),
    ],
)
def test_parameters_are_checked(cloud: LocalCloud, path: str, query: dict[str, str | None], status: int) -> None:
    """Version, resource and identity must be known; a resource is no scope."""
    assert ask(cloud, path, query).status_code == status


def test_imds_wants_its_header(cloud: LocalCloud) -> None:
    """A request without Metadata: true, or one that was forwarded, gets no token from IMDS."""
    missing = ask(cloud, IMDS, headers={})
    wrong = ask(cloud, IMDS, headers={"Metadata": "false"})
    forwarded = ask(cloud, IMDS, headers={"Metadata": "true", "X-Forwarded-For": "192.0.2.1"})

    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")
    assert (wrong.status_code, forwarded.status_code) == (400, 403)
    assert all("access_token" not in each.text for each in (missing, wrong, forwarded))


@pytest.mark.parametrize("value", [None, "", "guess"])
def test_app_service_wants_its_secret(cloud: LocalCloud, value: str | None) -> None:
    """Without the header from the environment, App Service's form gives no token, IMDS's header notwithstanding."""
    headers = {"Metadata": "true"} | ({} if value is None else {"X-IDENTITY-HEADER": value})
    refused = ask(cloud, APP_SERVICE, headers=headers)

    assert refused.status_code == 401
    assert set(refused.json()) == {"statusCode", "message", "correlationId"}


def test_only_get_is_answered(cloud: LocalCloud) -> None:
    """Another method and another path are not found."""
    assert ask(cloud, IMDS, method="POST").status_code == 404
    other = requests.get(f"{cloud.azure.identity_url}/metadata/instance", proxies={"http": ""}, timeout=30)
    assert other.status_code == 404


def test_faults_hit_it(cloud: LocalCloud) -> None:
    """Throttling, an outage, a closed connection and a delay hit the endpoint."""
    cloud.inject(Fault(FaultKind.THROTTLE, action="managed-identity", retry_after=2))
    cloud.inject(Fault(FaultKind.STATUS, action="managed-identity", status=500))
    cloud.inject(Fault(FaultKind.DROP_BEFORE, action="managed-identity"))
    cloud.inject(Fault(FaultKind.DELAY, action="managed-identity", seconds=0.3))
    throttled, failed = ask(cloud, IMDS), ask(cloud, APP_SERVICE)

    assert (throttled.status_code, throttled.headers["Retry-After"], failed.status_code) == (429, "2", 500)
    with pytest.raises(requests.ConnectionError):
        ask(cloud, IMDS)
    started = time.monotonic()
    assert ask(cloud, IMDS).ok
    assert time.monotonic() - started >= 0.3
    assert [each.fault for each in cloud.requests(action="managed-identity")] == [
        "throttle",
        "status",
        "drop_before",
        "delay",
    ]


def test_no_tunnel_leads_to_it(azure: Azure) -> None:
    """The proxy does not open a tunnel to the metadata address, as no proxy should."""
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        azure.ask("GET", "https://169.254.169.254/metadata/identity/oauth2/token", None)


def test_log_holds_neither_token_nor_header(cloud: LocalCloud) -> None:
    """Tokens and App Service's secret are neither in the request log nor in the output."""
    token = ask(cloud, APP_SERVICE).json()["access_token"]
    shown = json.dumps([repr(each) for each in cloud.requests()]) + (cloud.state_dir / "localcloud.log").read_text()

    assert token not in shown
    assert cloud.azure.identity_header not in shown
