"""Client assertions: the signed statements by which an application says who it is.

Sources: Microsoft Learn, "Application authentication certificate credentials"; RFC 7523.
"""

from __future__ import annotations

import base64
import binascii
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from localcloud.azure.aadsts import BAD_SIGNATURE, AadstsError
from localcloud.azure.certificate_authority import CertificateAuthority
from localcloud.azure.directory import Credentials
from localcloud.json_web_token import JsonWebToken, MalformedTokenError, from_base64url

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
SKEW: Final = 300
"""Seconds that a client's clock may be off. Unverified."""
THUMBPRINTS: Final[dict[str, hashes.HashAlgorithm]] = {
    "x5t#S256": hashes.SHA256(),
    "x5t": hashes.SHA1(),  # noqa: S303 - what the header parameter is defined as
}


class Verifier:
    """Checks the assertions of one application against its credentials."""

    def __init__(self, client_id: str, credentials: Credentials, authority: CertificateAuthority) -> None:
        self._client_id = client_id
        self._credentials = credentials
        self._authority = authority

    def verify(self, assertion: str, audiences: Sequence[str]) -> None:
        """Check an assertion.

        Args:
            assertion: as sent.
            audiences: the token endpoint's URL, by the tenant's id and by its domain. Entra documents no other value.

        Raises:
            AadstsError: Entra would refuse it.
        """
        try:
            token = JsonWebToken.parse(assertion)
        except MalformedTokenError as error:
            _malformed(str(error))
        algorithm = token.header.get("alg")
        if algorithm not in ALGORITHMS:
            raise AadstsError(
                5002738,
                f"Invalid JWT token. '{str(algorithm)[:20]}' is not a supported signature algorithm. "
                f"Supported signing algorithms are: '{', '.join(ALGORITHMS)}'",
            )
        certificate = self._certificate(token.header)
        _check_signature(token, certificate, str(algorithm))
        _check_certificate(certificate)
        _check_times(token.claims)
        self._check_claims(token.claims, audiences)

    def _certificate(self, header: dict[str, Any]) -> x509.Certificate:
        """Find the certificate that the header names: a registered one, or one of a trusted issuer and subject."""
        named = _thumbprints(header)
        for each in self._credentials.certificates:
            if _has(each, named):
                return each
        leaf = _leaf(header.get("x5c"))
        if leaf is not None and _has(leaf, named) and self._authority.has_issued(leaf) and self._credentials.subjects:
            if _common_name(leaf) in self._credentials.subjects:
                return leaf
            raise AadstsError(
                700030,
                "Invalid certificate - subject name in certificate is not authorized. SubjectNames/"
                f"SubjectAlternativeNames (up to 10) in token certificate are: {_common_name(leaf)}.",
            )
        raise AadstsError(
            700027,
            "The certificate with identifier used to sign the client assertion is not registered on application. "
            f"[Reason - The key was not found., Thumbprint of key used by client: '{_hex(named)}', Please visit the "
            "Azure Portal and check the configured keys for the application.]",
        )

    def _check_claims(self, claims: dict[str, Any], audiences: Sequence[str]) -> None:
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or claims.get("sub") != issuer:
            raise AadstsError(50048, "Subject must match Issuer claim in the client assertion.")
        if issuer.lower() != self._client_id:
            raise AadstsError(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
        if claims.get("aud") not in audiences:
            raise AadstsError(700023, "Client assertion audience claim does not match Realm issuer.")
        if not isinstance(claims.get("jti"), str) or not claims["jti"]:
            _malformed("the claim jti is missing")


def _malformed(why: str) -> NoReturn:
    raise AadstsError(50027, f"JWT token is invalid or malformed: {why}.")


def _thumbprints(header: dict[str, Any]) -> dict[str, bytes]:
    """Read the header's thumbprints; MSAL pads them, which the specification does not."""
    named = {}
    for name in THUMBPRINTS:
        if name not in header:
            continue
        try:
            named[name] = from_base64url(str(header[name]).removesuffix("=").removesuffix("="))
        except MalformedTokenError:
            _malformed(f"{name} is not base64url")
    if not named:
        _malformed("its header names no certificate by x5t#S256 or x5t")
    return named


def _has(certificate: x509.Certificate, named: dict[str, bytes]) -> bool:
    return all(certificate.fingerprint(THUMBPRINTS[name]) == value for name, value in named.items())


def _hex(named: dict[str, bytes]) -> str:
    return next(iter(named.values())).hex().upper()


def _leaf(chain: object) -> x509.Certificate | None:
    """Read the first certificate of `x5c`; MSAL leaves PEM's line breaks inside."""
    if chain is None:
        return None
    if not isinstance(chain, list) or not chain or not isinstance(chain[0], str):
        _malformed("x5c is not a list of certificates")
    try:
        return x509.load_der_x509_certificate(base64.b64decode("".join(chain[0].split()), validate=True))
    except (binascii.Error, ValueError):
        _malformed("x5c holds no certificate")


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _check_signature(token: JsonWebToken, certificate: x509.Certificate, algorithm: str) -> None:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or not token.is_signed_by(key, algorithm):
        thumbprint = certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - what the portal shows
        raise AadstsError(
            BAD_SIGNATURE,
            "The provided signature value did not match the expected signature value. "
            f"[Thumbprint of key used by client: '{thumbprint}']",
        )


def _check_certificate(certificate: x509.Certificate) -> None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= datetime.now(UTC) < end:
        raise AadstsError(
            1000502,
            f"The provided certificate is not within its specified validity window: {_time(start)} to {_time(end)}.",
        )


def _check_times(claims: dict[str, Any]) -> None:
    expires = _number(claims, "exp")
    not_before = _number(claims, "nbf") if "nbf" in claims else -math.inf
    issued = _number(claims, "iat") if "iat" in claims else -math.inf
    now = time.time()
    if not max(not_before, issued) - SKEW <= now < expires + SKEW:
        raise AadstsError(
            700024,
            "Client assertion is not within its valid time range. Current time: "
            f"{_time(datetime.fromtimestamp(now, UTC))}.",
        )


def _number(claims: dict[str, Any], name: str) -> float:
    """Read a time; MSAL sends fractions of a second, which RFC 7519 allows."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        _malformed(f"the claim {name} is not a time")
    return value


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
