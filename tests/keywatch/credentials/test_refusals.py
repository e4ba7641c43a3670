"""Refusals: each has its own error, which says what to do."""

from __future__ import annotations

import pytest

from keywatch.credentials.application import Application
from keywatch.credentials.exported import ExportedCertificate
from keywatch.credentials.hsm import HsmCertificate
from keywatch.credentials.token import AssertionCredential
from keywatch.errors import (
    CertificateNotRegisteredError,
    CertificateUnavailableError,
    CertificateUnusableError,
    ConfigurationError,
    HostNotAllowedError,
    IdentityError,
    KeywatchError,
    ServiceUnavailableError,
    ThrottledError,
    TokenRefusedError,
    UnreachableError,
    VaultForbiddenError,
)
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.credentials.reach import (
    ARM,
    AUDIT,
    CLOUD,
    PUBLISHER,
    asked,
    credential,
    exported,
    hsm,
    signed,
    vault,
)
from tests.keywatch.reach import transport_to


def refused(cloud: LocalCloud, error: type[KeywatchError], source: object = None, scope: str = ARM) -> str:
    """Fail to get a token; return the message."""
    with pytest.raises(error) as caught:
        credential(cloud, source).get_token(scope)  # type: ignore[arg-type]
    assert type(caught.value) is error
    return str(caught.value)


def test_unregistered_certificate_says_where_to_upload_it(cloud: LocalCloud) -> None:
    """AADSTS700027 names thumbprint, application and tenant, and where in the portal the certificate belongs."""
    (version,) = cloud.certificate_versions(AUDIT)
    cloud.unregister("keywatch", version)

    message = refused(cloud, CertificateNotRegisteredError)

    application = cloud.azure.applications["keywatch"]
    assert "AADSTS700027" in message
    assert version.thumbprint_sha1.upper() in message
    assert application.client_id in message
    assert application.tenant_id in message
    assert "upload" in message


@pytest.mark.parametrize(
    ("begins", "lasts", "word"),
    [(-30.0, 10.0, "expired on"), (5.0, 30.0, "is not valid before")],
    ids=["expired", "not yet valid"],
)
def test_certificate_outside_its_validity_is_not_used(
    cloud: LocalCloud, begins: float, lasts: float, word: str
) -> None:
    """Only a valid certificate signs; the message says since or until when."""
    version = cloud.create_certificate("dated", valid_from_days=begins, valid_days=lasts)
    cloud.register("keywatch", version)

    message = refused(cloud, CertificateUnusableError, hsm(cloud, "dated"))

    assert f"version {version.version} {word}" in message
    assert signed(cloud) == 0


def test_disabled_certificate_is_not_used(cloud: LocalCloud) -> None:
    """A certificate that its owner has disabled signs nothing."""
    (version,) = cloud.certificate_versions(AUDIT)
    cloud.set_enabled(AUDIT, version.version, False)

    assert "is disabled in the vault" in refused(cloud, CertificateUnusableError)
    assert signed(cloud) == 0


@pytest.mark.parametrize("key_type", ["EC-HSM", "EC"])
def test_elliptic_curve_is_refused_up_front(cloud: LocalCloud, key_type: str) -> None:
    """Entra refuses ES256, so an EC key is refused with that reason before it signs."""
    cloud.register("keywatch", cloud.create_certificate("elliptic", key_type=key_type, key_size=256))

    message = refused(cloud, CertificateUnusableError, hsm(cloud, "elliptic"))

    assert "AADSTS5002738" in message
    assert "RSA" in message
    assert (signed(cloud), asked(cloud)["token"]) == (0, 0)


def test_exported_elliptic_curve_is_refused_up_front(cloud: LocalCloud) -> None:
    """So is one that is fetched."""
    cloud.create_certificate("elliptic", key_type="EC", key_size=256, exportable=True)
    cloud.grant("certificate-reader", "Key Vault Secrets User", "/vault/secrets/elliptic")

    assert "AADSTS5002738" in refused(cloud, CertificateUnusableError, exported(cloud, "elliptic"))


