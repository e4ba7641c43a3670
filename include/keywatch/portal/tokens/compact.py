"""Tokens as they are sent: JWS in compact serialization (RFC 7515, section 7.1)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any, Final

from keywatch.portal.tokens.strict_json import read_object

LARGEST_TOKEN: Final = 16 * 1024
"""Characters. What providers issue is below 4 KiB."""

PARTS: Final = 3
"""Header, payload and signature. A token of five parts is encrypted (RFC 7516), which nobody here can read."""

BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token that has been taken apart, and whose signature has not been verified.

    Attributes:
        header: What it says of itself.
        payload: Its claims, as they were signed: not to be read before the signature is verified.
        signed: What the signature is of.
        signature: The signature.
    """

    header: dict[str, Any] = field(repr=False)
    payload: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def take_apart(token: str) -> SignedToken:
    """Take a token apart.

    Args:
        token: As it was sent.

    Raises:
        ValueError: It is too large, has not three parts, or one that is not written as it would be written by everybody
            else; or its header is no JSON object.
    """
    if len(token) > LARGEST_TOKEN:
        raise ValueError(f"it has more than {LARGEST_TOKEN:,} characters")
    parts = token.split(".")
    if len(parts) != PARTS:
        raise ValueError(f"it has not {PARTS} parts")
    header, payload, signature = map(decode, parts)
    try:
        read = read_object(header)
    except ValueError as error:
        raise ValueError("its header is no plain JSON object") from error
    return SignedToken(read, payload, token.rpartition(".")[0].encode("ascii"), signature)


def decode(text: str) -> bytes:
    """Decode base64url without padding (RFC 7515, section 2).

    Raises:
        ValueError: It is empty, has any other character, or bits at its end that mean nothing.
    """
    if not BASE64URL.fullmatch(text):
        raise ValueError("a part of it is not base64url")
    decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != text.encode("ascii"):
        raise ValueError("a part of it is not base64url as it is written")
    return decoded
