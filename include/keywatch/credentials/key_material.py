"""Read PEM and PKCS#12 in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from keywatch.credentials.certificate import rsa_public_key
from keywatch.errors import CertificateUnavailableError

PEM_MARK: Final = b"-----BEGIN "
CERTIFICATE_MARK: Final = b"-----BEGIN CERTIFICATE-----"
PRIVATE_KEY_MARK: Final = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """A certificate with its chain and its private key.

    Attributes:
        certificate: The key's own certificate.
        chain: The others, in the order in which they came.
        private_key: Signs.
    """

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    private_key: RSAPrivateKey = field(repr=False)


def read_key_material(data: bytes, passphrase: bytes | None, name: str, no_key: str) -> KeyMaterial:
    """Read a certificate and its private key from PEM or PKCS#12, whichever it is.

    Args:
        data: The file's or the secret's bytes.
        passphrase: Opens the private key; None if it is not encrypted.
        name: What is read, for messages.
        no_key: What to do when there is no private key, for the message.

    Raises:
        CertificateUnavailableError: It cannot be read, the passphrase does not open it, or it lacks the certificate
            or the private key.
        CertificateUnusableError: The key is not RSA.
    """
    try:
        key, certificates = (_pem if PEM_MARK in data else _pkcs12)(data, passphrase)
        for each in certificates:
            each.public_key()  # is read when it is asked for: a damaged one shows here
    except (TypeError, UnsupportedAlgorithm, ValueError) as error:
        raise CertificateUnavailableError(
            f"{name} is no PEM and no PKCS#12 that its passphrase opens: {str(error).partition('. See ')[0]}. "
            "Correct the file, or the reference to its passphrase."
        ) from error
    if not certificates:
        raise CertificateUnavailableError(f"{name} holds no certificate. Put the certificate beside its private key.")
    if key is None:
        rsa_public_key(certificates[0], name)
        raise CertificateUnavailableError(f"{name} holds no private key. {no_key}")
    own = next((each for each in certificates if each.public_key() == key.public_key()), None)
    if own is None:
        raise CertificateUnavailableError(
            f"No certificate in {name} belongs to its private key. Put the key and the certificate of one issue there."
        )
    rsa_public_key(own, name)
    return KeyMaterial(own, tuple(each for each in certificates if each != own), cast("RSAPrivateKey", key))


Found = tuple[CertificateIssuerPrivateKeyTypes | None, list[x509.Certificate]]


def _pem(data: bytes, passphrase: bytes | None) -> Found:
    certificates = x509.load_pem_x509_certificates(data) if CERTIFICATE_MARK in data else []
    found = PRIVATE_KEY_MARK.search(data)
    if found is None:
        return None, certificates
    key = load_pem_private_key(data[found.start() :], passphrase)
    return cast("CertificateIssuerPrivateKeyTypes", key), certificates


def _pkcs12(data: bytes, passphrase: bytes | None) -> Found:
    found = load_pkcs12(data, passphrase)
    certificates = [found.cert, *found.additional_certs] if found.cert else found.additional_certs
    return cast("CertificateIssuerPrivateKeyTypes | None", found.key), [each.certificate for each in certificates]
