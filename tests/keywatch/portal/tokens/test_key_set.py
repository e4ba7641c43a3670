"""Key sets: which keys are taken."""

from __future__ import annotations

from typing import Any

import pytest

from keywatch.portal.tokens.key_set import MOST_KEYS, read_keys
from tests.keywatch.credentials.made import rsa_key
from tests.keywatch.portal.tokens.issuer import encode, public_jwk

GOOD = public_jwk("good", rsa_key())

LEFT_OUT: dict[str, Any] = {
    "for encryption": public_jwk("bad", rsa_key(1), use="enc"),
    "another use": public_jwk("bad", rsa_key(1), use=["sig"]),
    "another algorithm": public_jwk("bad", rsa_key(1), alg="RS512"),
    "an algorithm of encryption": public_jwk("bad", rsa_key(1), alg="RSA-OAEP"),
    "signs only": public_jwk("bad", rsa_key(1), key_ops=["sign"]),
    "operations are text": public_jwk("bad", rsa_key(1), key_ops="verify"),
    "symmetric": {"kty": "oct", "kid": "bad", "k": "c2VjcmV0"},
    "elliptic curve": {"kty": "EC", "kid": "bad", "crv": "P-256", "x": "AQ", "y": "AQ"},
    "no kid": public_jwk(None, rsa_key(1)),
    "empty kid": public_jwk("", rsa_key(1)),
    "kid is a number": public_jwk(1, rsa_key(1)),
    "kid without end": public_jwk("b" * 257, rsa_key(1)),
    "no modulus": public_jwk("bad", rsa_key(1), n=None),
    "modulus is a number": public_jwk("bad", rsa_key(1), n=5),
    "modulus is padded": public_jwk("bad", rsa_key(1), n=f"{GOOD['n']}=="),
    "even exponent": public_jwk("bad", rsa_key(1), e="Ag"),
    "exponent 1": public_jwk("bad", rsa_key(1), e="AQ"),
    "exponent without end": public_jwk("bad", rsa_key(1), e=GOOD["n"]),
    "1,008 bits": public_jwk("bad", rsa_key(1), n="_" * 168),
    "16,392 bits": public_jwk("bad", rsa_key(1), n="_" * 2_732),
    "no object": "bad",
}


@pytest.mark.parametrize("entry", LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_may_not_have_signed_is_left_out(entry: object) -> None:
    """A key of another kind, for something else or too weak does not keep the others from being used."""
    assert set(read_keys(encode({"keys": [entry, GOOD]}))) == {"good"}


def test_keys_that_say_no_more_than_they_must_are_taken() -> None:
    """Use, algorithm and operations may be left open."""
    plain = public_jwk("plain", rsa_key(1), use=None)
    whole = public_jwk("whole", rsa_key(2), alg="RS256", key_ops=["verify"], x5t="x", nbf=1)

    assert set(read_keys(encode({"keys": [plain, whole]}))) == {"plain", "whole"}


def test_keys_of_one_name_are_all_refused() -> None:
    """Nobody can say which of two keys a name means, the same key twice included."""
    other = public_jwk("twice", rsa_key(1))

    assert set(read_keys(encode({"keys": [other, GOOD, public_jwk("twice", rsa_key(2))]}))) == {"good"}
    assert set(read_keys(encode({"keys": [other, GOOD, other]}))) == {"good"}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[]}',
        b'{"keys":[],"keys":[]}',
        encode({"keys": [LEFT_OUT["for encryption"]]}),
        encode({"keys": [public_jwk(str(number), rsa_key()) for number in range(MOST_KEYS + 1)]}),
    ],
    ids=["nothing", "list", "no keys", "keys are no list", "empty", "keys twice", "none to use", "too many"],
)
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    """Without a key that can be used, there is no key set."""
    with pytest.raises(ValueError, match=r"^it (is|has) "):
        read_keys(document)
