"""Key sets: which of a provider's published keys may have signed a token (RFC 7517)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from keywatch.portal.tokens.compact import decode
from keywatch.portal.tokens.strict_json import read_object

MOST_KEYS: Final = 100
SMALLEST_KEY: Final = 2048
"""Bits (RFC 7518, section 3.3)."""

LARGEST_KEY: Final = 8192
"""Bits: a signature of more takes long to verify."""

LONGEST_KID: Final = 256
"""Characters of a key's name."""

LARGEST_EXPONENT: Final = 2**32


def read_keys(document: bytes) -> Mapping[str, RSAPublicKey]:
    """Read a key set.

    Args:
        document: What `jwks_uri` answers.

    Returns:
        The RSA keys that sign, of 2048 bits or more, by their `kid`. Others are left out, and so are all keys that
        share a `kid`: nobody could say which of them is meant.

    Raises:
        ValueError: It is no key set, has more than `MOST_KEYS`, or none that can be used.
    """
    listed = read_object(document).get("keys")
    if not isinstance(listed, list):
        raise ValueError("it is no key set")  # noqa: TRY004 - of whoever sent it, not of the program
    if len(listed) > MOST_KEYS:
        raise ValueError(f"it has more than {MOST_KEYS} keys")
    usable = [(str(each["kid"]), key) for each in listed if (key := _key(each))]
    times = Counter(kid for kid, _ in usable)
    keys = {kid: key for kid, key in usable if times[kid] == 1}
    if not keys:
        raise ValueError("it has no key that can be used")
    return keys


def _key(listed: object) -> RSAPublicKey | None:
    """Return the key of an entry; None if it is of another kind, for something else, or too weak."""
    if not isinstance(listed, dict) or not _signs(listed) or not _is_name(listed.get("kid")):
        return None
    try:
        modulus, exponent = (int.from_bytes(decode(listed[name]), "big") for name in ("n", "e"))
        if not SMALLEST_KEY <= modulus.bit_length() <= LARGEST_KEY or exponent > LARGEST_EXPONENT:
            return None
        return RSAPublicNumbers(exponent, modulus).public_key()
    except (KeyError, TypeError, ValueError):
        return None


def _signs(listed: Mapping[str, Any]) -> bool:
    operations = listed.get("key_ops", ["verify"])
    return (
        listed.get("kty") == "RSA"
        and listed.get("use", "sig") == "sig"
        and listed.get("alg", "RS256") == "RS256"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _is_name(kid: object) -> bool:
    return isinstance(kid, str) and 0 < len(kid) <= LONGEST_KID
