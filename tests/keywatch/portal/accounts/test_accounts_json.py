"""Accounts as a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from keywatch.errors import AccountFileError
from keywatch.portal.accounts.accounts_json import LARGEST, read_accounts, write_accounts
from keywatch.portal.accounts.model import AccountEntry

FIRST = "first.owner@keywatch.example"
SETUP = Path(__file__).parents[4] / "docs/portal-setup.md"


def read(value: object) -> list[AccountEntry]:
    """Read a file that holds a value."""
    return read_accounts(json.dumps(value).encode(), "accounts.json")


def test_entries_are_read() -> None:
    """A number of a policy is text from then on; what is not there is told from what is null."""
    entries = read(
        [
            {"email": FIRST, "policynumber": 1234567, "beneficiary": " Prüfstelle "},
            {"email": "search@keywatch.example", "policynumber": "007", "beneficiary": None},
            {"email": "Backup@keywatch.example"},
        ]
    )

    assert entries == [
        AccountEntry(FIRST, {"policynumber": "1234567", "beneficiary": "Prüfstelle"}),
        AccountEntry("search@keywatch.example", {"policynumber": "007", "beneficiary": None}),
        AccountEntry("Backup@keywatch.example", {}),
    ]


def test_number_has_the_digits_of_the_file() -> None:
    """A number of any length keeps its digits, which a float would not."""
    [entry] = read_accounts(b'[{"email": "a@b.example", "policynumber": 123456789012345678901234567890}]', "a")

    assert entry.details["policynumber"] == "123456789012345678901234567890"


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf[]", b" [ ] \n"])
def test_file_may_be_empty_and_have_a_byte_order_mark(data: bytes) -> None:
    """What Windows writes in front is passed over."""
    assert read_accounts(data, "a") == []


UNUSABLE: dict[str, tuple[object, str]] = {
    "no object": ([FIRST], "entry 1: it is no object"),
    "list of lists": ([[["email", FIRST]]], "entry 1: it is no object"),
    "no e-mail": ([{"policynumber": "1"}], "entry 1: its email is missing"),
    "empty e-mail": ([{"email": ""}], "entry 1: its email is missing"),
    "e-mail of another type": ([{"email": 5}], "entry 1: its email is missing"),
    "no address": ([{"email": "kim"}], "entry 1: 'kim' is no e-mail address"),
    "address outside ASCII": ([{"email": "k\u0131m@b.example"}], "is no e-mail address"),
    "unknown field": ([{"email": FIRST, "admin": True}], "entry 1: it has 'admin', which no account has"),
    "case of a field": ([{"email": FIRST, "Beneficiary": "x"}], "it has 'Beneficiary'"),
    "number as text of another kind": ([{"email": FIRST, "policynumber": 1.5}], "its policynumber is of a wrong type"),
    "policy number true": ([{"email": FIRST, "policynumber": True}], "its policynumber is of a wrong type"),
    "policy number as list": ([{"email": FIRST, "policynumber": ["1"]}], "its policynumber is of a wrong type"),
    "beneficiary as number": ([{"email": FIRST, "beneficiary": 5}], "its beneficiary is of a wrong type"),
    "beneficiary as object": ([{"email": FIRST, "beneficiary": {}}], "its beneficiary is of a wrong type"),
    "long beneficiary": ([{"email": FIRST, "beneficiary": "b" * 257}], "The beneficiary has 257 characters. Shorten"),
    "long policy number": ([{"email": FIRST, "policynumber": 10**64}], "The policynumber has 65 characters"),
    "line break": ([{"email": FIRST, "beneficiary": "a\nb"}], "The beneficiary holds a control character"),
    "half a character": ([{"email": FIRST, "beneficiary": "\ud800"}], "The beneficiary holds a control character"),
    "turned text": ([{"email": FIRST, "beneficiary": "\u202egnp"}], "The beneficiary holds a control character"),
    "same address": ([{"email": FIRST}, {"email": FIRST.upper()}], "entry 2: entry 1 has the same e-mail"),
    "object": ({"email": FIRST}, "is no list"),
    "text": (FIRST, "is no list"),
    "number": (5, "is no list"),
    "null": (None, "is no list"),
}


@pytest.mark.parametrize(("value", "said"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_entry_is_named(value: object, said: str) -> None:
    """What is wrong is told with the number of the entry, and nothing is taken."""
    with pytest.raises(AccountFileError) as caught:
        read(value)

    assert said in str(caught.value)
    assert "accounts.json" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is no JSON"),
        (b"[", "is no JSON"),
        (b'[{"email": "a@b.example"}] x', "is no JSON"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"[\xff]", "is not UTF-8 at byte 1"),
        ('[{"email": "a@b.example"}]'.encode("utf-16"), "is not UTF-8"),
        (b'[{"email": "a@b.example", "email": "c@d.example"}]', "it has 'email' more than once"),
        (b'[{"email": "a@b.example", "beneficiary": NaN}]', "its beneficiary is of a wrong type"),
        (b" " * (LARGEST + 1), "is larger than 16,000,000 bytes"),
    ],
    ids=["empty", "cut", "more", "deep", "no UTF-8", "UTF-16", "twice", "NaN", "large"],
)
def test_unusable_file_is_refused(data: bytes, said: str) -> None:
    """What is no list of accounts is told from what has a wrong entry."""
    with pytest.raises(AccountFileError, match=said):
        read_accounts(data, "accounts.json")


def test_all_problems_are_named_up_to_a_number() -> None:
    """Who corrects a file sees several problems at once, and how many more there are."""
    with pytest.raises(AccountFileError) as caught:
        read([{"email": FIRST}, *[{}] * 30])

    lines = str(caught.value).splitlines()
    assert lines[0].endswith("nothing of it was taken. Correct it:")
    assert lines[1].startswith("- entry 2: its email is missing")
    assert (len(lines), lines[-1]) == (22, "- and 10 more")


emails = st.from_regex(r"[a-zA-Z0-9]{1,6}@[a-z]{1,3}\.example", fullmatch=True)
texts = st.none() | st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=20)


@given(st.dictionaries(emails.map(str.lower), st.tuples(texts, texts), max_size=8), st.randoms())
def test_what_is_written_is_read(accounts: dict[str, tuple[Any, Any]], random: Any) -> None:  # noqa: ANN401 - of hypothesis
    """A file that is written is read as it was, and is the same file in whichever order the accounts came."""
    entries = [
        AccountEntry(email, {"policynumber": number, "beneficiary": beneficiary})
        for email, (number, beneficiary) in accounts.items()
    ]
    mixed = list(entries)
    random.shuffle(mixed)

    written = write_accounts(entries)
    assert write_accounts(mixed) == written
    assert sorted(read_accounts(written, "a"), key=lambda each: each.email) == sorted(
        entries, key=lambda each: each.email
    )


def test_file_of_the_docs_is_read() -> None:
    """The example that the portal's page shows is such a file."""
    shown = re.findall(r"```json\n(.*?)```", SETUP.read_text(encoding="utf-8"), re.DOTALL)
    assert [entry.email for text in shown for entry in read_accounts(text.encode(), "docs")] == [
        "payments.owner@example.com"
    ]
