"""Entra ID as the local cloud plays it: which assertions it takes, and why it refuses the others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import jwt
import msal
import pytest
import trustme
from azure.identity import CertificateCredential, ClientAssertionCredential, WorkloadIdentityCredential
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud import Fault, FaultKind, LocalCloud
from tests.localcloud.azure import KEY_VAULT, MANAGEMENT, MONITOR, VERSION, Azure, Signer, claims_of, decoded, encoded

SCOPE = f"{MANAGEMENT}/.default"

MsalApp = Callable[[dict[str, Any]], Any]
"""Makes an MSAL application of a credential; MSAL has no types."""


@pytest.fixture
def app(azure: Azure) -> MsalApp:
    """Make MSAL applications that sign in as on-premises."""

    def make(credential: dict[str, Any]) -> Any:  # noqa: ANN401 - MSAL has no types
        return msal.ConfidentialClientApplication(
            azure.on_premises.client_id,
            client_credential=credential,
            authority=f"https://login.microsoftonline.com/{azure.cloud.azure.tenant_id}",
            http_client=azure.session,
        )

    return make


def pem_parts(azure: Azure) -> tuple[str, str]:
    """Give the on-premises worker's key and certificates, each as PEM."""
    key, marker, certificates = azure.cloud.azure.pem_file.read_text().partition("-----BEGIN CERTIFICATE-----")
    return key, marker + certificates


def test_msal_signs_in_with_a_sha1_thumbprint(azure: Azure, app: MsalApp) -> None:
    """MSAL's older form is taken: RS256, a padded x5t, fractional times, and line breaks inside x5c."""
    key, certificates = pem_parts(azure)
    thumbprint = azure.worker.certificate.fingerprint(hashes.SHA1()).hex()  # noqa: S303 - what MSAL wants
    credential = {"private_key": key, "thumbprint": thumbprint, "public_certificate": certificates}
    answer = app(credential).acquire_token_for_client([SCOPE])

    assert claims_of(answer["access_token"])["appid"] == azure.on_premises.client_id


def test_msal_signs_in_with_a_sha256_thumbprint(azure: Azure, app: MsalApp) -> None:
    """MSAL's newer form is taken: PS256 and x5t#S256."""
    key, certificates = pem_parts(azure)
    answer = app({"private_key": key, "public_certificate": certificates}).acquire_token_for_client([SCOPE])

    assert claims_of(answer["access_token"])["aud"] == MANAGEMENT


def test_msal_signs_in_with_a_pfx_file(azure: Azure, app: MsalApp) -> None:
    """The worker's PKCS#12 file opens with its passphrase, and holds the registered certificate."""
    access = azure.cloud.azure
    credential = {
        "private_key_pfx_path": str(access.pfx_file),
        "passphrase": access.pfx_passphrase,
        "public_certificate": True,
    }

    assert "access_token" in app(credential).acquire_token_for_client([SCOPE])


@pytest.mark.parametrize("options", [{}, {"send_certificate_chain": True}])
def test_azure_identity_signs_in_with_a_certificate(azure: Azure, options: dict[str, Any]) -> None:
    """CertificateCredential gets a token, with and without its chain."""
    access = azure.cloud.azure
    with CertificateCredential(
        access.tenant_id,
        azure.on_premises.client_id,
        certificate_path=str(access.pem_file),
        **options,
        **azure.sdk,
    ) as credential:
        token = credential.get_token(SCOPE)

    assert claims_of(token.token)["oid"] == azure.on_premises.object_id
    assert token.expires_on == pytest.approx(time.time() + 3600, abs=60)


def test_azure_identity_signs_in_with_an_assertion(azure: Azure) -> None:
    """ClientAssertionCredential gets a token for an assertion that was made elsewhere."""
    worker, application = azure.worker, azure.on_premises
    with ClientAssertionCredential(
        application.tenant_id, application.client_id, lambda: worker.assertion(application), **azure.sdk
    ) as credential:
        assert credential.get_token(SCOPE).token


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_rsa_algorithms_are_taken(azure: Azure, algorithm: str) -> None:
    """An assertion may be signed with RSA, with either padding and three hashes."""
    assert azure.sign_in(azure.worker.assertion(azure.on_premises, {"alg": algorithm})) == (200, None)


@pytest.mark.parametrize("algorithm", ["none", "ES256", "ES384", "RS1", "rs256", "PS257", ""])
def test_other_algorithms_are_refused(azure: Azure, algorithm: str) -> None:
    """An assertion that names any other algorithm is refused as such, whatever its signature is."""
    assert azure.sign_in(azure.worker.assertion(azure.on_premises, {"alg": algorithm})) == (400, 5002738)


