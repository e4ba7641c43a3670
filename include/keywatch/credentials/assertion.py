"""Signed JSON Web Tokens: the client assertion that Entra takes in place of a secret, and those of other services."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256

from keywatch import metrics
from keywatch.credentials.certificate import SigningCertificate
from keywatch.credentials.signature import check_signature, signing_errors
from keywatch.errors import ConfigurationError

LIFETIME: Final = 600
"""Seconds that an assertion is valid, as Entra's documentation advises at most."""

Algorithm = Literal["PS256", "RS256"]

PADDINGS: Final[dict[Algorithm, padding.AsymmetricPadding]] = {
    "PS256": padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=SHA256.digest_size),
    "RS256": padding.PKCS1v15(),
}


def client_assertion(
    signing: SigningCertificate, *, client_id: str, audience: str, now: datetime, send_chain: bool = False
) -> str:
    """Make the assertion by which an application proves itself to Entra.

    Source: Microsoft Learn, "Microsoft identity platform application authentication certificate credentials".

    Args:
        signing: Signs; its certificate is registered on the application.
        client_id: The application: issuer and subject.
        audience: The token endpoint that the assertion is posted to.
        now: The time now, timezone-aware; the assertion is valid for `LIFETIME` seconds from it.
        send_chain: Whether to show the certificate and its chain (`x5c`), for applications that trust a subject name
            and issuer instead of one certificate.

    Returns:
        A JWT in compact form.

    Raises:
        CertificateUnusableError: The signature is not of the certificate's key.
        KeywatchError: The vault cannot be asked, or refuses to sign.
    """
    issued = int(now.timestamp())
    claims = {
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": str(uuid.uuid4()),
        "nbf": issued,
        "iat": issued,
        "exp": issued + LIFETIME,
    }
    headers: dict[str, Any] = {"x5t#S256": signing.x5t_s256}
    if send_chain:
        headers["x5c"] = signing.x5c
    return sign_jwt(signing, claims, headers=headers)


def sign_jwt(
    signing: SigningCertificate,
    claims: Mapping[str, Any],
    *,
    headers: Mapping[str, Any] | None = None,
    algorithm: Algorithm = "PS256",
) -> str:
    """Sign claims for any service that takes a JWT signed by a certificate.

    The signature is checked against the certificate before it is handed out.

    Args:
        signing: Signs.
        claims: The payload (RFC 7519).
        headers: Further header parameters, such as `kid` or `x5c` (RFC 7515).
        algorithm: RSASSA-PSS or RSASSA-PKCS1-v1_5, over SHA-256 (RFC 7518).

    Returns:
        A JWT in compact form.

    Raises:
        ConfigurationError: Claims, headers or algorithm are not those of such a JWT.
        CertificateUnusableError: The signature is not of the certificate's key.
        KeywatchError: The vault cannot be asked, or refuses to sign.
    """
    if algorithm not in PADDINGS or {"alg", "b64"} & set(headers or {}):
        raise ConfigurationError(f"A JWT is signed by {' or '.join(PADDINGS)}, given as algorithm and not as a header.")
    try:
        json.dumps([dict(claims), dict(headers or {})])
        if not isinstance(claims.get("iss", ""), str):
            raise TypeError("iss is not text")  # noqa: TRY301 - as whatever else is wrong with them
    except (RecursionError, TypeError, ValueError) as error:
        raise ConfigurationError(f"Claims and headers of a JWT are JSON: {error}. Correct them.") from error
    with signing_errors(signing):
        try:
            token = jwt.encode(dict(claims), signing.private_key, algorithm, headers=dict(headers or {}))
        except jwt.PyJWTError as error:
            raise ConfigurationError(f"Claims or headers are not those of a JWT: {error}. Correct them.") from error
    metrics.count(metrics.SIGNATURES_MADE, purpose="jwt")
    signed, _, signature = token.rpartition(".")
    check_signature(signing, jwt.utils.base64url_decode(signature), signed.encode("ascii"), PADDINGS[algorithm])
    return token
