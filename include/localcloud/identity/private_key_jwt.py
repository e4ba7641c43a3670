"""Client authentication by `private_key_jwt`, as a strict provider checks it.

Sources: OpenID Connect Core 1.0, section 9; RFC 7523, section 3.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.json_web_token import JsonWebToken, MalformedTokenError

ALGORITHMS: Final = ("RS256", "PS256")
LONGEST: Final = 600
"""Seconds that an assertion may still live."""
SKEW: Final = 30
"""Seconds that a client's clock may be off."""


class AssertionRefusedError(Exception):
    """An assertion proves nothing; the message says why."""


class AssertionVerifier:
    """Checks assertions, each of which is taken once."""

    def __init__(self, audiences: Sequence[str]) -> None:
        self._audiences = frozenset(audiences)
        self._seen: dict[str, float] = {}

    def reset(self) -> None:
        """Forget which assertions were taken."""
        self._seen.clear()

    def verify(self, assertion: str, client_id: str, certificates: Sequence[x509.Certificate]) -> None:
        """Check an assertion of a client against its registered certificates.

        Raises:
            AssertionRefusedError: it is not signed by one of them, not for this provider, too old or too long-lived,
                or was taken before.
        """
        try:
            token = JsonWebToken.parse(assertion)
        except MalformedTokenError as error:
            raise AssertionRefusedError(f"client_assertion is {error}") from None
        algorithm = token.header.get("alg")
        if algorithm not in ALGORITHMS:
            raise AssertionRefusedError(f"client_assertion is to be signed with {' or '.join(ALGORITHMS)}")
        if not any(_is_signed_by(token, each, str(algorithm)) for each in certificates):
            raise AssertionRefusedError("client_assertion is signed by no registered certificate that is valid now")
        if token.claims.get("iss") != client_id or token.claims.get("sub") != client_id:
            raise AssertionRefusedError("client_assertion is to have the client id as iss and as sub")
        self._check_audience(token.claims.get("aud"))
        self._take(token.claims.get("jti"), _check_times(token.claims))

    def _check_audience(self, audience: object) -> None:
        named = audience if isinstance(audience, list) else [audience]
        if not any(isinstance(each, str) and each in self._audiences for each in named):
            raise AssertionRefusedError(
                f"client_assertion is to have as aud one of {', '.join(sorted(self._audiences))}"
            )

    def _take(self, jti: object, expires: float) -> None:
        if not isinstance(jti, str) or not jti:
            raise AssertionRefusedError("client_assertion is to have a jti")
        now = time.time()
        self._seen = {each: end for each, end in self._seen.items() if end > now}
        if jti in self._seen:
            raise AssertionRefusedError("client_assertion was used before; make a new one, with another jti, each time")
        self._seen[jti] = expires + SKEW


def _is_signed_by(token: JsonWebToken, certificate: x509.Certificate, algorithm: str) -> bool:
    key = certificate.public_key()
    valid = certificate.not_valid_before_utc <= datetime.now(UTC) < certificate.not_valid_after_utc
    return valid and isinstance(key, rsa.RSAPublicKey) and token.is_signed_by(key, algorithm)


def _check_times(claims: dict[str, Any]) -> float:
    """Give the end, a moment within the next ten minutes; MSAL sends fractions of a second."""
    now = time.time()
    expires, not_before, issued = (_number(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None or not now - SKEW < expires <= now + LONGEST + SKEW:
        raise AssertionRefusedError(f"client_assertion is to expire within the next {LONGEST} seconds")
    if any(each is not None and each > now + SKEW for each in (not_before, issued)):
        raise AssertionRefusedError("client_assertion is not valid yet")
    return expires


def _number(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise AssertionRefusedError(f"client_assertion has a {name} that is no time")
    return float(value)