def test_public_key_is_no_shared_secret(azure: Azure) -> None:
    """An assertion signed with HS256, by the public key as the secret, is refused."""
    signed, _, _ = azure.worker.assertion(azure.on_premises, {"alg": "HS256"}).rpartition(".")
    public = azure.worker.key.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    mac = hmac.new(pem, signed.encode(), hashlib.sha256).digest()

    assert azure.sign_in(f"{signed}.{encoded(mac)}") == (400, 5002738)


def test_unsigned_assertion_is_refused(azure: Azure) -> None:
    """An assertion without a signature is refused, with a known algorithm and with none."""
    for algorithm, code in (("PS256", (401, 7000274)), ("none", (400, 5002738))):
        signed, _, _ = azure.worker.assertion(azure.on_premises, {"alg": algorithm}).rpartition(".")
        assert azure.sign_in(f"{signed}.") == code


def test_elliptic_curve_signature_is_refused(azure: Azure) -> None:
    """A correct ES256 signature is refused, even by the key of a registered certificate."""
    made = azure.cloud.create_certificate("curve", key_type="EC-HSM", key_size=256)
    azure.cloud.register("on-premises", made)
    header = {"alg": "ES256", "x5t#S256": encoded(bytes.fromhex(made.thumbprint_sha256))}
    signed, _, _ = azure.worker.assertion(azure.on_premises, header).rpartition(".")
    digest = encoded(hashlib.sha256(signed.encode()).digest())
    signature = azure.vault("POST", "keys/curve/sign", body={"alg": "ES256", "value": digest}).json()["value"]

    assert azure.sign_in(f"{signed}.{signature}") == (400, 5002738)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), other=st.sampled_from("AQgw059_-.=+/ {é"))
def test_any_changed_character_is_noticed(azure: Azure, place: float, other: str) -> None:
    """An assertion of which any one character was changed, wherever it is, is refused in Entra's form."""
    assertion = azure.worker.assertion(azure.on_premises)
    index = int(place * len(assertion))
    changed = assertion[:index] + (other if assertion[index] != other else "B") + assertion[index + 1 :]
    status, code = azure.sign_in(changed)

    assert status in (400, 401)
    assert code in (50027, 5002738, 700027, 7000274)


