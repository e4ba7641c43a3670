"""Whether a CreateSession request is signed by the certificate that it carries.

Source: IAM Roles Anywhere user guide, "Signing process".
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from localcloud.aws.roles_anywhere_errors import INVALID_SIGNATURE, denied
from localcloud.aws.signature_v4 import SKEW, Signed
from localcloud.http1 import Request

SERVICE = "rolesanywhere"
RSA = "AWS4-X509-RSA-SHA256"
ECDSA = "AWS4-X509-ECDSA-SHA256"
CERTIFICATE, CHAIN = "x-amz-x509", "x-amz-x509-chain"


def check_signature(request: Request, certificate: x509.Certificate, region: str, now: datetime) -> None:
    """Check everything about a request's signature.

    Args:
        request: with the headers as they were sent.
        certificate: the one that the request carries.
        region: the service's.
        now: the time.

    Raises:
        RefusedSessionError: the signature is not valid.
    """
    signed = Signed.read(request)
    if signed is None or not _is_about(signed, certificate, region) or not _covers_enough(signed, request):
        raise denied(INVALID_SIGNATURE)
    date = signed.date(request)
    if date is None or abs(now - date) > SKEW:
        raise denied(INVALID_SIGNATURE)
    text = signed.string_to_sign(request, hashlib.sha256(request.body).hexdigest())
    if not _is_made_by(certificate.public_key(), signed, text.encode("latin-1")):
        raise denied(INVALID_SIGNATURE)


def _is_about(signed: Signed, certificate: x509.Certificate, region: str) -> bool:
    return (signed.who, signed.region, signed.service) == (str(certificate.serial_number), region, SERVICE)


def _covers_enough(signed: Signed, request: Request) -> bool:
    return signed.covers(request, "content-type", "x-amz-date", CERTIFICATE)


def _is_made_by(key: object, signed: Signed, text: bytes) -> bool:
    if len(signed.signature) % 2:
        return False
    signature = bytes.fromhex(signed.signature)
    try:
        if isinstance(key, rsa.RSAPublicKey) and signed.algorithm == RSA:
            key.verify(signature, text, PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and signed.algorithm == ECDSA:
            key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except InvalidSignature:
        return False
    return True
