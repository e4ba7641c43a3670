"""JSON Web Tokens in compact form, read strictly: RFC 7515 (JWS), RFC 7518 (algorithms), RFC 7519 (claims)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*")
HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
"""The hash behind the digits that an algorithm's name ends with."""


class MalformedTokenError(ValueError):
    """A text is not a JSON Web Token in compact form."""


def to_base64url(data: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def from_base64url(text: str) -> bytes:
    """Decode what has no padding, and nothing outside the alphabet.

    Raises:
        MalformedTokenError: it is not that, or its last character holds bits that no encoder writes.
    """
    if not BASE64URL.fullmatch(text):
        raise MalformedTokenError("not base64url without padding")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise MalformedTokenError("not base64url without padding") from error
    if to_base64url(data) != text:
        raise MalformedTokenError("not the canonical base64url form")
    return data


def rsa_padding(algorithm: str) -> padding.AsymmetricPadding:
    """Give the padding of PS256, RS256 and their longer kin; PSS takes a salt as long as the hash (RFC 7518, 3.5)."""
    if algorithm.startswith("PS"):
        chosen = HASHES[algorithm[2:]]
        return padding.PSS(padding.MGF1(chosen), chosen.digest_size)
    return padding.PKCS1v15()


@dataclass(frozen=True)
class JsonWebToken:
    """A token's parts; nothing is verified yet.

    Attributes:
        header: the JOSE header.
        claims: the payload.
        signed: what the signature is over.
        signature: as sent.
    """

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take a token apart.

        Raises:
            MalformedTokenError: it is none.
        """
        parts = text.split(".")
        if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
            raise MalformedTokenError("not three parts with dots between them")
        header, claims = (_object(from_base64url(part)) for part in parts[:2])
        return cls(header, claims, f"{parts[0]}.{parts[1]}".encode("ascii"), from_base64url(parts[2]))

    def is_signed_by(self, key: rsa.RSAPublicKey, algorithm: str) -> bool:
        """Tell whether the signature is one of an RSA key with an algorithm, whatever the header says."""
        try:
            key.verify(self.signature, self.signed, rsa_padding(algorithm), HASHES[algorithm[2:]])
        except InvalidSignature:
            return False
        return True


def sign(key: rsa.RSAPrivateKey, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Make a token, signed with RS256."""
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in ({"alg": "RS256"} | header, claims))
    signed = ".".join(to_base64url(part) for part in parts)
    signature = key.sign(signed.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{to_base64url(signature)}"


def public_jwk(key: rsa.RSAPublicKey) -> dict[str, str]:
    """Write an RSA public key as a JSON Web Key (RFC 7517)."""
    numbers = key.public_numbers()
    return {"kty": "RSA", "n": to_base64url(_minimal(numbers.n)), "e": to_base64url(_minimal(numbers.e))}


def _minimal(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedTokenError("not JSON in UTF-8 with unique names") from error
    if not isinstance(value, dict):
        raise MalformedTokenError("not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
