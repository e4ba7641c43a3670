"""Key Vault as the local cloud plays it: who may do what, and that a key on the HSM never leaves."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.keyvault.certificates import CertificateClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.keys.crypto import CryptographyClient, SignatureAlgorithm
from azure.keyvault.secrets import SecretClient
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from localcloud import Fault, FaultKind, LocalCloud, LocalCloudError
from tests.localcloud.azure import (
    EVENT_HUBS,
    HASHES,
    KEY_VAULT,
    MANAGEMENT,
    VERSION,
    Azure,
    decoded,
    encoded,
    error_of,
)

DIGEST = encoded(bytes(32))
FORBIDDEN = (403, "Forbidden", "ForbiddenByRbac")


@dataclass(frozen=True)
class Sdk:
    """Official clients of the vault, as the worker's managed identity."""

    certificates: CertificateClient
    keys: KeyClient
    secrets: SecretClient
    credential: ManagedIdentityCredential
    options: dict[str, Any]

    def sign(self, key_id: str, algorithm: SignatureAlgorithm, digest: bytes) -> bytes:
        """Sign a digest with a key of the vault."""
        with CryptographyClient(key_id, self.credential, **self.options) as client:
            return client.sign(algorithm, digest).signature


@pytest.fixture
def sdk(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sdk]:
    """Give official clients that find the worker's identity in the environment."""
    for name, value in azure.cloud.identity_environment().items():
        monkeypatch.setenv(name, value)
    url, options = azure.cloud.azure.vault_url, {**azure.sdk, "retry_total": 0}
    with ExitStack() as stack:
        credential = stack.enter_context(ManagedIdentityCredential())
        yield Sdk(
            stack.enter_context(CertificateClient(url, credential, **options)),
            stack.enter_context(KeyClient(url, credential, **options)),
            stack.enter_context(SecretClient(url, credential, **options)),
            credential,
            options,
        )


def test_certificate_is_read_with_its_policy(azure: Azure, sdk: Sdk) -> None:
    """The certificate says what key it has, and its key and secret have its name and version."""
    found = sdk.certificates.get_certificate("keywatch-audit")
    (version,) = azure.cloud.certificate_versions("keywatch-audit")

    assert found.policy is not None
    assert (found.policy.key_type, found.policy.key_size, found.policy.exportable) == ("RSA-HSM", 2048, False)
    assert hashlib.sha256(bytes(found.cer or b"")).hexdigest().upper() == version.thumbprint_sha256
    assert found.properties is not None
    assert (found.properties.x509_thumbprint or b"").hex().upper() == version.thumbprint_sha1
    assert base64.b64decode(version.cer_base64) == bytes(found.cer or b"")
    assert found.key_id == version.key_id
    assert (found.secret_id or "").endswith(f"/secrets/keywatch-audit/{version.version}")


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_rsa_key_signs(azure: Azure, sdk: Sdk, algorithm: str) -> None:
    """What the HSM's key signs verifies with the certificate's public key."""
    (version,) = azure.cloud.certificate_versions("keywatch-audit")
    used = HASHES[algorithm[2:]]
    digest = hashlib.new(used.name, b"what is signed").digest()
    signature = sdk.sign(version.key_id, SignatureAlgorithm(algorithm), digest)
    key = x509.load_der_x509_certificate(base64.b64decode(version.cer_base64)).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    pss = padding.PSS(padding.MGF1(used), used.digest_size)

    key.verify(signature, digest, pss if algorithm.startswith("PS") else padding.PKCS1v15(), Prehashed(used))


