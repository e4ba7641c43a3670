"""When two addresses are one person's."""

from __future__ import annotations

import string
import unicodedata

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from keywatch.errors import InvitationError
from keywatch.portal.accounts.addresses import fold_address, same_address

PLAIN = "kim.owner@keywatch.example"

NONE = {
    "nothing": "",
    "no domain": "kim.owner",
    "two domains": "kim@keywatch.example@evil.example",
    "space after": f"{PLAIN} ",
    "space before": f" {PLAIN}",
    "line after": f"{PLAIN}\n",
    "tabulator": "kim\t@keywatch.example",
    "NUL": f"{PLAIN}\0",
    "display name": f"Kim <{PLAIN}>",
    "two": f"{PLAIN},evil@keywatch.example",
    "quoted": '"kim owner"@keywatch.example',
    "comment": "kim(owner)@keywatch.example",
    "address of a machine": "kim@[127.0.0.1]",
    "internationalised domain": "kim@kéywatch.example",
    "empty label": "kim@keywatch..example",
    "label that ends in a hyphen": "kim@keywatch-.example",
    "dot after": f"{PLAIN}.",
    "too long": f"kim@{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 59}",
    "long local part": f"{'k' * 65}@keywatch.example",
    "Kelvin sign": "\u212aim.owner@keywatch.example",
    "dotless i": "k\u0131m.owner@keywatch.example",
    "dotted capital i": "K\u0130M.owner@keywatch.example",
    "Cyrillic o": "kim.\u043ewner@keywatch.example",
    "full-width": "\uff4bim.owner@keywatch.example",
    "full-width at": "kim.owner\uff20keywatch.example",
    "ideographic full stop": "kim.owner@keywatch\u3002example",
    "zero width space": "kim\u200b.owner@keywatch.example",
    "soft hyphen": "kim\u00ad.owner@keywatch.example",
    "half a character": "kim\ud800@keywatch.example",
    "long s": "kim.\u017fwner@keywatch.example",
}


@pytest.mark.parametrize("text", NONE.values(), ids=NONE.keys())
def test_what_is_no_plain_address_is_nobodys(text: str) -> None:
    """It is refused with what to do, and is the same as nothing, itself included."""
    with pytest.raises(InvitationError, match="Give it as local@domain"):
        fold_address(text)
    assert not same_address(text, text)
    assert not same_address(PLAIN, text)
    assert not same_address(text, PLAIN)


@pytest.mark.parametrize("text", [PLAIN, "a@b", "KIM+keys@XN--KYWATCH-9UA.example", "o'neil/dept=x@a-b.example"])
def test_case_of_ascii_letters_does_not_matter(text: str) -> None:
    """An address is the same in small letters and in capitals."""
    assert fold_address(text.upper()) == fold_address(text) == text.lower()
    assert same_address(text.upper(), text)


def test_no_address_is_the_same_as_none() -> None:
    """Who has no address has that of nobody."""
    assert not same_address(None, None)
    assert not same_address(PLAIN, None)
    assert not same_address(None, PLAIN)


addresses = st.from_regex(r"[A-Za-z0-9.+_-]{1,8}@[A-Za-z0-9]{1,5}(\.[A-Za-z]{1,4}){0,2}", fullmatch=True)
alike = st.sampled_from([str.upper, str.lower, str.casefold, str.swapcase, str.title])
foreign = st.text(max_size=12) | st.from_regex(r"[kK\u212a][iI\u0131\u0130]m@[eE\u0435]\.example", fullmatch=True)


@given(addresses, alike)
def test_letters_in_any_case_are_the_same(address: str, change: object) -> None:
    """Whatever is done to the case of ASCII letters, the address is the same."""
    assert callable(change)
    assert same_address(address, change(address))


@given(addresses, addresses | foreign)
@example("kim@e.example", "\u212aim@e.example")
@example("kim@e.example", unicodedata.normalize("NFD", "kím@e.example"))
def test_other_texts_are_others(one: str, other: str) -> None:
    """Two are the same exactly if they have the same ASCII characters but for the case of letters."""
    small = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
    same = other.isascii() and one.translate(small) == other.translate(small)
    assert same_address(one, other) == same
    assert same_address(other, one) == same
