"""A certificate that signs, wherever its private key lives."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from keywatch.errors import CertificateUnusableError


@dataclass(frozen=True, slots=True)
class SigningCertificate:
    """One version of a certificate, its chain and its private key.

    Attributes:
        certificate: The certificate; its key is RSA.
        chain: The certificates that issued it, nearest first; empty if the source has none.
        private_key: Signs. A Key Vault key signs in the vault, and holds no private numbers.
        key_id: Where the key is: its URL in Key Vault, or its file.
        version: The certificate's version, as its source names it.
    """

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    private_key: RSAPrivateKey = field(repr=False)
    key_id: str
    version: str

    @property
    def not_before(self) -> datetime:
        """From when on it is valid, UTC."""
        return self.certificate.not_valid_before_utc

    @property
    def expires(self) -> datetime:
        """Until when it is valid, UTC."""
        return self.certificate.not_valid_after_utc

    @property
    def thumbprint(self) -> str:
        """Hex SHA-1 of the certificate: the name by which portals and Entra's messages call it."""
        return self.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - a name, no protection

    @property
    def x5t_s256(self) -> str:
        """Unpadded base64url of the SHA-256 of the certificate's DER (RFC 7515, section 4.1.8)."""
        digest = self.certificate.fingerprint(hashes.SHA256())
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    @property
    def x5c(self) -> list[str]:
        """Base64 of the DER of the certificate and its chain, the certificate first (RFC 7515, section 4.1.6)."""
        ders = [each.public_bytes(Encoding.DER) for each in (self.certificate, *self.chain)]
        return [base64.b64encode(der).decode("ascii") for der in ders]


@dataclass(frozen=True, slots=True)
class CertificateVersion:
    """What a source says of one version before it is loaded.

    Attributes:
        version: Its name.
        created: When it was made, UTC.
        not_before: From when on it may be used, UTC; None means always.
        expires: Until when it may be used, UTC; None means for ever.
        enabled: Whether its owner lets it be used.
    """

    version: str
    created: datetime
    not_before: datetime | None
    expires: datetime | None
    enabled: bool = True

    def obstacle(self, now: datetime) -> str | None:
        """Say why it cannot be used now; None if it can."""
        if not self.enabled:
            return "is disabled in the vault"
        if self.expires is not None and self.expires <= now:
            return f"expired on {self.expires:%Y-%m-%d %H:%M} UTC"
        if self.not_before is not None and self.not_before > now:
            return f"is not valid before {self.not_before:%Y-%m-%d %H:%M} UTC"
        return None


class CertificateSource(Protocol):
    """Where a certificate and its private key come from."""

    @property
    def name(self) -> str:
        """The certificate and its place, for messages."""
        ...

    def versions(self) -> tuple[CertificateVersion, ...]:
        """List the versions, newest first; at least one.

        Raises:
            CertificateUnavailableError: There is no such certificate.
            KeywatchError: The source cannot be asked.
        """
        ...

    def load(self, version: CertificateVersion) -> SigningCertificate:
        """Fetch one version with its key.

        Raises:
            CertificateUnavailableError: Its private key cannot be had from here.
            CertificateUnusableError: Its key is not RSA.
            KeywatchError: The source cannot be asked.
        """
        ...


def rsa_public_key(certificate: x509.Certificate, name: str) -> RSAPublicKey:
    """Return a certificate's key.

    Raises:
        CertificateUnusableError: It is not RSA.
    """
    key = certificate.public_key()
    if isinstance(key, RSAPublicKey):
        return key
    kind = type(key).__name__.removesuffix("PublicKey").lstrip("_")
    raise CertificateUnusableError(
        f"{name} has a key of kind {kind}, and Entra accepts RSA alone (it refuses ES256: AADSTS5002738). "
        "Make a new version with key type RSA-HSM or RSA."
    )
