"""Certificates and keys made for a test, in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from keywatch.credentials.certificate import SigningCertificate

NOW = datetime.now(UTC).replace(microsecond=0)


@cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """Make an RSA key; the same number gives the same key."""
    del number
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """Make a key that Entra refuses."""
    return ec.generate_private_key(ec.SECP256R1())


def certificate(
    key: CertificateIssuerPrivateKeyTypes, *, days: float = 90, name: str = "keywatch.test"
) -> x509.Certificate:
    """Make a self-signed certificate that lasts some days."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=days))
        .sign(key, SHA256())
    )


def signing(number: int = 0, *, chain: tuple[x509.Certificate, ...] = (), version: str = "1") -> SigningCertificate:
    """Make a certificate that signs, with its key in memory."""
    key = rsa_key(number)
    return SigningCertificate(certificate(key), chain, key, "memory", version)


def key_pem(key: CertificateIssuerPrivateKeyTypes, passphrase: bytes | None = None) -> bytes:
    """Write a private key as PEM."""
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def pem(*certificates: x509.Certificate) -> bytes:
    """Write certificates as PEM."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