def test_signature_has_one_spelling(azure: Azure) -> None:
    """A signature whose last character differs in bits that no byte needs is refused as malformed."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assertion = azure.worker.assertion(azure.on_premises)
    other = assertion[:-1] + alphabet[alphabet.index(assertion[-1]) + 1]

    assert decoded(other.split(".")[2]) == decoded(assertion.split(".")[2])
    assert azure.sign_in(other) == (400, 50027)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (0, b"{"),
        (0, b"[]"),
        (0, b"\xff"),
        (0, b'{"alg":"PS256","alg":"PS256"}'),
        (1, b'{"exp":NaN}'),
        (1, b"null"),
        (1, b""),
        (1, b"[" * 2000),
    ],
)
def test_what_is_no_token_is_refused(azure: Azure, part: int, value: bytes) -> None:
    """A part that is not one JSON object with unique names, in UTF-8, is refused as malformed."""
    parts = azure.worker.assertion(azure.on_premises).split(".")
    parts[part] = encoded(value)

    assert azure.sign_in(".".join(parts)) == (400, 50027)


@pytest.mark.parametrize("assertion", ["x", "a.b", "a.b.c.d", "....", "e30.e30.e30", "é.é.é"])
def test_what_does_not_look_like_a_token_is_refused(azure: Azure, assertion: str) -> None:
    """A text that does not have three parts in base64url is refused."""
    status, code = azure.sign_in(assertion)

    assert (status, code) in ((400, 50027), (400, 5002738))


NOW = time.time()
CLAIMS: list[tuple[dict[str, Any], tuple[int, int | None]]] = [
    ({"exp": NOW - 301}, (401, 700024)),
    ({"exp": NOW - 3600}, (401, 700024)),
    ({"nbf": NOW + 3600}, (401, 700024)),
    ({"iat": NOW + 3600}, (401, 700024)),
    ({"exp": None}, (400, 50027)),
    ({"exp": "soon"}, (400, 50027)),
    ({"exp": True}, (400, 50027)),
    ({"jti": None}, (400, 50027)),
    ({"jti": ""}, (400, 50027)),
    ({"sub": "someone else"}, (401, 50048)),
    ({"sub": None}, (401, 50048)),
    ({"iss": None}, (401, 50048)),
    ({"iss": 5, "sub": 5}, (401, 50048)),
    ({"iss": str(uuid.UUID(int=1)), "sub": str(uuid.UUID(int=1))}, (401, 700021)),
    ({"aud": None}, (401, 700023)),
    ({"aud": "https://login.microsoftonline.com/"}, (401, 700023)),
    ({"aud": f"https://login.microsoftonline.com/{uuid.UUID(int=1)}/oauth2/v2.0/token"}, (401, 700023)),
    ({"aud": "https://login.microsoftonline.com/common/oauth2/v2.0/token"}, (401, 700023)),
    ({"exp": NOW + 86400}, (200, None)),
    ({"nbf": None, "iat": None}, (200, None)),
    ({"exp": NOW + 600.5, "iat": NOW + 0.25}, (200, None)),
]


@pytest.mark.parametrize(("changes", "expected"), CLAIMS)
def test_claims_are_checked(azure: Azure, changes: dict[str, Any], expected: tuple[int, int | None]) -> None:
    """Times, issuer, subject, audience and id of a well-signed assertion decide whether it is taken."""
    assert azure.sign_in(azure.worker.assertion(azure.on_premises, **changes)) == expected


def test_tenants_domain_is_as_good_as_its_id(azure: Azure) -> None:
    """The token endpoint and the audience may both name the tenant by its domain."""
    domain = azure.cloud.azure.tenant_domain
    audience = f"https://login.microsoftonline.com/{domain}/oauth2/v2.0/token"

    assert azure.sign_in(azure.worker.assertion(azure.on_premises, aud=audience), tenant=domain) == (200, None)


def test_assertion_is_for_one_tenant(azure: Azure) -> None:
    """An assertion for one tenant is of no use in another, nor is its application known there."""
    assertion = azure.worker.assertion(azure.on_premises)

    assert azure.sign_in(assertion, tenant=azure.cloud.azure.other_tenant_id) == (400, 700016)


def test_assertion_is_for_one_client(azure: Azure) -> None:
    """An assertion of one application does not sign another in, whose certificate it is not signed with."""
    other = azure.cloud.azure.applications["keywatch"]

    assert azure.sign_in(azure.worker.assertion(azure.on_premises), client_id=other.client_id) == (401, 700027)


def test_assertion_may_be_used_again(azure: Azure) -> None:
    """The same assertion, with the same id, gets a token for every resource until it expires."""
    assertion = azure.worker.assertion(azure.on_premises)

    assert azure.sign_in(assertion) == (200, None)
    assert azure.sign_in(assertion, scope=f"{MONITOR}/.default") == (200, None)


def test_unregistered_certificate_is_refused_by_its_thumbprint(azure: Azure) -> None:
    """A certificate that is not registered is refused, and the message names its thumbprint."""
    made = azure.cloud.create_certificate("new", key_type="RSA", exportable=True)
    signer = azure.exported(made)
    refused = azure.token_request(client_assertion=signer.assertion(azure.on_premises))
    azure.cloud.register("on-premises", made)
    accepted = azure.token_request(client_assertion=signer.assertion(azure.on_premises))
    azure.cloud.unregister("on-premises", made)

    assert refused.json()["error_codes"] == [700027]
    assert made.thumbprint_sha256 in refused.json()["error_description"]
    assert accepted.status_code == 200
    assert azure.sign_in(signer.assertion(azure.on_premises)) == (401, 700027)


def test_key_must_be_the_certificates(azure: Azure) -> None:
    """A registered thumbprint does not help a key that is not the certificate's."""
    impostor = Signer(rsa.generate_private_key(65537, 2048), azure.worker.certificate)

    assert azure.sign_in(impostor.assertion(azure.on_premises)) == (401, 7000274)


