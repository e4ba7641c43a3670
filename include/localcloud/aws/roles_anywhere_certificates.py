"""Which certificates IAM Roles Anywhere accepts (user guide, "Trust model", "Signature verification")."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from localcloud.aws.roles_anywhere_errors import EXPIRED, INSUFFICIENT, UNTRUSTED, denied

HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
"""With which a certificate's signature may be made: SHA-256 or stronger."""
UNREADABLE: Final = (
    binascii.Error,
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises for a certificate that is none, or is of a kind that it does not know."""


def read_certificate(text: str) -> x509.Certificate:
    """Read one certificate as a header has it: DER in base64.

    Raises:
        RefusedSessionError: it is none.
    """
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
        _read_all(certificate)
    except UNREADABLE as error:
        raise denied(INSUFFICIENT) from error
    return certificate


def _read_all(certificate: x509.Certificate) -> None:
    """Read the parts that cryptography reads when they are asked for, so that they can be relied on from here on."""
    certificate.public_key()
    for name in ("version", "subject", "issuer", "extensions", "signature_hash_algorithm"):
        getattr(certificate, name)


def check_chain(
    certificate: x509.Certificate, sent: Sequence[x509.Certificate], anchor: x509.Certificate, now: datetime
) -> None:
    """Check the certificate that signs, and follow its issuers up to the trust anchor.

    Args:
        certificate: the one that signs.
        sent: intermediate ones, in any order.
        anchor: the trust anchor's.
        now: the time.

    Raises:
        RefusedSessionError: the certificate is not fit, or no way leads up to the anchor.
    """
    if not _is_leaf(certificate):
        raise denied(INSUFFICIENT)
    if not _is_valid(certificate, now):
        raise denied(EXPIRED)
    if _is_issued_by(certificate, certificate) or not _leads_up(certificate, list(sent), anchor, now, 0):
        raise denied(UNTRUSTED)


def _leads_up(
    certificate: x509.Certificate, sent: list[x509.Certificate], anchor: x509.Certificate, now: datetime, below: int
) -> bool:
    """Tell whether a way leads up from a certificate that has so many authorities below it."""
    if _is_issued_by(certificate, anchor):
        return _is_authority(anchor, now, below)
    return any(
        _is_issued_by(certificate, each)
        and _is_authority(each, now, below)
        and _leads_up(each, [other for other in sent if other != each], anchor, now, below + 1)
        for each in sent
    )


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


def _is_leaf(certificate: x509.Certificate) -> bool:
    constraints, usage = _constraints(certificate), _usage(certificate)
    return (
        _is_strong(certificate)
        and constraints is not None
        and not constraints.ca
        and usage is not None
        and usage.digital_signature
    )


def _is_authority(certificate: x509.Certificate, now: datetime, below: int) -> bool:
    constraints, usage = _constraints(certificate), _usage(certificate)
    if constraints is None or not constraints.ca or usage is None or not usage.key_cert_sign:
        return False
    long_enough = constraints.path_length is None or constraints.path_length >= below
    return long_enough and _is_strong(certificate) and _is_valid(certificate, now)


def _is_strong(certificate: x509.Certificate) -> bool:
    return certificate.version is x509.Version.v3 and isinstance(certificate.signature_hash_algorithm, HASHES)


def _is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _constraints(certificate: x509.Certificate) -> x509.BasicConstraints | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return None


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
