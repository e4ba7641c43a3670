"""Tokens: one signature and one request where one will do, and no failure that a later attempt can mend."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
import trustme
from azure.core.credentials import TokenRequestOptions
from azure.keyvault.secrets import SecretClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.monitor.ingestion import LogsIngestionClient

from keywatch.credentials.certificate import CertificateSource
from keywatch.credentials.hsm import HsmCertificate
from keywatch.credentials.pem import PemFile
from keywatch.errors import (
    ConfigurationError,
    HostNotAllowedError,
    KeywatchError,
    ServiceUnavailableError,
    ThrottledError,
    TlsError,
    TokenRefusedError,
    UnreachableError,
)
from keywatch.transport.http import azure_core_arguments
from localcloud import Fault, FaultKind, LocalCloud, LocalCloudError
from tests.keywatch.credentials.reach import (
    ARM,
    AUDIT,
    CLOUD,
    EVENT_HUBS,
    MONITOR,
    VAULT,
    asked,
    credential,
    exported,
    hsm,
    pem,
    signed,
)
from tests.keywatch.reach import transport_to

Sources = Callable[[LocalCloud], tuple[CertificateSource, str]]

SOURCES: dict[str, Sources] = {
    "hsm": lambda cloud: (hsm(cloud), "keywatch"),
    "exported, PKCS#12": lambda cloud: (exported(cloud), "event-publisher"),
    "exported, PEM": lambda cloud: (exported(cloud, "event-publisher-pem"), "event-publisher"),
    "pem": lambda cloud: (pem(cloud), "on-premises"),
}


def claims_of(token: str) -> dict[str, object]:
    """Read a token that the local cloud issued."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES.keys())
def test_each_source_gets_tokens_for_its_application(cloud: LocalCloud, make: Sources) -> None:
    """Wherever the private key is, Entra accepts the assertion and gives a token of that application and tenant."""
    source, name = make(cloud)

    found = claims_of(credential(cloud, source, name).get_token(ARM).token)

    application = cloud.azure.applications[name]
    assert (found["appid"], found["tid"]) == (application.client_id, application.tenant_id)


