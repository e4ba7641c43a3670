"""Validation of tokens, signed by real keys that come over TLS."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import hypothesis.strategies as st
import pytest
from hypothesis import given

from keywatch.errors import AccessTokenError
from keywatch.portal.tokens.compact import LARGEST_TOKEN
from keywatch.portal.tokens.rules import Claims, TokenRules
from keywatch.portal.tokens.signing_keys import SigningKeys
from keywatch.portal.tokens.validate import LEEWAY_SECONDS, LONGEST_LIFETIME, same_name, scopes_of, validate
from tests.keywatch.credentials.made import rsa_key
from tests.keywatch.portal.tokens.issuer import Issuer, b64, encode, header, sign, sign_parts

NOW: Final = 1_795_000_000
CLAIMS: Final = {
    "iss": "https://sso.keywatch.example/",
    "aud": "keywatch-api",
    "sub": "subject-1",
    "iat": NOW - 10,
    "exp": NOW + 3_590,
    "tfp": "B2C_1_SignIn",
    "scp": "Accounts.Read Accounts.Write",
}
RULES: Final = TokenRules(
    "https://sso.keywatch.example/",
    "keywatch-api",
    required=frozenset({"tfp"}),
    allowed={"tfp": frozenset({"b2c_1_signin", "b2c_1_mfa"})},
    scopes="scp",
)
GOOD: Final = sign(CLAIMS, header())


@pytest.fixture(scope="module")
def keys(shared_issuer: Issuer) -> SigningKeys:
    """Give the keys of a provider."""
    shared_issuer.reset()
    return SigningKeys(shared_issuer, shared_issuer.transport)


def validated(token: str, keys: SigningKeys, rules: TokenRules = RULES) -> Claims:
    """Validate a token at the moment that it was made for."""
    return validate(token, rules, keys, datetime.fromtimestamp(NOW, UTC))


def with_claims(**changes: Any) -> str:  # noqa: ANN401 - forged ones have any value
    """Sign claims that differ from the good ones; what is `...` is left out."""
    return sign({name: value for name, value in (CLAIMS | changes).items() if value is not ...}, header())


def test_good_token_says_what_it_says(keys: SigningKeys) -> None:
    """A token that obeys every rule is accepted, with all its claims."""
    assert validated(GOOD, keys) == CLAIMS


@pytest.mark.parametrize("kind", [None, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"])
def test_types_of_tokens_are_accepted(keys: SigningKeys, kind: str | None) -> None:
    """The type is a media type, whose case and prefix do not matter, and may be left out (RFC 7515, 4.1.9)."""
    assert validated(sign(CLAIMS, header(typ=kind)), keys) == CLAIMS


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["keywatch-api"]},
        {"tfp": "b2c_1_MFA"},
        {"nbf": NOW},
        {"nbf": NOW + LEEWAY_SECONDS},
        {"iat": NOW + LEEWAY_SECONDS},
        {"iat": NOW - 3_600, "exp": NOW - LEEWAY_SECONDS + 1},
        {"iat": float(NOW), "exp": NOW + 0.5},
        {"exp": NOW - 10 + LONGEST_LIFETIME},
        {"sub": "s" * 256},
        {"scp": ...},
        {"crit": ["a claim, no parameter of the header"]},
    ],
    ids=str,
)
def test_what_is_just_within_the_rules_is_accepted(keys: SigningKeys, changes: dict[str, Any]) -> None:
    """Every limit is one that a token may reach."""
    assert validated(with_claims(**changes), keys)["sub"]


REFUSED: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "iss without its slash": ({"iss": "https://sso.keywatch.example"}, r"issuer \(iss\)"),
    "iss is a list": ({"iss": ["https://sso.keywatch.example/"]}, r"issuer \(iss\)"),
    "aud of another": ({"aud": "keywatch-web"}, r"audience \(aud\)"),
    "aud of two": ({"aud": ["keywatch-api", "keywatch-web"]}, r"audience \(aud\)"),
    "aud twice": ({"aud": ["keywatch-api", "keywatch-api"]}, r"audience \(aud\)"),
    "aud is empty": ({"aud": []}, r"audience \(aud\)"),
    "sub is empty": ({"sub": ""}, r"\(sub\)"),
    "sub is a number": ({"sub": 1}, r"\(sub\)"),
    "sub is too long": ({"sub": "s" * 257}, r"\(sub\)"),
    "required claim is missing": ({"tfp": ...}, "no claim tfp"),
    "required claim is null": ({"tfp": None}, "no claim tfp"),
    "required claim is empty": ({"tfp": ""}, "no claim tfp"),
    "claim has another value": ({"tfp": "b2c_1_edit"}, "claim tfp"),
    "claim begins with a value": ({"tfp": "b2c_1_signin2"}, "claim tfp"),
    "claim is a list": ({"tfp": ["b2c_1_signin"]}, "claim tfp"),
    "claim is in letters that look alike": ({"tfp": "b2c_1_s\u0131gnin"}, "claim tfp"),
    "claim has a letter that lower case makes another": ({"tfp": "b2c_1_\u017fignin"}, "claim tfp"),
    "exp is over": ({"exp": NOW - LEEWAY_SECONDS}, "expired"),
    "exp is text": ({"exp": str(NOW + 60)}, "iat, exp, nbf"),
    "exp is true": ({"exp": True}, "iat, exp, nbf"),
    "exp is missing": ({"exp": ...}, "iat, exp, nbf"),
    "exp is after all years": ({"exp": 10**400}, "iat, exp, nbf"),
    "exp is before all years": ({"exp": -1}, "iat, exp, nbf"),
    "iat is missing": ({"iat": ...}, "iat, exp, nbf"),
    "iat is null": ({"iat": None}, "iat, exp, nbf"),
    "iat is to come": ({"iat": NOW + LEEWAY_SECONDS + 1}, "not valid yet"),
    "nbf is to come": ({"nbf": NOW + LEEWAY_SECONDS + 1}, "not valid yet"),
    "nbf is text": ({"nbf": str(NOW)}, "iat, exp, nbf"),
    "nbf is null": ({"nbf": None}, "iat, exp, nbf"),
    "lasts a day and a second": ({"exp": NOW - 9 + LONGEST_LIFETIME}, "longer than a day"),
    "ends when it begins": ({"iat": NOW + 10, "exp": NOW + 10}, "longer than a day, or ends"),
}


@pytest.mark.parametrize(("changes", "words"), REFUSED.values(), ids=REFUSED)
def test_claims_against_the_rules_are_refused(keys: SigningKeys, changes: dict[str, Any], words: str) -> None:
    """A signed token is not accepted for what its rules do not allow, and the message names the claim."""
    with pytest.raises(AccessTokenError, match=words) as refused:
        validated(with_claims(**changes), keys)

    assert refused.value.error == "invalid_token"
    assert not any(str(each) in str(refused.value) for each in changes.values() if isinstance(each, str) and each)


def test_rules_decide_on_algorithms_and_types(keys: SigningKeys) -> None:
    """What a caller does not allow is refused, and what nobody verifies is refused although a caller allows it."""
    none = f"{b64(encode(header(alg='none')))}.{b64(encode(CLAIMS))}.AA"
    for token, rules in (
        (GOOD, replace(RULES, algorithms=frozenset({"RS512"}))),
        (none, replace(RULES, algorithms=frozenset({"none", "RS256"}))),
        (GOOD, replace(RULES, types=frozenset({"at+jwt"}))),
    ):
        with pytest.raises(AccessTokenError, match=r"RS256|another type"):
            validated(token, keys, rules)


def test_largest_token_is_accepted(keys: SigningKeys) -> None:
    """A token of 16 KiB is accepted, and one character more is not."""
    room = (LARGEST_TOKEN - len(with_claims(more=""))) * 3 // 4
    largest = with_claims(more="m" * room)

    assert LARGEST_TOKEN - 1 <= len(largest) <= LARGEST_TOKEN
    assert validated(largest, keys)
    with pytest.raises(AccessTokenError, match="16,384 characters"):
        validated(largest + "A" * (LARGEST_TOKEN + 1 - len(largest)), keys)


@given(data=st.data())
def test_no_character_of_a_token_can_be_another(keys: SigningKeys, data: st.DataObject) -> None:
    """A token in which one character is changed, left out or added is not accepted."""
    place = data.draw(st.integers(0, len(GOOD) - 1))
    character = data.draw(st.characters(codec="utf-8"))
    kept = data.draw(st.sampled_from([place, place + 1]))
    forged = GOOD[:place] + data.draw(st.sampled_from([character, ""])) + GOOD[kept:]
    if forged == GOOD:
        return

    with pytest.raises(AccessTokenError):
        validated(forged, keys)


@given(token=st.text(alphabet=st.characters(codec="utf-8")) | st.from_regex(r"\A[\w-]+\.[\w-]+\.[\w-]+\Z"))
def test_no_text_breaks_the_validation(keys: SigningKeys, token: str) -> None:
    """Whatever is sent as a token is refused, and in no other way."""
    with pytest.raises(AccessTokenError, match="The token is not accepted"):
        validated(token, keys)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{", encode(CLAIMS)[:-1] + b',"aud":"keywatch-api"}', b'{"exp":NaN}', b"\xff" * 40]
)
def test_payload_that_is_no_plain_object_is_refused(keys: SigningKeys, payload: bytes) -> None:
    """A signature does not make a payload one that can be read in one way only."""
    with pytest.raises(AccessTokenError, match=r"payload|base64url"):
        validated(sign_parts(b64(encode(header())), b64(payload)), keys)


def test_key_of_another_is_refused(keys: SigningKeys) -> None:
    """Neither a key that calls itself the provider's nor one that the provider does not publish counts."""
    with pytest.raises(AccessTokenError, match="signature is not the provider's"):
        validated(sign(CLAIMS, header(), rsa_key(9)), keys)
    with pytest.raises(AccessTokenError, match="has no key of the name"):
        validated(sign(CLAIMS, header(kid="another"), rsa_key(9)), keys)


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scp": "Accounts.Read Accounts.Write"}, {"Accounts.Read", "Accounts.Write"}),
        ({"scp": "Accounts.Read"}, {"Accounts.Read"}),
        ({"scp": ""}, set()),
        ({"scp": "Accounts.Read  Accounts.Write"}, set()),
        ({"scp": " Accounts.Read"}, set()),
        ({"scp": "Accounts.Read\tAccounts.Write"}, {"Accounts.Read\tAccounts.Write"}),
        ({"scp": ["Accounts.Read"]}, set()),
        ({"scope": "Accounts.Read", "roles": ["Accounts.Read"]}, set()),
    ],
    ids=lambda value: str(value if isinstance(value, dict) else sorted(value)),
)
def test_scopes_are_of_one_claim(claims: dict[str, Any], scopes: set[str]) -> None:
    """Scopes are a text that divides them by single spaces, in the one claim that the rules name."""
    assert scopes_of(claims, RULES) == scopes


def test_id_token_has_no_scopes() -> None:
    """Rules without a claim for scopes find none."""
    assert scopes_of({"scp": "Accounts.Read"}, replace(RULES, scopes=None)) == frozenset()


def test_letters_that_only_look_alike_are_others() -> None:
    """Lower case makes a k of the Kelvin sign, which is no letter of a policy."""
    assert same_name("B2C_1_Keys", "b2c_1_keys")
    assert "B2C_1_\u212aeys".lower() == "b2c_1_keys"
    assert not same_name("B2C_1_\u212aeys", "b2c_1_keys")
