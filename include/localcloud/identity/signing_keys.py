"""A provider's signing keys: the current one, those that are still published, and one that never was.

Source: RFC 7517 (JSON Web Key), RFC 7518, section 3.3 (RS256).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.json_web_token import JsonWebToken, MalformedTokenError, public_jwk, sign


@dataclass(frozen=True)
class SigningKey:
    """A key pair and its id."""

    key_id: str
    key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def make(cls) -> SigningKey:
        """Make one of 2048 bits."""
        return cls(secrets.token_urlsafe(24), rsa.generate_private_key(65537, 2048))


class SigningKeys:
    """The keys of one provider, the current one last."""

    def __init__(self) -> None:
        self._first = SigningKey.make()
        self._stranger: SigningKey | None = None
        self._published = [self._first]

    @property
    def current(self) -> SigningKey:
        """What tokens are signed with."""
        return self._published[-1]

    @property
    def other(self) -> SigningKey:
        """A key that is never published."""
        self._stranger = self._stranger or SigningKey.make()
        return self._stranger

    def reset(self) -> None:
        """Publish and use the first key alone."""
        self._published = [self._first]

    def rotate(self) -> None:
        """Sign with a new key; the old ones stay published."""
        self._published.append(SigningKey.make())

    def retire(self) -> None:
        """Publish the current key alone."""
        del self._published[:-1]

    def document(self) -> dict[str, Any]:
        """Write the JSON Web Key Set."""
        return {
            "keys": [
                {"use": "sig", "alg": "RS256", "kid": each.key_id} | public_jwk(each.key.public_key())
                for each in self._published
            ]
        }

    def sign(
        self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None, key: SigningKey | None = None
    ) -> str:
        """Make a token of whatever claims, signed with RS256; the header names the key unless it has a `kid`."""
        chosen = key or self.current
        return sign(chosen.key, {"typ": "JWT", "kid": chosen.key_id} | dict(header or {}), dict(claims))

    def claims_of(self, token: str) -> dict[str, Any] | None:
        """Read a token that a published key has signed, however old it is; None if it is none."""
        try:
            parsed = JsonWebToken.parse(token)
        except MalformedTokenError:
            return None
        for each in self._published:
            if each.key_id == parsed.header.get("kid") and parsed.is_signed_by(each.key.public_key(), "RS256"):
                return parsed.claims
        return None
