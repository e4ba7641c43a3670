"""Who this machine is: each kind of identity reaches the vault, and one that is missing says so."""

from __future__ import annotations

import logging

import pytest

from keywatch.credentials.hsm import HsmCertificate
from keywatch.credentials.identity import IdentityKind, identity_credential, identity_kind
from keywatch.credentials.vault import Vault
from keywatch.errors import ConfigurationError, IdentityError, KeywatchError, ServiceUnavailableError
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.credentials.reach import ARM, AUDIT, CLOUD, asked, credential
from tests.keywatch.reach import transport_to

VARIABLES = (
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
)


@pytest.fixture(autouse=True)
def no_machine(machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test choose how this machine has its identity."""
    del machine
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def reached_by(cloud: LocalCloud, kind: IdentityKind, client_id: str | None = None) -> HsmCertificate:
    """Describe the audit's certificate, reached by a kind of identity."""
    transport = transport_to(cloud)
    own = identity_credential(kind, CLOUD, transport, client_id=client_id)
    return HsmCertificate(Vault(cloud.azure.vault_url, own, CLOUD.vault_hosts, transport), AUDIT)


@pytest.mark.parametrize("form", ["app_service", "imds"])
@pytest.mark.parametrize("kind", [IdentityKind.MANAGED, IdentityKind.DEFAULT])
def test_managed_identity_reaches_the_vault(
    cloud: LocalCloud, form: str, kind: IdentityKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In App Service's form and in that of virtual machines, asked for by name or found by the default chain."""
    for name, value in cloud.identity_environment(form).items():
        monkeypatch.setenv(name, value)

    assert credential(cloud, reached_by(cloud, kind)).get_token(ARM).token
    assert asked(cloud)["managed-identity"] == 1


def test_workload_identity_reaches_the_vault(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Kubernetes service account's token is exchanged at Entra, over the connection's transport."""
    for name, value in cloud.identity_environment("workload").items():
        monkeypatch.setenv(name, value)
    for role in ("Key Vault Reader", "Key Vault Crypto User"):
        cloud.grant("keywatch", role, "/vault")

    assert credential(cloud, reached_by(cloud, IdentityKind.WORKLOAD)).get_token(ARM).token
    assert asked(cloud)["managed-identity"] == 0


def test_proxy_is_not_asked_for_the_machines_own_identity(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The identity's endpoint is on the machine, whatever proxy the environment names."""
    for name, value in cloud.identity_environment("imds").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert credential(cloud, reached_by(cloud, IdentityKind.MANAGED)).get_token(ARM).token


def test_user_assigned_identity_that_is_not_there_says_so(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client id that no identity of the machine has is an error of the identity, not of the vault."""
    for name, value in cloud.identity_environment("imds").items():
        monkeypatch.setenv(name, value)
    source = reached_by(cloud, IdentityKind.MANAGED, "99999999-9999-9999-9999-999999999999")

    with pytest.raises(IdentityError, match="identity"):
        credential(cloud, source).get_token(ARM)


def test_workload_identity_that_is_not_there_says_what_is_missing(cloud: LocalCloud) -> None:
    """Without the variables that AKS sets, the message names them."""
    with pytest.raises(IdentityError, match="AZURE_FEDERATED_TOKEN_FILE"):
        reached_by(cloud, IdentityKind.WORKLOAD)


def test_kind_that_is_none_names_those_there_are() -> None:
    """A typing error on the connection is answered with the choices."""
    with pytest.raises(ConfigurationError, match="managed_identity, workload_identity, default"):
        identity_kind("managed")

    assert identity_kind(None) is identity_kind("") is IdentityKind.MANAGED


@pytest.mark.parametrize(
    ("status", "error"), [(500, ServiceUnavailableError), (429, ServiceUnavailableError), (400, IdentityError)]
)
def test_identity_endpoint_that_fails_is_worth_a_retry(
    cloud: LocalCloud,
    status: int,
    error: type[KeywatchError],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A platform that is busy is tried again; one that knows no such identity is not."""
    caplog.set_level(logging.ERROR)
    for name, value in cloud.identity_environment("app_service").items():
        monkeypatch.setenv(name, value)
    body = f'{{"statusCode": {status}, "message": "no"}}'
    fault = Fault(
        FaultKind.STATUS,
        action="managed-identity",
        status=status,
        body=body,
        content_type="application/json",
        count=None,
    )
    cloud.inject(fault)

    with pytest.raises(error):
        credential(cloud, reached_by(cloud, IdentityKind.MANAGED)).get_token(ARM)