def test_application_of_another_tenant_is_unknown(cloud: LocalCloud) -> None:
    """An application that the tenant does not have is AADSTS700016."""
    client_id = cloud.azure.applications["keywatch"].client_id
    elsewhere = Application(cloud.azure.other_tenant_id, client_id, CLOUD)
    lost = AssertionCredential(elsewhere, hsm(cloud), transport_to(cloud))

    with pytest.raises(TokenRefusedError, match="AADSTS700016") as caught:
        lost.get_token(ARM)

    assert caught.value.code == 700016


def test_tenant_that_is_not_there_is_named(cloud: LocalCloud) -> None:
    """A tenant that this cloud does not have is AADSTS90002."""
    nowhere = Application("nowhere.example.com", cloud.azure.applications["keywatch"].client_id, CLOUD)

    with pytest.raises(TokenRefusedError, match=r"nowhere\.example\.com.*AADSTS90002"):
        AssertionCredential(nowhere, hsm(cloud), transport_to(cloud)).get_token(ARM)

    assert signed(cloud) == 0


@pytest.mark.parametrize("tenant", ["", "contoso", "contoso.com/evil", "../x", "https://contoso.com"])
def test_tenant_that_is_neither_guid_nor_domain_is_refused(tenant: str) -> None:
    """What goes into Entra's address is a GUID or a domain."""
    with pytest.raises(ConfigurationError, match="neither a GUID nor a domain"):
        Application(tenant, "11111111-1111-1111-1111-111111111111", CLOUD)


@pytest.mark.parametrize("client_id", ["", "keywatch", "11111111-1111-1111-1111-11111111111"])
def test_client_id_that_is_no_guid_is_refused(client_id: str) -> None:
    """An application's name is not its client id."""
    with pytest.raises(ConfigurationError, match="not a GUID"):
        Application("contoso.com", client_id, CLOUD)


def test_certificate_of_another_application_is_not_registered(cloud: LocalCloud) -> None:
    """A certificate proves only the application that it is registered on."""
    message = refused(cloud, CertificateNotRegisteredError, exported(cloud))

    assert cloud.azure.applications["keywatch"].client_id in message


@pytest.mark.parametrize(
    ("scope", "code"),
    [("https://nowhere.example/.default", 500011), ("https://vault.azure.net/read", 1002012)],
    ids=["unknown resource", "no .default"],
)
def test_scope_that_is_none_is_named(cloud: LocalCloud, scope: str, code: int) -> None:
    """A scope that Entra does not know is repeated, with what to do."""
    message = refused(cloud, TokenRefusedError, scope=scope)

    assert scope in message
    assert f"AADSTS{code}" in message or "AADSTS70011" in message


def test_certificate_that_is_not_there_is_named(cloud: LocalCloud) -> None:
    """A wrong name is the connection's."""
    message = refused(cloud, CertificateUnavailableError, hsm(cloud, "nothing"))

    assert "nothing" in message
    assert "connection" in message


def test_version_that_is_not_there_is_named(cloud: LocalCloud) -> None:
    """So is a wrong version."""
    message = refused(cloud, CertificateUnavailableError, hsm(cloud, AUDIT, "0" * 32))

    assert f"no version {'0' * 32}" in message


def test_certificate_that_is_not_exportable_names_the_way_out(cloud: LocalCloud) -> None:
    """Asked for through exported, a certificate whose key stays says so, and names source hsm."""
    cloud.grant("certificate-reader", "Key Vault Secrets User", "/vault/secrets/keywatch-audit")

    message = refused(cloud, CertificateUnavailableError, exported(cloud, AUDIT))

    assert "not exportable" in message
    assert "hsm" in message


def test_plain_secret_is_no_certificate(cloud: LocalCloud) -> None:
    """A secret that holds something else is not taken for a certificate, nor shown."""
    cloud.put_secret("plain", "hush-hush")
    cloud.grant("certificate-reader", "Key Vault Secrets User", "/vault/secrets/plain")

    with pytest.raises(CertificateUnavailableError) as caught:
        credential(cloud, ExportedCertificate(vault(cloud, "certificate-reader"), "plain")).get_token(ARM)

    assert "hush-hush" not in str(caught.value)


