"""The certificate authority that issues the certificates in the vault: none that TLS trusts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

NAME: Final = "Local cloud certificates"
YEARS: Final = timedelta(days=3650)
SIGNATURE_HASHES: Final[dict[str, hashes.SHA256 | hashes.SHA384]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
}
ISSUERS: Final = ("authority", "self", "stranger", "intermediate", "ca")

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Issuance:
    """Who issues a certificate, and how.

    Attributes:
        issuer: `authority`; `self`, its own key; `stranger`, an authority that nobody trusts; `intermediate`, one
            below the authority; or `ca`, the authority, which makes it a certificate authority's own.
        subject: its common name; None is the certificate's name in the vault.
        signature_hash: sha256 or sha384.
    """

    issuer: str = "authority"
    subject: str | None = None
    signature_hash: str = "sha256"

    def __post_init__(self) -> None:
        if self.issuer not in ISSUERS:
            raise ValueError(f"A certificate is issued by one of {', '.join(ISSUERS)}, not {self.issuer}")
        if self.signature_hash not in SIGNATURE_HASHES:
            raise ValueError(f"A signature's hash is one of {', '.join(SIGNATURE_HASHES)}, not {self.signature_hash}")


@dataclass(frozen=True)
class Validity:
    """From when to when a certificate is valid."""

    not_before: datetime
    not_after: datetime


class CertificateAuthority:
    """Issues certificates; its private key stays in memory.

    Args:
        name: its common name.
        above: the authority that issues its own certificate; None lets it sign that itself.
    """

    def __init__(self, name: str = NAME, above: CertificateAuthority | None = None) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        now = datetime.now(UTC)
        builder = _authority_builder(
            name, self._key.public_key(), Validity(now - YEARS, now + YEARS), int(above is None)
        )
        issuer = _name(name) if above is None else above.certificate.subject
        signing = self._key if above is None else above._key  # noqa: SLF001 - an authority's own kind
        self.certificate: x509.Certificate = builder.issuer_name(issuer).sign(signing, hashes.SHA256())
        self._chain = (self.certificate,) if above is None else (self.certificate, above.certificate)

    @cached_property
    def intermediate(self) -> CertificateAuthority:
        """An authority below this one."""
        return CertificateAuthority(f"{NAME}, intermediate", self)

    @cached_property
    def stranger(self) -> CertificateAuthority:
        """An authority of the same name that has nothing to do with this one."""
        return CertificateAuthority(NAME)

    def issue(self, common_name: str, key: PublicKey, not_before: datetime, not_after: datetime) -> x509.Certificate:
        """Issue a certificate for signing, such as Key Vault's default policy asks for."""
        builder = _leaf_builder(common_name, key, Validity(not_before, not_after))
        return builder.issuer_name(self.certificate.subject).sign(self._key, hashes.SHA256())

    def issue_as(
        self, issuance: Issuance, name: str, key: PrivateKey, validity: Validity
    ) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
        """Issue a certificate in one of several ways.

        Args:
            issuance: who issues it, and how.
            name: its common name, unless the issuance names another.
            key: its key.
            validity: from when to when it is valid.

        Returns:
            The certificate, and the authorities above it, the nearest first.
        """
        common_name, algorithm = issuance.subject or name, SIGNATURE_HASHES[issuance.signature_hash]
        if issuance.issuer == "ca":
            builder = _authority_builder(common_name, key.public_key(), validity, 0)
        else:
            builder = _leaf_builder(common_name, key.public_key(), validity)
        if issuance.issuer == "self":
            return builder.issuer_name(_name(common_name)).sign(key, algorithm), ()
        authority = {"stranger": lambda: self.stranger, "intermediate": lambda: self.intermediate}.get(
            issuance.issuer, lambda: self
        )()
        made = builder.issuer_name(authority.certificate.subject).sign(authority._key, algorithm)  # noqa: SLF001
        return made, authority._chain  # noqa: SLF001 - an authority's own kind

    def has_issued(self, certificate: x509.Certificate) -> bool:
        """Tell whether a certificate is signed by this authority."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (InvalidSignature, TypeError, ValueError):
            return False
        return True


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _leaf_builder(common_name: str, key: PublicKey, validity: Validity) -> x509.CertificateBuilder:
    usage = _usage(key_encipherment=isinstance(key, rsa.RSAPublicKey))
    return (
        _builder(common_name, key, validity)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
    )


def _authority_builder(
    common_name: str, key: PublicKey, validity: Validity, path_length: int
) -> x509.CertificateBuilder:
    return (
        _builder(common_name, key, validity)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(authority=True), critical=True)
    )


def _usage(*, key_encipherment: bool = False, authority: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(common_name: str, key: PublicKey, validity: Validity) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
