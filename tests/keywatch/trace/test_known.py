"""Secrets that are known are found wherever, and however, they are written."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.trace.known import REMOVED, KnownSecrets

TOKEN = "Zk3+qA/9xR==pL0aB-cD_eF.gH~iJ"
Write = Callable[[str], str]

ANY = st.text(st.characters(exclude_categories=["Cs"]))
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=200)


def without(text: str, *secrets: str) -> str:
    """Give a text without secrets."""
    known = KnownSecrets()
    for secret in secrets:
        known.learn(secret)
    return known.remove(text)[0]


WRITINGS: dict[str, Write] = {
    "as it is": lambda secret: secret,
    "in a URL": lambda secret: quote(secret, safe=""),
    "in a URL, small": lambda secret: quote(secret, safe="").replace("%2B", "%2b").replace("%2F", "%2f"),
    "in a URL, twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "in a form": quote_plus,
    "in JSON": lambda secret: json.dumps({"a": secret}),
    "in JSON in JSON": lambda secret: json.dumps({"a": json.dumps({"b": secret})}),
    "in JSON of .NET": lambda secret: json.dumps({"a": secret}).replace("+", "\\u002B"),
    "in JSON of PHP": lambda secret: json.dumps({"a": secret}).replace("/", "\\/"),
    "in XML": lambda secret: f"<a>{html.escape(secret)}</a>",
    "in hex": lambda secret: secret.encode().hex(),
    "in Base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "in Base64, after one": lambda secret: base64.b64encode(f"u{secret}!".encode()).decode(),
    "in Base64, after two": lambda secret: base64.b64encode(f"u:{secret}".encode()).decode(),
    "in Base64 for URLs": lambda secret: base64.urlsafe_b64encode(f"user:{secret}".encode()).decode(),
}


@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS.keys())
@given(before=ANY, secret=SECRETS, after=ANY)
def test_secret_is_found_however_it_is_written(write: Write, before: str, secret: str, after: str) -> None:
    """No way of writing a secret, and nothing around it, hides it."""
    if secret.isalpha() or secret.startswith("http"):
        secret = f"1{secret}"
    written = write(secret)

    found = without(f"{before} {written} {after}", secret)

    assert REMOVED in found
    assert secret not in found.replace(REMOVED, "")
    assert written not in found


@given(st.lists(SECRETS.filter(lambda secret: not secret.isalpha()), min_size=2, max_size=6))
def test_secrets_that_share_their_beginning_are_all_found(secrets: list[str]) -> None:
    """Tokens begin alike; each is found all the same."""
    alike = [f"eyJ0eXAiOiJKV1Qi.{number}{secret}" for number, secret in enumerate(secrets)]

    found = without("\n".join(alike), *alike)

    assert not any(secret in found for secret in alike)


@given(ANY, st.integers(16, 28))
def test_secret_that_is_cut_at_the_end_is_found(before: str, length: int) -> None:
    """A text that ends within a secret does not end with its beginning."""
    assert without(f"{before} {TOKEN[:length]}", TOKEN) == f"{before} {REMOVED}"


def test_digest_is_found_between_what_is_not_hex() -> None:
    """A signature of AWS's, which are many, is found; another digest stays."""
    signature, other = "0f" * 32, "f0" * 32

    assert without(f"Signature={signature}, of {other}.", signature) == f"Signature={REMOVED}, of {other}."


@pytest.mark.parametrize(
    "value", ["short", "password", "Description", "https://login.microsoftonline.com/common", "*removed*-and-more"]
)
def test_what_stands_everywhere_is_not_learnt(value: str) -> None:
    """A word, a plain URL or too short a value would be removed from where it is no secret."""
    assert without(f"this is {value}, as it is", value) == f"this is {value}, as it is"


def test_what_is_given_is_removed_though_it_is_a_word() -> None:
    """Whoever names a secret knows that it is one."""
    known = KnownSecrets()
    known.give(" hush\n")
    known.give("no")

    assert known.remove("hush, no word") == (f"{REMOVED}, no word", 1)


def test_lone_surrogates_are_no_obstacle() -> None:
    """What JSON may hold, and UTF-8 may not, is learnt and looked through."""
    assert without("\ud800 secret-\udfff-with-odd-ends", "secret-\udfff-with-odd-ends") == f"\ud800 {REMOVED}"


def test_text_is_not_shown_if_nobody_knows_how_a_secret_is_written_in_it() -> None:
    """A secret that can be seen and not be cut out takes the whole text with it."""
    odd = TOKEN.replace("/", "&sol;")

    assert without(f"before {odd} after", TOKEN) == REMOVED


def test_secret_that_is_all_escapes_is_no_harm() -> None:
    """What is nothing once its escapes are undone is not looked for everywhere."""
    assert without(r"C:\Users\somebody %41", "\\" * 20) == r"C:\Users\somebody %41"


def test_thousands_of_secrets_cost_little() -> None:
    """A long text is looked through once, not once for each secret."""
    known = KnownSecrets()
    for number in range(2000):
        known.learn(f"{number:08d}-{number * 7919:020d}")
    text = "<UserName>somebody</UserName>" * 2000

    began = time.perf_counter()
    known.remove(text)

    assert time.perf_counter() - began < 0.5
