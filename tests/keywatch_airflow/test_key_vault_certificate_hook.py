"""The hook of connection type keyvault_certificate: a connection in, a credential out."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from azure.mgmt.resource.resources import ResourceManagementClient

from keywatch.credentials.exported import ExportedCertificate
from keywatch.credentials.hsm import HsmCertificate
from keywatch.credentials.pem import PemFile
from keywatch.errors import ConfigurationError, HostNotAllowedError
from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook
from localcloud import LocalCloud
from localcloud.airflow_home import connections
from tests.keywatch_airflow.conftest import Connect

ARM = "https://management.azure.com/.default"
CONN_IDS = {
    "keyvault_certificate_default": HsmCertificate,
    "keyvault_certificate_deactivation": HsmCertificate,
    "event_publisher_certificate": ExportedCertificate,
    "on_premises_certificate": PemFile,
}


@pytest.fixture(autouse=True)
def machine(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine the local cloud's managed identities."""
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def hsm(cloud: LocalCloud) -> dict[str, Any]:
    """Give a good connection whose key is on the HSM, in JSON form, to be altered."""
    return connections(cloud)["keyvault_certificate_default"]


def altered(connection: dict[str, Any], **extra: object) -> dict[str, Any]:
    """Change a connection's extras."""
    return connection | {"extra": connection["extra"] | extra}


@pytest.mark.parametrize(("conn_id", "source"), CONN_IDS.items(), ids=CONN_IDS.keys())
def test_each_source_gives_credential_token_and_parts(
    cloud: LocalCloud, connect: Connect, conn_id: str, source: type
) -> None:
    """From any source, the hook gives a credential, a token, the certificate, and a key that signs for it."""
    hook = KeyVaultCertificateHook(connect(conn_id, connections(cloud)[conn_id]))

    assert isinstance(hook.source, source)
    assert hook.get_credential() is hook.get_conn() is hook.credential
    assert jwt.decode(hook.get_token(ARM), options={"verify_signature": False})["appid"] == hook.connection.login
    assert hook.private_key.public_key().public_numbers() == hook.certificate.public_key().public_numbers()  # type: ignore[union-attr]
    signed = hook.sign_jwt({"iss": "us"}, algorithm="RS256", headers={"kid": "1"})
    assert jwt.decode(signed, hook.certificate.public_key(), ["RS256"]) == {"iss": "us"}  # type: ignore[arg-type]


@pytest.mark.parametrize("conn_id", CONN_IDS)
def test_test_button_signs_and_fetches(cloud: LocalCloud, connect: Connect, conn_id: str) -> None:
    """The button says what was seen, and has really fetched a token."""
    works, message = KeyVaultCertificateHook(connect(conn_id, connections(cloud)[conn_id])).test_connection()

    assert works, message
    assert "signs, and Entra gives a token" in message
    assert [record.status for record in cloud.requests(action="token")] == [200]


def test_connection_holds_no_secret(cloud: LocalCloud) -> None:
    """No connection to Azure has a password, nor anything in its extras that opens something."""
    azure = {name: each for name, each in connections(cloud).items() if each["conn_type"] != "aws"}
    secrets = [each.shared_key for each in (cloud.workspace, cloud.second_workspace)]

    assert len(azure) == 7
    assert not any("password" in each for each in azure.values())
    assert not any(secret in json.dumps(azure) for secret in (*secrets, "PRIVATE KEY", cloud.azure.pfx_passphrase))


def test_stock_client_works_with_hook_alone(cloud: LocalCloud, connect: Connect) -> None:
    """A stock Azure client takes the credential, and the arguments that lead it over the connection's transport."""
    hook = KeyVaultCertificateHook(connect("on_premises_certificate", connections(cloud)["on_premises_certificate"]))

    client = ResourceManagementClient(hook.get_credential(), cloud.azure.subscription_id, **hook.client_arguments())

    assert [group.name for group in client.resource_groups.list()]


def test_session_reaches_the_clouds_services_alone(cloud: LocalCloud, connect: Connect, hsm: dict[str, Any]) -> None:
    """The hook's session goes over the connection's transport, and to no foreign host."""
    session = KeyVaultCertificateHook(connect("hsm", hsm)).get_session()

    assert session.get("https://management.azure.com/subscriptions?api-version=2022-12-01").status_code == 401
    with pytest.raises(HostNotAllowedError):
        session.get("https://example.com")
    assert len(cloud.requests()) == 1