def test_salt_is_as_long_as_the_hash(azure: Azure) -> None:
    """A PSS signature with a salt of another length is refused, as RFC 7518 has it."""
    signed, _, _ = azure.worker.assertion(azure.on_premises).rpartition(".")
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 20)
    signature = azure.worker.key.sign(signed.encode(), pss, hashes.SHA256())

    assert azure.sign_in(f"{signed}.{encoded(signature)}") == (401, 7000274)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"x5t#S256": None}, (400, 50027)),
        ({"x5t#S256": "no base64url!"}, (400, 50027)),
        ({"x5t": encoded(bytes(20))}, (401, 700027)),
        ({"x5t#S256": encoded(bytes(32))}, (401, 700027)),
        ({"x5t#S256": "", "x5c": "MII"}, (400, 50027)),
        ({"x5t#S256": encoded(bytes(32)), "x5c": ["MIIB"]}, (400, 50027)),
    ],
)
def test_header_must_name_the_certificate(azure: Azure, header: dict[str, object], code: tuple[int, int]) -> None:
    """Without a thumbprint, or with one that is not the registered certificate's, no certificate is found."""
    assert azure.sign_in(azure.worker.assertion(azure.on_premises, header)) == code


def test_certificate_must_be_valid(azure: Azure) -> None:
    """A registered certificate signs nobody in any more once it has expired."""
    soon = azure.cloud.create_certificate("brief", key_type="RSA", exportable=True, valid_days=1 + 2 / 86_400)
    azure.cloud.register("on-premises", soon)
    signer = azure.exported(soon)
    time.sleep(max(0.0, datetime.fromisoformat(soon.expires).timestamp() - time.time()))

    assert azure.sign_in(signer.assertion(azure.on_premises)) == (401, 1000502)


def x5c(signer: Signer) -> dict[str, object]:
    """Give the header that carries a signer's certificate."""
    return {"x5c": [base64.b64encode(signer.der).decode()]}


def test_trusted_issuer_and_subject_need_no_registration(azure: Azure) -> None:
    """With x5c, any certificate of the trusted issuer and subject signs in; another subject is refused as such."""
    signer = azure.exported(azure.cloud.create_certificate("rotated", key_type="RSA", exportable=True))
    stranger = azure.exported(azure.cloud.create_certificate("stranger", key_type="RSA", exportable=True))
    application = azure.on_premises

    assert azure.sign_in(signer.assertion(application, x5c(signer))) == (401, 700027)
    azure.cloud.trust_issuer("on-premises", "rotated")
    assert azure.sign_in(signer.assertion(application, x5c(signer))) == (200, None)
    assert azure.sign_in(signer.assertion(application)) == (401, 700027)
    assert azure.sign_in(stranger.assertion(application, x5c(stranger))) == (401, 700030)
    assert azure.sign_in(stranger.assertion(application, x5c(signer))) == (401, 700027)


def test_self_made_certificate_of_a_trusted_subject_is_refused(azure: Azure) -> None:
    """A trusted subject's name in a certificate of another issuer signs nobody in."""
    azure.cloud.trust_issuer("on-premises", "rotated")
    leaf = trustme.CA().issue_cert(common_name="rotated", key_type=trustme.KeyType.RSA)
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signer = Signer(key, x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()))

    assert azure.sign_in(signer.assertion(azure.on_premises, x5c(signer))) == (401, 700027)


FORMS: list[tuple[dict[str, str | None], tuple[int, int]]] = [
    ({"grant_type": None}, (400, 900144)),
    ({"grant_type": "password"}, (400, 70003)),
    ({"client_id": None}, (400, 900144)),
    ({"client_id": str(uuid.UUID(int=1))}, (400, 700016)),
    ({"client_id": "not-a-guid"}, (400, 700016)),
    ({"scope": None}, (400, 900144)),
    ({"scope": MANAGEMENT}, (400, 1002012)),
    ({"scope": f"{MANAGEMENT}/user_impersonation"}, (400, 1002012)),
    ({"scope": f"{SCOPE} {MONITOR}/.default"}, (400, 70011)),
    ({"scope": "https://nobody.example/.default"}, (400, 500011)),
    ({"scope": "/.default"}, (400, 500011)),
    ({"client_assertion": None}, (401, 7000218)),
    ({"client_assertion": None, "client_secret": "guess"}, (401, 7000215)),
    ({"client_assertion_type": None}, (400, 900144)),
    ({"client_assertion_type": "urn:something"}, (400, 9002313)),
    ({"claims": "{"}, (400, 9002313)),
    ({"claims": "5"}, (400, 9002313)),
    ({"claims": '{"access_token": 5}'}, (400, 9002313)),
]


@pytest.mark.parametrize(("form", "expected"), FORMS)
def test_parameters_are_checked(azure: Azure, form: dict[str, str | None], expected: tuple[int, int]) -> None:
    """A request whose parameters are missing or wrong is refused with Entra's code for it."""
    values = {"client_assertion": azure.worker.assertion(azure.on_premises)} | form
    response = azure.token_request(**values)

    assert (response.status_code, response.json()["error_codes"]) == (expected[0], [expected[1]])