@pytest.mark.parametrize(("size", "bits", "length"), [(256, "256", 64), (384, "384", 96), (521, "512", 132)])
def test_elliptic_curve_key_signs(azure: Azure, sdk: Sdk, size: int, bits: str, length: int) -> None:
    """A key on a curve signs with the one algorithm of its curve: r and s, each as long as the curve's numbers."""
    version = azure.cloud.create_certificate("curve", key_type="EC-HSM", key_size=size)
    digest = bytes(HASHES[bits].digest_size)
    signature = sdk.sign(version.key_id, SignatureAlgorithm(f"ES{bits}"), digest)
    key = x509.load_der_x509_certificate(base64.b64decode(version.cer_base64)).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    r, s = (int.from_bytes(half, "big") for half in (signature[: length // 2], signature[length // 2 :]))

    assert len(signature) == length
    key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(HASHES[bits])))
    for other in ("RS256", "PS256", "ES256" if size != 256 else "ES384", "ES256K"):
        refused = azure.vault("POST", "keys/curve/sign", body={"alg": other, "value": DIGEST})
        assert error_of(refused) == (400, "BadParameter", None)


@pytest.mark.parametrize(
    "body",
    [
        {"alg": "ES256", "value": DIGEST},
        {"alg": "HS256", "value": DIGEST},
        {"alg": "RSNULL", "value": DIGEST},
        {"alg": "PS256", "value": encoded(bytes(20))},
        {"alg": "PS256", "value": encoded(bytes(64))},
        {"alg": "PS512", "value": DIGEST},
        {"alg": "PS256", "value": f"{DIGEST}="},
        {"alg": "PS256", "value": "+" * 43},
        {"alg": "PS256", "value": 5},
        {"alg": "PS256"},
        {"value": DIGEST},
        {"alg": ["PS256"], "value": DIGEST},
        [],
        "PS256",
        None,
    ],
)
def test_only_a_fitting_digest_is_signed(azure: Azure, body: object) -> None:
    """An algorithm of another key type, a digest of another length and a value that is no base64url are refused."""
    assert error_of(azure.vault("POST", "keys/keywatch-audit/sign", body=body)) == (400, "BadParameter", None)


def private_numbers(answer: requests.Response) -> list[str]:
    """Find what would be private in an answer: members of a private JSON Web Key, or a key in PEM."""
    found = ["PEM"] if "PRIVATE KEY" in answer.text else []
    if answer.headers["Content-Type"].startswith("application/json"):
        key = answer.json().get("key", {})
        found += [name for name in ("d", "p", "q", "dp", "dq", "qi", "k", "key_hsm") if name in key]
    return found


@pytest.mark.parametrize("content_type", ["application/x-pkcs12", "application/x-pem-file"])
@pytest.mark.parametrize("key_type", ["RSA-HSM", "EC-HSM", "RSA"])
def test_key_that_is_not_exportable_never_leaves(azure: Azure, content_type: str, key_type: str) -> None:
    """No route gives the private key of a certificate that is not exportable, whatever roles its caller holds."""
    size = 256 if key_type == "EC-HSM" else 2048
    made = azure.cloud.create_certificate("closed", key_type=key_type, key_size=size, content_type=content_type)
    for role in ("Key Vault Certificate User", "Key Vault Crypto User", "Key Vault Secrets User"):
        azure.cloud.grant("airflow-worker", role, "/vault")
    routes = [
        (method, f"{kind}/closed{version}{verb}")
        for kind in ("certificates", "keys", "secrets")
        for version in ("", f"/{made.version}")
        for method, verb in [
            ("GET", ""),
            ("GET", "/versions"),
            ("GET", "/policy"),
            *(("POST", f"/{verb}") for verb in ("backup", "export", "release", "unwrapkey", "decrypt", "restore")),
            ("PUT", ""),
            ("PATCH", ""),
        ]
    ]
    answers = [azure.vault(method, route) for method, route in routes]
    secret = azure.vault("GET", "secrets/closed").json()

    assert [private_numbers(each) for each in answers if private_numbers(each)] == []
    assert {each.status_code for (method, _), each in zip(routes, answers, strict=True) if method != "GET"} == {404}
    if content_type.endswith("pkcs12"):
        key, _, others = pkcs12.load_key_and_certificates(base64.b64decode(secret["value"]), None)
        assert key is None
        assert others[0].public_bytes(serialization.Encoding.DER) == base64.b64decode(made.cer_base64)
    else:
        assert secret["value"].startswith("-----BEGIN CERTIFICATE-----")


def test_exportable_certificate_is_had_with_its_key(azure: Azure) -> None:
    """The secret of an exportable certificate holds key and chain: PKCS#12 under a blank password, or PEM."""
    value = azure.vault("GET", "secrets/event-publisher", "certificate-reader").json()
    key, leaf, chain = pkcs12.load_key_and_certificates(base64.b64decode(value["value"]), None)
    pem = azure.vault("GET", "secrets/event-publisher-pem", "certificate-reader").json()
    pem_key = serialization.load_pem_private_key(pem["value"].encode(), None)
    pem_leaf, pem_issuer = x509.load_pem_x509_certificates(pem["value"].encode())

    assert (value["contentType"], pem["contentType"]) == ("application/x-pkcs12", "application/x-pem-file")
    assert key is not None
    assert leaf is not None
    assert key.public_key() == leaf.public_key()
    assert pem_key.public_key() == pem_leaf.public_key()
    leaf.verify_directly_issued_by(chain[0])
    pem_leaf.verify_directly_issued_by(pem_issuer)
    assert value["kid"] == azure.cloud.certificate_versions("event-publisher")[0].key_id


OPERATIONS = {
    "certificate": ("GET", "certificates/keywatch-audit", None),
    "certificates": ("GET", "certificates", None),
    "key": ("GET", "keys/keywatch-audit", None),
    "sign": ("POST", "keys/keywatch-audit/sign", {"alg": "PS256", "value": DIGEST}),
    "secret": ("GET", "secrets/keywatch-audit", None),
    "plain secret": ("GET", "secrets/workspace-key", None),
    "secrets": ("GET", "secrets", None),
}
ROLES = {
    "Key Vault Reader": {"certificate", "certificates", "key", "secrets"},
    "Key Vault Crypto User": {"key", "sign"},
    "Key Vault Secrets User": {"secret", "plain secret", "secrets"},
    "Key Vault Certificate User": {"certificate", "certificates", "key", "secret", "plain secret", "secrets"},
    "Keywatch Signer": {"sign"},
    "Reader": set[str](),
    "Monitoring Metrics Publisher": set[str](),
    "Azure Event Hubs Data Sender": set[str](),
}


def revoke_all(cloud: LocalCloud) -> None:
    """Take from the certificate reader all that it holds at the start."""
    cloud.revoke("certificate-reader", "Key Vault Reader", "/vault")
    for name in ("event-publisher", "event-publisher-pem"):
        cloud.revoke("certificate-reader", "Key Vault Secrets User", f"/vault/secrets/{name}")


def allowed(azure: Azure) -> set[str]:
    """Try every operation as the certificate reader; what is refused is refused by RBAC."""
    answers = {
        name: azure.vault(method, path, "certificate-reader", body) for name, (method, path, body) in OPERATIONS.items()
    }
    assert [error_of(each) for each in answers.values() if not each.ok] == [FORBIDDEN] * sum(
        not each.ok for each in answers.values()
    )
    return {name for name, each in answers.items() if each.ok}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("scope", ["/vault", "/subscription"])
def test_role_allows_what_azure_documents(azure: Azure, role: str, scope: str) -> None:
    """Each role over the vault, or the subscription it is in, allows its operations and no others."""
    revoke_all(azure.cloud)
    azure.cloud.grant("certificate-reader", role, scope)

    assert allowed(azure) == ROLES[role]


def test_without_a_role_nothing_is_allowed(azure: Azure) -> None:
    """An identity without a role, or with one elsewhere, may do nothing, and is told what it lacks."""
    revoke_all(azure.cloud)
    azure.cloud.grant("certificate-reader", "Key Vault Crypto User", "/dcr")
    azure.cloud.grant("certificate-reader", "Key Vault Crypto User", "/eventhub")

    assert allowed(azure) == set()
    refused = azure.vault("POST", "keys/keywatch-audit/sign", "certificate-reader", {"alg": "PS256", "value": DIGEST})
    message = refused.json()["error"]["message"]
    assert "Action: 'Microsoft.KeyVault/vaults/keys/sign/action'" in message
    assert f"oid={azure.cloud.azure.identities['certificate-reader'].object_id};" in message


def test_role_over_one_object_is_over_that_one(azure: Azure) -> None:
    """A role over one key is none over another, nor over the certificate of the same name."""
    revoke_all(azure.cloud)
    azure.cloud.grant("certificate-reader", "Keywatch Signer", "/vault/keys/keywatch-audit")
    azure.cloud.grant("certificate-reader", "Key Vault Certificate User", "/vault/keys/keywatch-audit")
    body = {"alg": "PS256", "value": DIGEST}

    assert allowed(azure) == {"key", "sign"}
    assert error_of(azure.vault("POST", "keys/event-publisher/sign", "certificate-reader", body)) == FORBIDDEN
    assert error_of(azure.vault("GET", "secrets/event-publisher", "certificate-reader")) == FORBIDDEN


def test_worker_and_reader_begin_with_what_they_need(azure: Azure) -> None:
    """At the start the worker signs and reads its one secret; the reader gets the exportable certificates only."""
    assert azure.vault("GET", "secrets/workspace-key").json()["value"] == azure.cloud.second_workspace.shared_key
    assert error_of(azure.vault("GET", "secrets/event-publisher")) == FORBIDDEN
    assert error_of(azure.vault("GET", "secrets/workspace-key", "certificate-reader")) == FORBIDDEN
    assert azure.vault("GET", "secrets/event-publisher", "certificate-reader").ok


@pytest.mark.parametrize(
    ("name", "role", "scope"),
    [
        ("nobody", "Key Vault Reader", "/vault"),
        ("keywatch", "Key Vault Emperor", "/vault"),
        ("keywatch", "Key Vault Reader", "/elsewhere"),
        ("keywatch", "Key Vault Reader", "/vault/passwords/x"),
        ("keywatch", "Key Vault Reader", "/vault/keys/"),
    ],
)
def test_grant_that_makes_no_sense_is_refused(cloud: LocalCloud, name: str, role: str, scope: str) -> None:
    """A role, principal or scope that does not exist is refused; so is taking away what is not held."""
    with pytest.raises(LocalCloudError, match="There is no"):
        cloud.grant(name, role, scope)
    with pytest.raises(LocalCloudError, match=r"There is no|was not granted"):
        cloud.revoke(name, role, scope)


def test_missing_token_is_answered_with_the_challenge(azure: Azure) -> None:
    """A request without a token learns which tenant and resource to ask for one."""
    response = azure.ask("GET", f"{azure.cloud.azure.vault_url}/certificates/keywatch-audit", None, query=VERSION)

    assert error_of(response) == (401, "Unauthorized", None)
    assert response.headers["WWW-Authenticate"] == (
        f'Bearer authorization="https://login.microsoftonline.com/{azure.cloud.azure.tenant_id}", '
        f'resource="{KEY_VAULT}"'
    )


def altered(token: str, **changes: object) -> str:
    """Change a token's claims and keep its signature."""
    header, claims, signature = token.split(".")
    return f"{header}.{encoded(json.loads(decoded(claims)) | changes)}.{signature}"


def test_token_must_be_for_the_vault(azure: Azure) -> None:
    """Tokens for other resources, of another tenant, altered, unsigned, expired or no tokens at all are refused."""
    good = azure.identity_token()
    header, claims, signature = good.split(".")
    publisher = azure.exported(azure.cloud.certificate_versions("event-publisher")[0])
    application = azure.cloud.azure.applications["event-publisher"]
    foreign = azure.token_request(
        application.tenant_id,
        client_id=application.client_id,
        client_assertion=publisher.assertion(application),
        scope=f"{KEY_VAULT}/.default",
    ).json()["access_token"]
    azure.cloud.set_token_lifetime(0)
    refused = {
        "management": azure.identity_token(resource=MANAGEMENT),
        "event hubs": azure.identity_token(resource=EVENT_HUBS),
        "foreign": foreign,
        "expired": azure.identity_token(),
        "audience": altered(good, aud=MANAGEMENT),
        "lifetime": altered(good, exp=int(time.time()) + 10**6),
        "unsigned": f"{header}.{claims}.",
        "none": f"{encoded({'alg': 'none'})}.{claims}.",
        "cut": f"{header}.{claims}.{signature[:-2]}",
        "words": "let me in",
    }
    url = f"{azure.cloud.azure.vault_url}/certificates/keywatch-audit"

    assert azure.ask("GET", url, good, query=VERSION).status_code == 200
    statuses = {name: azure.ask("GET", url, token, query=VERSION) for name, token in refused.items()}
    assert {name: each.status_code for name, each in statuses.items()} == dict.fromkeys(refused, 401)
    assert all("WWW-Authenticate" in each.headers for each in statuses.values())


def test_sdk_asks_for_a_token_once(azure: Azure, sdk: Sdk) -> None:
    """The SDK learns by the first challenge, and signs again without another round trip."""
    (version,) = azure.cloud.certificate_versions("keywatch-audit")
    with CryptographyClient(version.key_id, sdk.credential, **sdk.options) as client:
        for _ in range(3):
            client.sign(SignatureAlgorithm.ps256, bytes(32))

    assert len(azure.cloud.requests(action="managed-identity")) == 1
    signed = azure.cloud.requests(action="keys/sign", status=200)
    assert [(each.account, each.detail) for each in signed] == [
        ("airflow-worker", f"keywatch-audit/{version.version}")
    ] * 3


def test_rotation_makes_a_new_version(azure: Azure, sdk: Sdk) -> None:
    """A new version keeps the policy, is what the name alone means, and leaves the old one usable."""
    cloud = azure.cloud
    (first,) = cloud.certificate_versions("event-publisher-pem")
    second = cloud.create_certificate("event-publisher-pem")
    found = sdk.certificates.get_certificate("event-publisher-pem")

    assert found.properties is not None
    assert found.properties.version == second.version
    assert found.policy is not None
    assert (found.policy.exportable, found.policy.content_type) == (True, "application/x-pem-file")
    assert sdk.certificates.get_certificate_version("event-publisher-pem", first.version).cer is not None
    assert len(sdk.sign(first.key_id, SignatureAlgorithm.ps256, bytes(32))) == 256
    created = [
        each.created_on
        for each in sorted(
            sdk.certificates.list_properties_of_certificate_versions("event-publisher-pem"),
            key=lambda each: each.version != first.version,
        )
    ]
    assert None not in created
    assert created == sorted(created, key=str)
    assert len(set(created)) == 2


def test_lists_come_in_pages(azure: Azure, sdk: Sdk) -> None:
    """Versions come two at a time behind links; no page repeats or leaves out any."""
    made = [azure.cloud.create_certificate("keywatch-audit", key_size=2048).version for _ in range(4)]
    known = {azure.cloud.certificate_versions("keywatch-audit")[0].version, *made}

    assert len(known) == 5
    listed = [each.version for each in sdk.certificates.list_properties_of_certificate_versions("keywatch-audit")]
    assert (set(listed), len(listed)) == (known, 5)
    assert len(azure.cloud.requests(action="certificates/versions", status=200)) == 3
    assert {each.version for each in sdk.keys.list_properties_of_key_versions("keywatch-audit")} == known
    assert {each.version for each in sdk.secrets.list_properties_of_secret_versions("keywatch-audit")} == known
    assert [each.name for each in sdk.certificates.list_properties_of_certificates()] == [
        "event-publisher",
        "event-publisher-pem",
        "keywatch-audit",
        "keywatch-deactivate",
        "keywatch-portal",
    ]
    assert "workspace-key" in [each.name for each in sdk.secrets.list_properties_of_secrets()]
    assert list(sdk.keys.list_properties_of_key_versions("nothing")) == []


@pytest.mark.parametrize(
    "query", [{"$skiptoken": "x"}, {"$skiptoken": "-1"}, {"$skiptoken": "99"}, {"maxresults": "26"}]
)
def test_page_that_does_not_exist_is_refused(azure: Azure, query: dict[str, str]) -> None:
    """A link that was not given out, and a page that is too large, are refused."""
    refused = azure.vault("GET", "certificates/keywatch-audit/versions", **query)

    assert error_of(refused) == (400, "BadParameter", None)


def test_disabled_version_stays_readable_but_is_not_used(azure: Azure) -> None:
    """A disabled version's certificate and public key are readable; it signs nothing, and its secret is not given."""
    made = azure.cloud.create_certificate("off", key_type="RSA", exportable=True, enabled=False)
    azure.cloud.grant("airflow-worker", "Key Vault Secrets User", "/vault")
    body = {"alg": "PS256", "value": DIGEST}

    for kind in ("certificates", "keys"):
        assert azure.vault("GET", f"{kind}/off").json()["attributes"]["enabled"] is False
    assert error_of(azure.vault("POST", "keys/off/sign", body=body)) == (403, "Forbidden", "KeyDisabled")
    assert error_of(azure.vault("GET", "secrets/off")) == (403, "Forbidden", "SecretDisabled")
    azure.cloud.set_enabled("off", made.version, True)
    assert azure.vault("POST", "keys/off/sign", body=body).ok
    with pytest.raises(LocalCloudError, match="There is no version"):
        azure.cloud.set_enabled("off", "0" * 32, False)


@pytest.mark.parametrize(("start", "lasts", "why"), [(-30, 10, "Expired"), (5, 30, "NotYetValid")])
def test_key_signs_within_its_dates_only(azure: Azure, start: int, lasts: int, why: str) -> None:
    """Before and after its dates a certificate can be read, but its key and secret are of no use."""
    azure.cloud.create_certificate("old", key_type="RSA", exportable=True, valid_from_days=start, valid_days=lasts)
    azure.cloud.grant("airflow-worker", "Key Vault Secrets User", "/vault")
    sign = azure.vault("POST", "keys/old/sign", body={"alg": "PS256", "value": DIGEST})

    assert azure.vault("GET", "certificates/old").ok
    assert error_of(sign) == (403, "Forbidden", f"Key{why}")
    assert error_of(azure.vault("GET", "secrets/old")) == (403, "Forbidden", f"Secret{why}")


def test_what_does_not_exist_is_not_found(azure: Azure, sdk: Sdk) -> None:
    """A name, a version, and a certificate that was deleted are each not found, by a code of their own kind."""
    azure.cloud.create_certificate("gone")
    azure.cloud.delete_certificate("gone")
    azure.cloud.grant("airflow-worker", "Key Vault Secrets User", "/vault")

    for name in ("never", "gone", f"keywatch-audit/{'0' * 32}", "keywatch-audit/latest"):
        for kind, code in (("certificates", "Certificate"), ("keys", "Key"), ("secrets", "Secret")):
            assert error_of(azure.vault("GET", f"{kind}/{name}")) == (404, f"{code}NotFound", None)
    with pytest.raises(HttpResponseError, match="CertificateNotFound"):
        sdk.certificates.get_certificate("gone")
    assert azure.cloud.certificate_versions("gone") == []
    with pytest.raises(LocalCloudError, match="There is no certificate gone"):
        azure.cloud.delete_certificate("gone")


@pytest.mark.parametrize(
    "path", ["", "certificates/a b", "keys/keywatch-audit/verify", "certificates/x/pending", "deletedkeys"]
)
def test_other_routes_are_not_found(azure: Azure, path: str) -> None:
    """What the local cloud does not play is not found, rather than half done."""
    assert azure.vault("GET", path).status_code == 404


@pytest.mark.parametrize("version", ["7.0", "7.6", "2025-07-01", "2026-04-01"])
def test_known_api_versions_are_taken(azure: Azure, version: str) -> None:
    """The versions of the REST API that exist are taken."""
    assert azure.vault("GET", "certificates/keywatch-audit", **{"api-version": version}).ok


@pytest.mark.parametrize("version", ["", "7.9", "2030-01-01", "latest"])
def test_unknown_api_versions_are_refused(azure: Azure, version: str) -> None:
    """A version that does not exist, or none, is refused."""
    refused = azure.vault("GET", "certificates/keywatch-audit", **{"api-version": version})

    assert error_of(refused) == (400, "BadParameter", None)


def test_plain_secret_has_versions(azure: Azure, sdk: Sdk) -> None:
    """A secret of its own is had by name and by version, and cannot take a certificate's name."""
    azure.cloud.put_secret("workspace-key", "newer", "text/plain")
    newest = sdk.secrets.get_secret("workspace-key")
    versions = list(sdk.secrets.list_properties_of_secret_versions("workspace-key"))

    assert (newest.value, newest.properties.content_type) == ("newer", "text/plain")
    assert len(versions) == 2
    assert sdk.secrets.get_secret("workspace-key", str(versions[0].version)).value != "newer"
    with pytest.raises(LocalCloudError, match="is a certificate"):
        azure.cloud.put_secret("keywatch-audit", "x")
    with pytest.raises(LocalCloudError, match="is a secret"):
        azure.cloud.create_certificate("workspace-key")


@pytest.mark.parametrize(
    "options",
    [
        {"key_type": "oct-HSM"},
        {"key_size": 1024},
        {"key_type": "EC", "key_size": 2048},
        {"exportable": True},
        {"key_type": "RSA", "content_type": "text/plain"},
    ],
)
def test_policy_that_makes_no_sense_is_refused(cloud: LocalCloud, options: dict[str, Any]) -> None:
    """A policy with an unknown key type, size or content type, or an exportable key on the HSM, is refused."""
    with pytest.raises(LocalCloudError, match=r"."):
        cloud.create_certificate("odd", **options)
    assert cloud.certificate_versions("odd") == []


def test_faults_hit_the_vault(azure: Azure, sdk: Sdk) -> None:
    """Throttling comes with Retry-After, a denial with 403, and both for the chosen operation only."""
    cloud = azure.cloud
    cloud.inject(Fault(FaultKind.THROTTLE, host=".vault.azure.net", action="keys/sign", retry_after=3))
    cloud.inject(Fault(FaultKind.DENY, action="keys/sign", account="airflow-worker"))
    body = {"alg": "PS256", "value": DIGEST}
    first, second, third = (azure.vault("POST", "keys/keywatch-audit/sign", body=body) for _ in range(3))

    assert sdk.certificates.get_certificate("keywatch-audit").cer
    assert (first.status_code, first.headers["Retry-After"], first.json()["error"]["code"]) == (429, "3", "Throttled")
    assert (second.status_code, third.status_code) == (403, 200)
    cloud.inject(Fault(FaultKind.DROP_BEFORE, action="keys/sign"))
    with pytest.raises(requests.ConnectionError):
        azure.vault("POST", "keys/keywatch-audit/sign", body=body)


def test_unknown_vault_does_not_resolve(azure: Azure) -> None:
    """A vault that there is none of fails as a name that does not resolve."""
    with pytest.raises(requests.exceptions.ProxyError, match="502"):
        azure.ask("GET", "https://nobody.vault.azure.net/keys", None)


def test_identity_without_the_right_fails_in_the_sdk(azure: Azure, sdk: Sdk) -> None:
    """The SDK reports a denial with the service's code."""
    azure.cloud.revoke("airflow-worker", "Key Vault Crypto User", "/vault")
    (version,) = azure.cloud.certificate_versions("keywatch-audit")

    with pytest.raises((HttpResponseError, ClientAuthenticationError), match="ForbiddenByRbac"):
        sdk.sign(version.key_id, SignatureAlgorithm.ps256, bytes(32))


def test_reset_brings_azure_back(azure: Azure) -> None:
    """A reset undoes certificates, registrations, roles, secrets and lifetimes; ids and first certificates stay."""
    cloud, access = azure.cloud, azure.cloud.azure
    first = cloud.certificate_versions("keywatch-audit")
    made = cloud.create_certificate("keywatch-audit", enabled=False)
    cloud.create_certificate("more")
    cloud.set_enabled("keywatch-audit", first[0].version, False)
    cloud.delete_certificate("event-publisher")
    cloud.register("keywatch", made)
    cloud.put_secret("workspace-key", "changed")
    cloud.revoke("airflow-worker", "Key Vault Crypto User", "/vault")
    cloud.grant("airflow-worker", "Key Vault Secrets User", "/vault")
    cloud.set_token_lifetime(5)
    cloud.reset()

    assert (cloud.azure, cloud.certificate_versions("keywatch-audit")) == (access, first)
    assert cloud.certificate_versions("more") == []
    assert azure.vault("POST", "keys/keywatch-audit/sign", body={"alg": "PS256", "value": DIGEST}).ok
    assert azure.vault("GET", "secrets/workspace-key").json()["value"] == cloud.second_workspace.shared_key
    assert error_of(azure.vault("GET", "secrets/event-publisher")) == FORBIDDEN
    assert azure.vault("GET", "secrets/event-publisher", "certificate-reader").ok
    with pytest.raises(LocalCloudError, match="There is no version"):
        cloud.unregister("keywatch", made)


@pytest.mark.parametrize(
    ("issuer", "chain"),
    [
        ("authority", ["Local cloud certificates"]),
        ("intermediate", ["Local cloud certificates, intermediate", "Local cloud certificates"]),
        ("stranger", ["Local cloud certificates"]),
        ("self", []),
        ("ca", ["Local cloud certificates"]),
    ],
)
def test_secret_holds_the_chain_of_its_issuer(azure: Azure, issuer: str, chain: list[str]) -> None:
    """A certificate may come from several issuers, with another subject, and its secret holds who stands above it."""
    made = azure.cloud.create_certificate(
        "issued", key_type="RSA", exportable=True, content_type="application/x-pem-file", issuer=issuer, subject="other"
    )
    azure.cloud.grant("certificate-reader", "Key Vault Secrets User", f"/vault/secrets/{made.name}")
    pem = azure.vault("GET", f"secrets/{made.name}", "certificate-reader").json()["value"]
    found = [_common_name(each) for each in x509.load_pem_x509_certificates(pem.encode())]

    assert ["other", *chain] == found


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


@pytest.mark.parametrize(
    ("options", "hint"), [({"issuer": "nobody"}, "nobody"), ({"signature_hash": "sha1"}, "sha1")], ids=str
)
def test_unknown_issuance_is_refused(azure: Azure, options: dict[str, Any], hint: str) -> None:
    """An issuer or a hash that there is none of is refused."""
    with pytest.raises(LocalCloudError, match=hint):
        azure.cloud.create_certificate("issued", **options)
