"""Validation of tokens, of ID tokens and access tokens alike: nothing in one is believed that its rules do not name.

Source: RFC 7519, section 7.2; RFC 8725 (best current practices); RFC 9068, section 4; OpenID Connect Core 1.0, section
3.1.3.7. The nonce of an ID token is its caller's to compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from keywatch.errors import AccessTokenError
from keywatch.portal.tokens.compact import SignedToken, take_apart
from keywatch.portal.tokens.key_set import LONGEST_KID
from keywatch.portal.tokens.rules import Claims, TokenRules
from keywatch.portal.tokens.signing_keys import SigningKeys
from keywatch.portal.tokens.strict_json import read_object

LEEWAY_SECONDS: Final = 60
"""How far the provider's clock may be from ours."""

LONGEST_LIFETIME: Final = 24 * 3600
"""Seconds from `iat` to `exp`."""

LONGEST_SUBJECT: Final = 256
"""Characters of `sub`; OpenID Connect Core, section 2, allows 255."""

LAST_MOMENT: Final = 253_402_300_799
"""The last second of the year 9999, since 1970."""

VERIFIED: Final = "RS256"
"""The one algorithm that is verified here, whatever rules allow."""

REFUSED: Final = ("crit", "b64", "jku", "jwk", "x5u", "x5c", "enc", "zip", "cty")
"""Parameters of a header that would have another key, another way to read the token, or another token in it."""


def validate(token: str, rules: TokenRules, keys: SigningKeys, now: datetime, leeway: float = LEEWAY_SECONDS) -> Claims:
    """Return what a token says, once it is certain that the provider says it, to this audience and at this time.

    Args:
        token: As it was sent.
        rules: What it must say.
        keys: The provider's.
        now: The time, with its zone.
        leeway: Seconds by which the provider's clock may be early or late.

    Raises:
        AccessTokenError: The token, of whichever kind, is not accepted: `invalid_token` (RFC 6750). The message holds
            nothing of the token.
        ServiceUnavailableError: The provider's keys cannot be had.
    """
    try:
        parts = take_apart(token)
    except ValueError as error:
        raise _refused(f"{error}") from error
    _check_header(parts.header, rules)
    _verify(parts, keys.find(parts.header["kid"]))
    try:
        claims = read_object(parts.payload)
    except ValueError as error:
        raise _refused("its payload is no plain JSON object") from error
    _check_claims(claims, rules)
    _check_times(claims, now.timestamp(), leeway)
    return claims


def scopes_of(claims: Claims, rules: TokenRules) -> frozenset[str]:
    """Return the scopes that a validated access token grants.

    Args:
        claims: What it says.
        rules: Which claim holds them; no other is looked at.

    Returns:
        Each scope of a text that divides them by single spaces (RFC 6749, section 3.3); none of anything else.
    """
    text = claims.get(rules.scopes) if rules.scopes else None
    scopes = text.split(" ") if isinstance(text, str) else []
    return frozenset(scopes) if all(scopes) else frozenset()


def as_moment(value: object) -> float | None:
    """Read a NumericDate (RFC 7519, section 2): seconds since 1970; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= LAST_MOMENT else None


def same_name(text: object, name: str) -> bool:
    """Tell whether a claim is a name, such as a policy's; the case of ASCII letters does not matter."""
    return isinstance(text, str) and text.isascii() and text.lower() == name.lower()


def _check_header(header: Mapping[str, Any], rules: TokenRules) -> None:
    algorithm, kind, kid = header.get("alg"), header.get("typ", "JWT"), header.get("kid")
    if algorithm != VERIFIED or algorithm not in rules.algorithms:
        raise _refused(f"it is not signed by {VERIFIED}")
    if any(name in header for name in REFUSED):
        raise _refused(f"its header has one of {', '.join(REFUSED)}")
    if not isinstance(kind, str) or not kind.isascii() or kind.lower().removeprefix("application/") not in rules.types:
        raise _refused("its header has another type")
    if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID:
        raise _refused("its header does not name the key that has signed it")


def _verify(parts: SignedToken, key: RSAPublicKey | None) -> None:
    if key is None:
        raise _refused("the provider has no key of the name that its header has")
    try:
        key.verify(parts.signature, parts.signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        raise _refused("its signature is not the provider's") from None


def _check_claims(claims: Claims, rules: TokenRules) -> None:
    if claims.get("iss") != rules.issuer:
        raise _refused("its issuer (iss) is another")
    # A token that is for others beside is one that these could use here.
    if claims.get("aud") not in (rules.audience, [rules.audience]):
        raise _refused("its audience (aud) is another")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise _refused("it does not say whom it is about (sub)")
    for name in sorted(rules.required):
        if claims.get(name) in (None, ""):
            raise _refused(f"it has no claim {name}")
    for name, allowed in rules.allowed.items():
        if not any(same_name(claims.get(name), each) for each in allowed):
            raise _refused(f"its claim {name} has not one of the values that are allowed")


def _check_times(claims: Claims, now: float, leeway: float) -> None:
    issued, expires = as_moment(claims.get("iat")), as_moment(claims.get("exp"))
    begins = as_moment(claims["nbf"]) if "nbf" in claims else issued
    if issued is None or expires is None or begins is None:
        raise _refused("one of its times (iat, exp, nbf) is missing, or no time")
    if expires <= now - leeway:
        raise _refused("it has expired")
    if issued > now + leeway or begins > now + leeway:
        raise _refused("it is not valid yet; see that the clocks of this machine and of the provider are right")
    if not 0 < expires - issued <= LONGEST_LIFETIME:
        raise _refused("it lasts longer than a day, or ends before it begins")


def _refused(reason: str) -> AccessTokenError:
    return AccessTokenError(f"The token is not accepted: {reason}. Get a new one.", "invalid_token")