def test_send_chain_is_a_matter_of_true(connect: Connect, hsm: dict[str, Any]) -> None:
    """The chain is shown when the connection says true; a text that says so is refused rather than ignored."""
    assert KeyVaultCertificateHook(connect("yes", altered(hsm, send_chain=True))).application.send_chain is True
    assert KeyVaultCertificateHook(connect("no", altered(hsm, send_chain=False))).application.send_chain is False
    with pytest.raises(ConfigurationError, match="neither true nor false"):
        _ = KeyVaultCertificateHook(connect("text", altered(hsm, send_chain="true"))).application


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "source": ({}, {"source": "file"}, "hsm, exported or pem"),
    "certificate": ({}, {"certificate": ""}, "names no certificate"),
    "tenant": ({}, {"tenant_id": "contoso"}, "neither a GUID nor a domain"),
    "no tenant": ({}, {"tenant_id": ""}, "names no tenant"),
    "client id": ({"login": "keywatch"}, {}, "not a GUID"),
    "no vault": ({"host": ""}, {}, "has no host"),
    "another type": ({"conn_type": "http"}, {}, "is of type http"),
    "vault with a path": ({"host": "https://contoso.vault.azure.net/keys"}, {}, "not the URL of a host alone"),
    "cloud": ({}, {"cloud": "Azure"}, "There is no Azure cloud"),
    "identity": ({}, {"vault_identity": "me"}, "managed_identity"),
    "pem without a file": ({}, {"source": "pem"}, "path of a PEM"),
    "transport": ({}, {"transport": {"verify": False}}, "verify is false"),
    "number for a tenant": ({}, {"tenant_id": 5}, "not a line of text"),
    "list for a source": ({}, {"source": ["hsm"]}, "not a line of text"),
    "line break in a certificate": ({}, {"certificate": "a\nb"}, "not a line of text"),
    "path for a certificate": ({}, {"certificate": ".."}, "letters, digits and hyphens"),
    "endless patience": ({}, {"transport": {"attempts": 10**9}}, "at most 100"),
    "misspelt extra": ({}, {"certificat": "x"}, "do not know certificat"),
    "laboratory": ({}, {"lab": True}, "does not allow"),
}


@pytest.mark.parametrize(("fields", "extra", "words"), WRONG.values(), ids=WRONG.keys())
def test_connection_that_is_not_usable_says_what_to_correct(
    cloud: LocalCloud, connect: Connect, hsm: dict[str, Any], fields: dict[str, Any], extra: dict[str, Any], words: str
) -> None:
    """Each field that is wrong is named, by error and by button, before anything is asked of anybody."""
    hook = KeyVaultCertificateHook(connect("wrong", altered(hsm, **extra) | fields))

    with pytest.raises(ConfigurationError, match=words):
        hook.get_token(ARM)
    works, message = KeyVaultCertificateHook("wrong").test_connection()
    assert not works
    assert words in message
    assert cloud.requests() == []


@pytest.mark.parametrize(
    "host",
    [
        "https://vault.example.com",
        "http://contoso.vault.azure.net",
        "https://a@contoso.vault.azure.net",
        "contoso.vault.azure.cn",
    ],
)
def test_vault_outside_the_cloud_is_refused(
    cloud: LocalCloud, connect: Connect, hsm: dict[str, Any], host: str
) -> None:
    """A vault that is no host of the connection's cloud is refused before the machine's identity is asked for."""
    with pytest.raises(HostNotAllowedError):
        KeyVaultCertificateHook(connect("foreign", hsm | {"host": host})).get_token(ARM)

    assert cloud.requests() == []


def test_vault_may_be_named_without_a_scheme(cloud: LocalCloud, connect: Connect, hsm: dict[str, Any]) -> None:
    """The form's host may be the vault's name alone, or end with a slash."""
    bare = cloud.azure.vault_url.removeprefix("https://")

    for host in (bare, f"{bare}/", f"{cloud.azure.vault_url}/"):
        assert KeyVaultCertificateHook(connect("bare", hsm | {"host": host})).get_token(ARM)