def test_pfx_file_gets_tokens_with_its_passphrase(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PKCS#12 file works as a PEM file does, its passphrase given by reference."""
    monkeypatch.setenv("PFX_PASSPHRASE", cloud.azure.pfx_passphrase)
    source = PemFile(Path(cloud.azure.pfx_file), "env:PFX_PASSPHRASE")

    assert credential(cloud, source, "on-premises").get_token(ARM).token


def test_a_thousand_calls_cost_one_signature_and_a_token_per_scope(cloud: LocalCloud) -> None:
    """1,000 calls from 16 threads for 3 scopes make the HSM sign once, and Entra give three tokens."""
    scopes = (ARM, MONITOR, VAULT)
    shared = credential(cloud)
    shared.get_token(EVENT_HUBS)
    cloud.clear_requests()
    shared = credential(cloud)
    together = threading.Barrier(16)

    def ask(worker: int) -> list[str]:
        together.wait()
        calls = range(63 if worker < 8 else 62)
        return [shared.get_token(scopes[(worker + call) % 3]).token for call in calls]

    with ThreadPoolExecutor(16) as pool:
        tokens = [token for found in pool.map(ask, range(16)) for token in found]

    assert len(tokens) == 1000
    assert len(set(tokens)) == 3
    assert (signed(cloud), asked(cloud)["token"]) == (1, 3)


def test_token_says_when_it_expires(cloud: LocalCloud) -> None:
    """get_token and get_token_info agree, and expire when Entra says."""
    shared = credential(cloud)

    found, informed = shared.get_token(ARM), shared.get_token_info(ARM)

    assert (found.token, informed.token_type) == (informed.token, "Bearer")
    assert abs(found.expires_on - time.time() - 3600) < 30


def test_claims_challenge_gets_a_new_token(cloud: LocalCloud) -> None:
    """A challenge is answered by a new token, whatever is in memory; without one, memory serves."""
    shared = credential(cloud)
    claims = json.dumps({"access_token": {"nbf": {"essential": True, "value": "1"}}})

    first, again, challenged = shared.get_token(ARM), shared.get_token(ARM), shared.get_token(ARM, claims=claims)

    assert first.token == again.token != challenged.token
    assert (signed(cloud), asked(cloud)["token"]) == (1, 2)


def test_continuous_access_evaluation_is_declared_when_asked_for(cloud: LocalCloud) -> None:
    """A caller that can answer challenges gets a token that says so; others do not; both share the assertion."""
    shared = credential(cloud)

    able = claims_of(shared.get_token_info(ARM, options=TokenRequestOptions(enable_cae=True)).token)
    unable = claims_of(shared.get_token_info(ARM).token)

    assert able.get("xms_cc") == ["CP1"]
    assert "xms_cc" not in unable
    assert signed(cloud) == 1


@pytest.mark.parametrize("claims", ["no json", "[]", '"text"', "{"])
def test_claims_that_are_no_json_object_are_refused(cloud: LocalCloud, claims: str) -> None:
    """A challenge that was not decoded is refused before anything is signed."""
    with pytest.raises(ConfigurationError, match="no JSON object"):
        credential(cloud).get_token(ARM, claims=claims)

    assert cloud.requests() == []


def test_no_scope_is_refused(cloud: LocalCloud) -> None:
    """A token is for something."""
    with pytest.raises(ConfigurationError, match="name one"):
        credential(cloud).get_token()


def test_another_tenant_is_refused_before_anything_is_signed(cloud: LocalCloud) -> None:
    """A service that names another tenant than the connection gets no token."""
    with pytest.raises(ConfigurationError, match="belongs to tenant"):
        credential(cloud).get_token(ARM, tenant_id=cloud.azure.other_tenant_id)

    assert cloud.requests() == []


def test_own_tenant_may_be_named(cloud: LocalCloud) -> None:
    """Services that name the connection's own tenant, as Key Vault does, get their token."""
    assert credential(cloud).get_token(ARM, tenant_id=cloud.azure.tenant_id.upper()).token


AT_HOME: dict[str, Sources] = {
    "hsm": lambda cloud: (hsm(cloud), "keywatch"),
    "exported": lambda cloud: (exported(cloud), "keywatch"),
    "pem": lambda cloud: (pem(cloud), "on-premises"),
}


@pytest.mark.parametrize("make", AT_HOME.values(), ids=AT_HOME.keys())
def test_official_clients_read_and_write_with_each_source(cloud: LocalCloud, make: Sources) -> None:
    """Azure's own clients take the credential as they take any other: one lists, one reads, one writes."""
    cloud.register("keywatch", cloud.certificate_versions("event-publisher")[0])
    source, name = make(cloud)
    for role, scope in (
        ("Reader", "/subscription"),
        ("Key Vault Secrets User", "/vault/secrets/workspace-key"),
        ("Monitoring Metrics Publisher", "/dcr"),
    ):
        with contextlib.suppress(LocalCloudError):  # it has that role already
            cloud.grant(name, role, scope)
    shared, transport = credential(cloud, source, name), transport_to(cloud)

    groups = ResourceManagementClient(
        shared, cloud.azure.subscription_id, **azure_core_arguments(transport, CLOUD.service_hosts)
    ).resource_groups.list()
    secret = SecretClient(
        cloud.azure.vault_url, shared, **azure_core_arguments(transport, CLOUD.vault_hosts)
    ).get_secret("workspace-key")
    LogsIngestionClient(
        cloud.logs_ingestion.endpoint, shared, **azure_core_arguments(transport, CLOUD.ingestion_hosts)
    ).upload(cloud.logs_ingestion.rule_id, "Custom-AWS_Access_Key_Report", [{"RecordId_s": "r1"}])

    assert len(list(groups)) == 1
    assert secret.value == cloud.second_workspace.shared_key
    assert [row["RecordId_s"] for row in cloud.rows("AWS_Access_Key_Report_CL")] == ["r1"]
    assert signed(cloud) == (1 if name == "keywatch" and isinstance(source, HsmCertificate) else 0)


def aadsts(code: int, error: str = "unauthorized_client") -> str:
    """Make the body of a refusal."""
    description = f"AADSTS{code}: Refused for a test. Trace ID: 0"
    return json.dumps({"error": error, "error_description": description, "error_codes": [code]})


def test_refusal_is_not_repeated_from_memory(cloud: LocalCloud) -> None:
    """MSAL would repeat an HTTP 400 for a minute; here the next call asks again, with a new signature."""
    shared = credential(cloud)
    answer = Fault(FaultKind.STATUS, action="token", status=400, body=aadsts(700016), content_type="application/json")
    cloud.inject(answer)
    with pytest.raises(TokenRefusedError):
        shared.get_token(ARM)

    assert shared.get_token(ARM).token
    assert (signed(cloud), asked(cloud)["token"]) == (2, 1)


def test_environment_does_not_override_the_connections_trust(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """REQUESTS_CA_BUNDLE, which requests prefers to an explicit bundle, has no say over Entra or the vault."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(other))

    assert credential(cloud).get_token(ARM).token


FAILURES: dict[str, tuple[Fault, type[KeywatchError]]] = {
    "throttled": (Fault(FaultKind.THROTTLE, action="token", count=None), ThrottledError),
    "failing": (Fault(FaultKind.STATUS, action="token", status=503, count=None), ServiceUnavailableError),
    "unreachable": (Fault(FaultKind.DROP_BEFORE, action="token", count=None), UnreachableError),
    "untrusted": (Fault(FaultKind.TLS_UNTRUSTED, host="login.microsoftonline.com", count=None), TlsError),
    "a page with 200": (
        Fault(FaultKind.STATUS, action="token", status=200, body="<html>", content_type="text/html", count=None),
        ServiceUnavailableError,
    ),
    "a page with 502": (
        Fault(FaultKind.STATUS, action="token", status=502, body="<html>", content_type="text/html", count=None),
        ServiceUnavailableError,
    ),
}


@pytest.mark.parametrize(("fault", "error"), FAILURES.values(), ids=FAILURES.keys())
def test_failure_of_entra_is_its_own_error(cloud: LocalCloud, fault: Fault, error: type[KeywatchError]) -> None:
    """Whatever stands between us and Entra, the error says what it is, and nothing is signed twice for it."""
    cloud.inject(fault)

    with pytest.raises(error):
        credential(cloud).get_token(ARM)

    assert signed(cloud) <= 1


@pytest.mark.parametrize("kind", [FaultKind.THROTTLE, FaultKind.STATUS, FaultKind.DROP_BEFORE])
@pytest.mark.parametrize("action", ["token", "openid-configuration", "keys/sign", "certificates/get"])
def test_passing_failure_is_waited_out(cloud: LocalCloud, action: str, kind: FaultKind) -> None:
    """One failure of any step is tried again, and the caller sees a token."""
    credential(cloud).get_token(ARM)  # from here on the vault's challenge is known
    cloud.clear_requests()
    cloud.inject(Fault(kind, action=action, status=503))

    assert credential(cloud).get_token(ARM).token
    assert [hits for _, hits in cloud.fault_hits()] == [1]


def description(token_endpoint: str) -> dict[str, str]:
    """Make a description of a tenant."""
    return dict.fromkeys(("authorization_endpoint", "issuer"), "https://login.microsoftonline.com/x") | {
        "token_endpoint": token_endpoint
    }


def test_token_endpoint_outside_the_cloud_gets_no_assertion(cloud: LocalCloud) -> None:
    """Where Entra's own description names a foreign endpoint, nothing is signed for it."""
    evil = description("https://login.example.com/token")
    cloud.inject(
        Fault(
            FaultKind.STATUS,
            action="openid-configuration",
            status=200,
            body=json.dumps(evil),
            content_type="application/json",
            count=None,
        )
    )

    with pytest.raises(HostNotAllowedError, match=r"login\.example\.com"):
        credential(cloud).get_token(ARM)

    assert signed(cloud) == 0


def test_credential_shows_nothing_of_what_it_holds(cloud: LocalCloud) -> None:
    """No repr shows a key, an assertion or a token."""
    shared = credential(cloud, exported(cloud), "event-publisher")
    token = shared.get_token(EVENT_HUBS).token
    numbers = shared.signing.private_key.private_numbers()

    shown = repr((shared, shared.signing, vars(shared.signing) if hasattr(shared.signing, "__dict__") else ""))

    assert token not in shown
    assert str(numbers.d) not in shown
    assert "private" not in shown.lower()


def test_pinned_version_alone_is_used(cloud: LocalCloud) -> None:
    """A connection that names a version signs with it, although there is a newer one."""
    first = cloud.certificate_versions(AUDIT)[0]
    cloud.register("keywatch", cloud.create_certificate(AUDIT))

    shared = credential(cloud, hsm(cloud, AUDIT, first.version))

    assert shared.get_token(ARM).token
    assert shared.signing.version == first.version