def test_form_is_a_form(azure: Azure) -> None:
    """A parameter that occurs twice, a body that is no form, and another method are refused."""
    url = f"https://login.microsoftonline.com/{azure.cloud.azure.tenant_id}/oauth2/v2.0/token"
    twice = azure.session.post(url, data=[("grant_type", "client_credentials")] * 2, timeout=30)
    as_json = azure.session.post(url, json={"grant_type": "client_credentials"}, timeout=30)

    assert twice.json()["error_codes"] == [9000411]
    assert as_json.json()["error_codes"] == [900144]
    assert azure.session.get(url, timeout=30).json()["error_codes"] == [900561]


def test_unknown_tenant_is_told(azure: Azure) -> None:
    """A tenant that does not exist has neither a configuration nor a token endpoint."""
    unknown = str(uuid.UUID(int=7))
    url = f"https://login.microsoftonline.com/{unknown}/v2.0/.well-known/openid-configuration"
    configuration = azure.session.get(url, timeout=30)
    token = azure.token_request(unknown)

    assert (configuration.status_code, configuration.json()["error"]) == (400, "invalid_tenant")
    assert (token.status_code, token.json()["error_codes"]) == (400, [90002])


def test_refusal_has_entras_form(azure: Azure) -> None:
    """A refusal has OAuth's error, a description that begins with the code and names ids and time, and the codes."""
    correlation = str(uuid.uuid4())
    response = azure.session.post(
        f"https://login.microsoftonline.com/{azure.cloud.azure.tenant_id}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials", "client_id": azure.on_premises.client_id, "scope": SCOPE},
        headers={"client-request-id": correlation},
        timeout=30,
    )
    body = response.json()

    assert (response.headers["Cache-Control"], response.headers["Pragma"]) == ("no-store, no-cache", "no-cache")
    assert set(body) == {
        "error",
        "error_description",
        "error_codes",
        "timestamp",
        "trace_id",
        "correlation_id",
        "error_uri",
    }
    assert body["error"] == "invalid_client"
    assert body["correlation_id"] == correlation
    assert body["error_description"].startswith("AADSTS7000218: ")
    assert f"Trace ID: {body['trace_id']} Correlation ID: {correlation} Timestamp: " in body["error_description"]


def test_token_says_who_and_for_how_long(azure: Azure) -> None:
    """An access token can be checked with the published keys, and says whose it is and how long it lives."""
    azure.cloud.set_token_lifetime(1234)
    assertion = azure.worker.assertion(azure.on_premises)
    capabilities = json.dumps({"access_token": {"xms_cc": {"values": ["CP1"]}}})
    answer = azure.token_request(client_assertion=assertion, claims=capabilities).json()
    base = f"https://login.microsoftonline.com/{azure.cloud.azure.tenant_id}"
    found = azure.session.get(f"{base}/v2.0/.well-known/openid-configuration", timeout=30).json()
    keys = jwt.PyJWKSet.from_dict(azure.session.get(found["jwks_uri"], timeout=30).json())
    key = keys[jwt.get_unverified_header(answer["access_token"])["kid"]]
    claims = jwt.decode(answer["access_token"], key, algorithms=["RS256"], audience=MANAGEMENT)

    assert (answer["token_type"], answer["expires_in"], answer["ext_expires_in"]) == ("Bearer", 1234, 1234)
    assert claims["exp"] - claims["iat"] == 1234
    assert (claims["appid"], claims["tid"]) == (azure.on_premises.client_id, azure.cloud.azure.tenant_id)
    assert claims["iss"] == f"https://sts.windows.net/{azure.cloud.azure.tenant_id}/"
    assert claims["xms_cc"] == ["CP1"]
    assert found["token_endpoint"] == f"{base}/oauth2/v2.0/token"


def test_instance_discovery_knows_the_public_cloud(azure: Azure) -> None:
    """Instance discovery finds the tenant's configuration at known hosts, and refuses others."""
    url = "https://login.microsoftonline.com/common/discovery/instance"
    at = {"authorization_endpoint": "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"}
    known = azure.session.get(url, params=at, timeout=30)
    unknown = azure.session.get(url, params={"authorization_endpoint": "https://evil.example/x"}, timeout=30)

    assert "login.microsoftonline.com" in known.json()["metadata"][0]["aliases"]
    assert unknown.json()["error"] == "invalid_instance"