ROLES = {
    "reading the certificate": ("Key Vault Reader", "certificates/keywatch-audit"),
    "signing": ("Key Vault Crypto User", "keys/keywatch-audit"),
}


@pytest.mark.parametrize(("role", "where"), ROLES.values(), ids=ROLES.keys())
def test_forbidden_by_the_vault_names_the_role_to_grant(cloud: LocalCloud, role: str, where: str) -> None:
    """Without one of its roles, the identity is named by object id, with that role and where to grant it."""
    cloud.revoke("airflow-worker", role, "/vault")

    message = refused(cloud, VaultForbiddenError)

    assert role in message
    assert where in message
    assert cloud.azure.identities["airflow-worker"].object_id in message
    assert signed(cloud) == 0


def test_forbidden_secret_names_the_role_to_grant(cloud: LocalCloud) -> None:
    """Without the right to the secret, source exported names the role that gives it."""
    cloud.revoke("certificate-reader", "Key Vault Secrets User", "/vault/secrets/event-publisher")

    message = refused(cloud, VaultForbiddenError, exported(cloud))

    assert "Key Vault Secrets User" in message
    assert f"secrets/{PUBLISHER}" in message


def test_right_to_sign_alone_is_enough_for_the_key(cloud: LocalCloud) -> None:
    """A custom role that may sign and nothing else suffices: the key itself is never asked for."""
    cloud.revoke("airflow-worker", "Key Vault Crypto User", "/vault")
    cloud.grant("airflow-worker", "Keywatch Signer", "/vault/keys/keywatch-audit")

    assert credential(cloud).get_token(ARM).token
    assert asked(cloud)["keys/get"] == 0


FAILURES: dict[str, tuple[Fault, type[KeywatchError]]] = {
    "throttled": (Fault(FaultKind.THROTTLE, host=".vault.azure.net", count=None), ThrottledError),
    "unreachable": (Fault(FaultKind.DROP_BEFORE, host=".vault.azure.net", count=None), UnreachableError),
    "failing": (Fault(FaultKind.STATUS, host=".vault.azure.net", status=503, count=None), ServiceUnavailableError),
}


@pytest.mark.parametrize(("fault", "error"), FAILURES.values(), ids=FAILURES.keys())
def test_failure_of_the_vault_is_its_own_error(cloud: LocalCloud, fault: Fault, error: type[KeywatchError]) -> None:
    """A vault that cannot answer is named, and asked as often as the transport says, no more."""
    cloud.inject(fault)

    message = refused(cloud, error)

    assert cloud.azure.vault_url.removeprefix("https://") in message
    assert [hits for _, hits in cloud.fault_hits()] == [3]


def test_vault_that_is_not_there_cannot_be_reached(cloud: LocalCloud) -> None:
    """A vault's name that does not resolve is an error of reaching it, which names it."""
    source = HsmCertificate(vault(cloud, url="https://no-such-vault.vault.azure.net"), AUDIT)

    assert "no-such-vault" in refused(cloud, UnreachableError, source)


@pytest.mark.parametrize(
    "url",
    ["https://vault.example.com", "http://keywatch.vault.azure.net", "https://vault.azure.net.example.com"],
)
def test_vault_outside_the_cloud_is_not_asked(cloud: LocalCloud, url: str) -> None:
    """A vault that is no host of the cloud gets no token of the machine's identity."""
    refused(cloud, HostNotAllowedError, HsmCertificate(vault(cloud, url=url), AUDIT))

    assert cloud.requests() == []


def test_machine_without_an_identity_says_so(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """An identity that the machine does not have is no error of the vault's."""
    monkeypatch.setenv("IDENTITY_HEADER", "another")

    assert "identity" in refused(cloud, IdentityError)
