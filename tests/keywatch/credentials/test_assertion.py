"""Assertions: exactly as Entra documents them, and of the certificate's own key."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from keywatch.credentials.application import Application
from keywatch.credentials.assertion import Algorithm, client_assertion, sign_jwt
from keywatch.credentials.token import AssertionCredential
from keywatch.errors import CertificateUnusableError, TokenRefusedError
from localcloud import LocalCloud
from tests.keywatch.credentials import made
from tests.keywatch.credentials.reach import ARM, AUDIT, CLOUD, credential, exported, hsm, signed
from tests.keywatch.reach import transport_to

CLIENT_ID = "11111111-1111-1111-1111-111111111111"
AUDIENCE = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read header and claims by hand: base64url without padding, JSON."""
    header, claims, _ = token.split(".")
    read = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (header, claims)]
    return read[0], read[1]


def assertion(*, send_chain: bool = False) -> str:
    """Make an assertion with a key in memory."""
    return client_assertion(made.signing(), client_id=CLIENT_ID, audience=AUDIENCE, now=made.NOW, send_chain=send_chain)


def test_assertion_names_its_certificate_by_sha256() -> None:
    """The header says PS256, JWT, and the unpadded base64url of the SHA-256 of the certificate's DER."""
    signing = made.signing()
    token = client_assertion(signing, client_id=CLIENT_ID, audience=AUDIENCE, now=made.NOW)

    digest = hashlib.sha256(signing.certificate.public_bytes(Encoding.DER)).digest()
    thumbprint = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert parts(token)[0] == {"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}


def test_assertion_claims_are_those_that_entra_documents() -> None:
    """Audience, issuer, subject, whole seconds, ten minutes at most, and a GUID of its own."""
    claims = parts(assertion())[1]

    issued = int(made.NOW.timestamp())
    jti = claims.pop("jti")
    assert claims == {
        "aud": AUDIENCE,
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "nbf": issued,
        "iat": issued,
        "exp": issued + 600,
    }
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", jti)


@given(st.floats(min_value=0, max_value=0.999999))
def test_assertion_times_are_integers(fraction: float) -> None:
    """Whatever the clock's fraction of a second, the times are whole numbers."""
    now = made.NOW + timedelta(seconds=fraction)
    claims = parts(client_assertion(made.signing(), client_id=CLIENT_ID, audience=AUDIENCE, now=now))[1]

    assert all(type(claims[name]) is int for name in ("nbf", "iat", "exp"))


def test_assertion_is_base64url_without_padding() -> None:
    """Three parts of base64url, without padding and line breaks, with and without a chain."""
    for token in (assertion(), assertion(send_chain=True)):
        assert re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", token)


def test_assertions_are_never_the_same() -> None:
    """Each has an id of its own, made at the same moment or not."""
    assert parts(assertion())[1]["jti"] != parts(assertion())[1]["jti"]


def test_assertion_shows_the_chain_leaf_first_when_told_to() -> None:
    """x5c holds the certificate and then its issuers, each as base64 of its DER, in one line."""
    issuer = made.certificate(made.rsa_key(1), name="issuer")
    signing = made.signing(chain=(issuer,))

    token = client_assertion(signing, client_id=CLIENT_ID, audience=AUDIENCE, now=made.NOW, send_chain=True)

    ders = [base64.b64decode(each, validate=True) for each in parts(token)[0]["x5c"]]
    assert ders == [each.public_bytes(Encoding.DER) for each in (signing.certificate, issuer)]
    assert "x5c" not in parts(assertion())[0]


@pytest.mark.parametrize("algorithm", ["PS256", "RS256"])
def test_jwt_for_anybody_is_verified_by_its_certificate(algorithm: Algorithm) -> None:
    """Another library verifies what was signed, by either algorithm, header parameters included."""
    signing = made.signing()

    token = sign_jwt(signing, {"iss": "us"}, headers={"kid": "7"}, algorithm=algorithm)

    assert jwt.get_unverified_header(token)["kid"] == "7"
    assert jwt.decode(token, signing.certificate.public_key(), [algorithm]) == {"iss": "us"}  # type: ignore[arg-type]


@pytest.mark.parametrize("algorithm", ["PS256", "RS256"])
def test_jwt_is_signed_in_the_vault_by_either_algorithm(cloud: LocalCloud, algorithm: Algorithm) -> None:
    """A key that stays in the vault signs for anybody's protocol."""
    signing = credential(cloud).signing

    token = sign_jwt(signing, {"iss": "us"}, algorithm=algorithm)

    assert jwt.decode(token, signing.certificate.public_key(), [algorithm]) == {"iss": "us"}  # type: ignore[arg-type]
    assert signed(cloud) == 1


def test_signature_of_another_key_is_thrown_away() -> None:
    """Key and certificate of two versions make no assertion."""
    mixed = dataclasses.replace(made.signing(), private_key=made.rsa_key(1))

    with pytest.raises(CertificateUnusableError, match="not of one version"):
        client_assertion(mixed, client_id=CLIENT_ID, audience=AUDIENCE, now=made.NOW)


def test_certificate_and_key_of_the_vault_are_of_one_version(cloud: LocalCloud) -> None:
    """However many versions there are, each certificate comes with the key of its own version."""
    cloud.create_certificate(AUDIT)
    source = hsm(cloud)

    for version in source.versions():
        found = source.load(version)
        assert found.key_id.endswith(f"/{version.version}")
        assert found.private_key.public_key().public_numbers() == found.certificate.public_key().public_numbers()  # type: ignore[union-attr]
        sign_jwt(found, {})
    assert signed(cloud) == 2


@pytest.mark.parametrize("hours", [-1, 1], ids=["too old", "from the future"])
def test_wrong_clock_is_named(cloud: LocalCloud, hours: int) -> None:
    """An assertion outside its time is AADSTS700024, which points to the clock."""
    wrong = AssertionCredential(
        Application(cloud.azure.tenant_id, cloud.azure.applications["keywatch"].client_id, CLOUD),
        hsm(cloud),
        transport_to(cloud),
        clock=lambda: made.NOW + timedelta(hours=hours),
    )

    with pytest.raises(TokenRefusedError, match=r"clock.*AADSTS700024"):
        wrong.get_token(ARM)


def test_subject_and_issuer_trust_needs_no_registration(cloud: LocalCloud) -> None:
    """An application that trusts the certificate's subject takes any version of it, shown with x5c."""
    publisher = cloud.azure.applications["event-publisher"]
    (version,) = cloud.certificate_versions("event-publisher")
    cloud.unregister("event-publisher", version)
    cloud.trust_issuer("event-publisher", "event-publisher")
    trusting = Application(publisher.tenant_id, publisher.client_id, CLOUD, send_chain=True)

    assert AssertionCredential(trusting, exported(cloud), transport_to(cloud)).get_token(ARM).token