def test_service_account_signs_in(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    """WorkloadIdentityCredential gets a token of application keywatch for the service account's token."""
    for name, value in azure.cloud.identity_environment("workload").items():
        monkeypatch.setenv(name, value)
    with WorkloadIdentityCredential(**azure.sdk) as credential:
        token = credential.get_token(f"{MONITOR}/.default").token

    assert claims_of(token)["appid"] == azure.cloud.azure.applications["keywatch"].client_id


def test_service_accounts_token_is_for_one_application(azure: Azure) -> None:
    """The service account's token signs in nobody else, is no access token, and must be signed by its cluster."""
    token = azure.cloud.azure.federated_token_file.read_text()
    keywatch = azure.cloud.azure.applications["keywatch"].client_id
    header, claims, signature = token.split(".")
    other = encoded(json.loads(decoded(claims)) | {"sub": "system:serviceaccount:airflow:other"})

    assert azure.sign_in(token) == (401, 70021)
    assert azure.sign_in(token, client_id=keywatch) == (200, None)
    assert azure.sign_in(f"{header}.{other}.{signature}", client_id=keywatch) == (400, 50027)
    url = f"{azure.cloud.azure.vault_url}/certificates/keywatch-audit"
    assert azure.ask("GET", url, token, query=VERSION).status_code == 401


def test_access_token_is_no_assertion(azure: Azure) -> None:
    """An access token does not sign anybody in."""
    status, code = azure.sign_in(azure.identity_token())

    assert (status, code) == (400, 50027)


def test_faults_hit_the_token_endpoint(azure: Azure) -> None:
    """Throttling, Conditional Access and an outage come in Entra's form, with Retry-After."""
    cloud = azure.cloud
    cloud.inject(Fault(FaultKind.THROTTLE, host="login.microsoftonline.com", action="token", retry_after=7))
    cloud.inject(Fault(FaultKind.DENY, action="token"))
    cloud.inject(Fault(FaultKind.STATUS, action="token", status=503))
    responses = [azure.token_request() for _ in range(3)]

    assert [(each.status_code, each.json()["error_codes"]) for each in responses] == [
        (429, [90055]),
        (400, [53003]),
        (503, [90033]),
    ]
    assert responses[0].headers["Retry-After"] == "7"


def test_log_tells_what_was_asked_and_holds_no_credential(azure: Azure) -> None:
    """The log has each token request with client, scope and Entra's code, but neither assertion nor token."""
    assertion = azure.worker.assertion(azure.on_premises)
    token = azure.token_request(client_assertion=assertion).json()["access_token"]
    azure.token_request(client_assertion=f"{assertion}.")
    azure.token_request(client_id="a password, by mistake")
    accepted, refused, odd = azure.cloud.requests(action="token")

    assert (accepted.account, accepted.detail, accepted.status) == (azure.on_premises.client_id, SCOPE, 200)
    assert refused.error == "AADSTS50027"
    assert odd.account is None
    shown = repr(azure.cloud.requests()) + (azure.cloud.state_dir / "localcloud.log").read_text()
    for secret in (assertion, token, assertion.split(".")[2], "by mistake"):
        assert secret not in shown


def test_unknown_path_is_not_found(azure: Azure) -> None:
    """What is not played is not found."""
    assert azure.session.get("https://login.microsoftonline.com/common/login", timeout=30).status_code == 404


def test_identity_of_no_kind_is_told(cloud: LocalCloud) -> None:
    """A kind of identity that does not exist is refused."""
    with pytest.raises(ValueError, match="app_service, imds, workload"):
        cloud.identity_environment("password")


def test_infinite_times_are_refused(azure: Azure) -> None:
    """A time that is no finite number is refused as malformed."""
    parts = azure.worker.assertion(azure.on_premises).split(".")
    claims = decoded(parts[1]).replace(str(json.loads(decoded(parts[1]))["exp"]).encode(), b"1e999")
    signed = f"{parts[0]}.{encoded(claims)}"
    signature = azure.worker.signature("PS256", signed.encode())

    assert math.isinf(json.loads(claims)["exp"])
    assert azure.sign_in(f"{signed}.{encoded(signature)}") == (400, 50027)


def test_double_slash_before_default_is_kept(azure: Azure) -> None:
    """A resource that ends with a slash gets a token, whose audience ends with it as well."""
    assertion = azure.worker.assertion(azure.on_premises)
    answer = azure.token_request(client_assertion=assertion, scope=f"{KEY_VAULT}//.default")

    assert claims_of(answer.json()["access_token"])["aud"] == f"{KEY_VAULT}/"
