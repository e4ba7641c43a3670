"""Secrets in JSON, XML and forms, by their names."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs, quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.trace.documents import Json, is_left, redact_broken_json, redact_form, redact_xml
from keywatch.trace.known import REMOVED

NAMES = [
    *("access_token", "refresh_token", "id_token", "client_secret", "client_assertion", "assertion", "password"),
    *("secretAccessKey", "sessionToken", "SecretAccessKey", "SessionToken", "Token", "key", "primarySharedKey"),
    *("d", "p", "q", "dp", "dq", "qi", "k", "x-api-key", "Client-Secret", "connectionString"),
]
OPEN = ["user", "expires_in", "token_type", "error", "code", "PasswordLastUsed", "kid", "value", "n", "e", "NextToken"]

SECRET = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda text: f"5ecret-{text}-")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(OPEN), inner, max_size=3),
    max_leaves=8,
)


class Taken:
    """Takes secrets, and remembers them."""

    def __init__(self) -> None:
        self.secrets: list[str] = []

    def __call__(self, _: str, secret: str) -> str:
        """Take a secret."""
        self.secrets.append(secret)
        return REMOVED


def same(text: str) -> str:
    """Find nothing."""
    return text


@given(st.sampled_from(NAMES), SECRET, JSON, st.integers(0, 5))
def test_field_of_json_is_removed_at_any_depth(name: str, secret: str, beside: object, depth: int) -> None:
    """However deep a secret lies, it is taken out, and nothing else is."""

    def nested(value: object) -> object:
        for _ in range(depth):
            value = {"inner": [beside, value]}
        return value

    taken = Taken()
    left = Json(taken).redact(json.dumps(nested({"user": "me", name: secret, "beside": beside})))

    assert json.loads(left) == nested({"user": "me", name: REMOVED, "beside": beside})
    assert taken.secrets == [secret]


@given(st.sampled_from(OPEN), JSON)
def test_json_without_secrets_stays_as_it_is(name: str, value: object) -> None:
    """What names no secret is the same text."""
    text = json.dumps({name: value}, indent=1, ensure_ascii=False)
    if "\\" in text:
        text = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))

    assert Json(Taken()).redact(text) == text


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        ({"password": 12345678}, ["12345678"]),
        ({"client_secret": {"value": "one", "old": ["two", None, 3]}}, ["one", "two", "3"]),
        ({"keys": [{"keyName": "key1", "value": "one"}]}, ["one"]),
        ({"body": json.dumps({"inner": json.dumps({"password": "one"})})}, ["one"]),
        ({"body": json.dumps([{"Token": "one"}])}, ["one"]),
        ({"body": "{not JSON", "password": "one"}, ["one"]),
    ],
)
def test_secret_of_json_may_be_anything(value: object, secrets: list[str]) -> None:
    """A number, an object, a list, or a field of JSON that is itself a text: whatever it is, it is taken out."""
    taken = Taken()
    left = Json(taken).redact(json.dumps(value))

    assert taken.secrets == secrets
    assert "one" not in left
    assert "two" not in left


def test_duplicate_fields_are_all_taken() -> None:
    """A field that is there twice holds two secrets."""
    taken = Taken()

    assert Json(taken).redact('{"token":"one","token":"two"}') == f'{{"token":"{REMOVED}"}}'
    assert taken.secrets == ["one", "two"]


def test_value_is_a_secret_of_a_vault() -> None:
    """A secret, a digest and a signature are all called `value` by a vault; a list of what is there is too."""
    assert Json(Taken(), of_a_vault=True).redact('{"value":"x","id":"y"}') == f'{{"value":"{REMOVED}","id":"y"}}'
    assert Json(Taken(), of_a_vault=True).redact('{"value":[{"id":"y"}]}') == '{"value":[{"id":"y"}]}'
    assert Json(Taken()).redact('{"value":"x"}') == '{"value":"x"}'


@pytest.mark.parametrize("name", ["authorization", "secret_props", "token_endpoint", "key", "tokenPolicy"])
def test_object_that_is_no_secret_is_looked_into(name: str) -> None:
    """What tells something about a secret stays, but for the secrets in it."""
    left = Json(Taken()).redact(json.dumps({name: {"kid": "x", "k": "one"}}))

    assert json.loads(left) == {name: {"kid": "x", "k": REMOVED}}


@given(st.lists(st.tuples(st.sampled_from(NAMES), SECRET), min_size=1, max_size=5), st.integers(0, 400))
def test_json_that_is_cut_keeps_no_secret(pairs: list[tuple[str, str]], length: int) -> None:
    """Wherever a document was cut, no part of a secret is left."""
    text = "".join(json.dumps({"user": "me", name: secret}) for name, secret in pairs)[:length]

    left = redact_broken_json(text, Taken(), of_a_vault=False)

    assert "5ecret-" not in left


def test_broken_json_of_a_vault() -> None:
    """What is called `value` is a secret of a vault also in what is cut."""
    text = '{"id":"x","value":"one'

    assert redact_broken_json(text, Taken(), of_a_vault=True) == f'{{"id":"x","value":"{REMOVED}"'
    assert redact_broken_json(text, Taken(), of_a_vault=False) == text


@pytest.mark.parametrize(
    "text", ["{'access_token': [1", '{"password": {"a":', "{access_token = x", '{"client_secret" "x"', "password\tx"]
)
def test_name_of_a_secret_that_is_left_is_seen(text: str) -> None:
    """Where a secret may still stand beside its name, the whole is not fit to be shown."""
    assert is_left(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            f'{{"access_token":"{REMOVED}',
            '{"PasswordLastUsed":"2026"',
            '{"password": null',
            '{"a":"b"',
            '"password":"',
        ),
        *('"id_token_signing_alg_values_supported": ["RS256"', f"access_token={REMOVED}&a=b"),
    ],
)
def test_name_without_a_secret_is_no_harm(text: str) -> None:
    """A name beside which nothing is left may be shown."""
    assert not is_left(text)


XML_NAMES = ["SecretAccessKey", "SessionToken", "Token", "aws:SessionToken", "Signature", "Password"]


@given(st.sampled_from(XML_NAMES), SECRET.filter(lambda text: not set(text) & set("<>&")), st.booleans())
def test_element_of_xml_is_removed(name: str, secret: str, cdata: bool) -> None:  # noqa: FBT001 - given by hypothesis
    """Names, with a namespace or without, and however the text is written."""
    written = f"<![CDATA[{secret}]]>" if cdata else secret
    text = f'<a><User>me</User><{name} x="1">{written}</{name}><Key>owner</Key></a>'
    taken = Taken()

    left = redact_xml(text, taken)

    assert left == f'<a><User>me</User><{name} x="1">{REMOVED}</{name}><Key>owner</Key></a>'
    assert taken.secrets == [secret.strip()]


def test_xml_that_is_cut_keeps_no_secret() -> None:
    """At the end of what was cut, an element has no end."""
    assert redact_xml("<a><SessionToken>half of", Taken()) == f"<a><SessionToken>{REMOVED}"
    assert redact_xml("<a><SessionToken><![CDATA[half of", Taken()) == f"<a><SessionToken>{REMOVED}"


def test_dates_of_iam_stay() -> None:
    """When a password was last used is what the report is about."""
    text = "<member><PasswordLastUsed>2026-11-25T10:28:09Z</PasswordLastUsed><AccessKeyId>x</AccessKeyId></member>"

    assert redact_xml(text, Taken()) == text


FORM_NAMES = ["client_assertion", "client_secret", "code", "code_verifier", "refresh_token", "password", "sig", "key"]


@given(st.sampled_from(FORM_NAMES), SECRET, st.booleans())
def test_parameter_of_a_form_is_removed(name: str, secret: str, escaped: bool) -> None:  # noqa: FBT001 - given by hypothesis
    """A parameter is known by its name, also where that is escaped."""
    written = "".join(f"%{ord(letter):02x}" for letter in name) if escaped else name
    taken = Taken()

    left = redact_form(f"client_id=me&{written}={quote_plus(secret)}&grant_type=x", taken, same)

    assert parse_qs(left) == {"client_id": ["me"], name: [REMOVED], "grant_type": ["x"]}
    assert taken.secrets == [secret]


def test_json_in_a_parameter_is_looked_into() -> None:
    """A parameter may hold a document."""
    text = urlencode({"claims": json.dumps({"access_token": "one"}), "a": json.dumps({"b": "c"})})

    left = redact_form(text, Taken(), same)

    assert parse_qs(left) == {"claims": [f'{{"access_token":"{REMOVED}"}}'], "a": ['{"b": "c"}']}
    assert redact_form("a={not+JSON", Taken(), same) == "a={not+JSON"


@pytest.mark.parametrize("times", [1, 2, 3])
def test_secret_that_is_escaped_is_found(times: int) -> None:
    """A secret may be escaped more than once."""
    find: Callable[[str], str] = lambda text: text.replace("a/secret", REMOVED)  # noqa: E731 - shorter so
    text = "a/secret"
    for _ in range(times):
        text = quote(text, safe="")

    assert redact_form(f"a={text}&b=c%2Fd", Taken(), find) == f"a={REMOVED}&b=c%2Fd"
