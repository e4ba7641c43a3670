"""Lists of keys: filters, pages, total and export."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import fields
from itertools import islice
from urllib.parse import urlencode

import hypothesis.strategies as st
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from sqlalchemy import Engine
from starlette.datastructures import QueryParams

from keywatch.report.model import KeyRow
from keywatch.report.query import SORTS, STATUSES, KeyQuery
from keywatch_airflow.page.csv_export import ROWS_AT_ONCE, csv_chunks
from keywatch_airflow.page.parameters import BadParameterError, key_query, list_parameters
from tests.keywatch.report.found import NOW, ONE, TWO, record, write
from tests.keywatch_airflow.page.conftest import EVIL, FORMULA, Browser

BIG = "9" * 400


def ids(text: str) -> list[str]:
    """List the shortened ids that a page shows."""
    return re.findall(r"<code>(AKIA\.\.\.\w{4})</code>", text)


def rows_of(text: str) -> list[dict[str, str]]:
    """Read an export as a spreadsheet does."""
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", ["AKIA...A001", "AKIA...E001", "AKIA...F001", "AKIA...B001", "AKIA...A002"]),
        ("q=ALICE", ["AKIA...A001", "AKIA...A002"]),
        ("status=Inactive", ["AKIA...B001"]),
        ("age=200", ["AKIA...A001", "AKIA...E001"]),
        ("unused=150", ["AKIA...E001", "AKIA...F001"]),
        ("never=1", ["AKIA...B001"]),
        ("two=1", ["AKIA...A001", "AKIA...A002"]),
        (f"account={TWO}", ["AKIA...B001"]),
        (f"arn=arn:aws:iam::{ONE}:user/alice&order=asc", ["AKIA...A002", "AKIA...A001"]),
        ("service=s3&region=eu-west-1&age=300", ["AKIA...A001"]),
        ("owner=team@example.com", ["AKIA...A001"]),
        ("owner=TEAM@example.com", []),
        ("unowned=1&status=Inactive", ["AKIA...B001"]),
        ("unowned=1&q=alice", ["AKIA...A002"]),
        ("owner=team@example.com&unowned=1", []),
        ("deleted=1", ["AKIA...G001"]),
        ("sort=last_used&two=1", ["AKIA...A001", "AKIA...A002"]),
        ("sort=last_used&two=1&order=desc", ["AKIA...A002", "AKIA...A001"]),
        ("status=&q=bob&age=&cursor=&sort=", ["AKIA...B001"]),
    ],
)
def test_list_export_and_total_agree(client: TestClient, query: str, wanted: list[str]) -> None:
    """Page, total and export show the same keys in the same order; an empty parameter is as good as none."""
    answer = client.get(f"/keys?{query}")
    exported = rows_of(client.get(f"/keys.csv?{query}").text)

    assert ids(answer.text) == wanted
    assert [row["access_key_id"] for row in exported if row["access_key_id"]] == wanted
    assert client.get(f"/keys/count?{query}").text == f"{len(exported)} key{'s' * (len(exported) != 1)}"


@pytest.mark.parametrize("path", ["/keys", "/keys.csv", "/keys/count"])
@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("age=abc", "age"),
        ("age=-1", "age"),
        (f"age={BIG}", "age"),
        ("age=%D9%A3", "age"),
        ("unused=1.5", "unused"),
        ("status=active", "status"),
        ("never=yes", "never"),
        ("deleted=0", "deleted"),
        ("sort=id", "sort"),
        ("order=up", "order"),
        ("account=12", "account"),
        ("account=%00", "account"),
        ("arn=alice", "arn"),
        ("q=%00", "q"),
        (f"q={'x' * 129}", "q"),
        (f"service={'x' * 129}", "service"),
        ("region=a%00b", "region"),
        ("owner=a%00b", "owner"),
        (f"owner={'x' * 257}", "owner"),
        ("unowned=no", "unowned"),
        ("cursor=x", "cursor"),
        (f"cursor={'W' * 5000}", "cursor"),
        ("cursor=WzEsMSx0cnVlXQ&sort=user", "cursor"),
        ("age=1&age=2", "age"),
        ("ages=90", "ages"),
        ("%3Cscript%3E=1", "&lt;script&gt;"),
    ],
)
def test_bad_parameter_is_named(client: TestClient, path: str, query: str, name: str) -> None:
    """What a list cannot be asked is refused by a page that names the parameter, and never ignored."""
    answer = client.get(f"{path}?{query}")

    assert answer.status_code == 400
    assert f"<code>{name}</code>" in answer.text


@given(
    text=st.text(st.characters(codec="utf-8"), max_size=200),
    name=st.sampled_from(["q", "age", "arn", "owner", "cursor", "x"]),
)
def test_any_parameter_is_read_or_refused(text: str, name: str) -> None:
    """Whatever is in an address, it is read or refused in our words."""
    with contextlib.suppress(BadParameterError):
        query, _ = key_query(QueryParams(urlencode({name: text})))
        assert key_query(QueryParams(urlencode(list_parameters(query))))[0] == query


@given(
    query=st.builds(
        KeyQuery,
        search=st.sampled_from(["", "a b&c=d", "%"]),
        status=st.sampled_from([None, *STATUSES]),
        older_than=st.none() | st.integers(0, 36_500),
        unused_for=st.none() | st.integers(0, 36_500),
        never_used=st.booleans(),
        two_active=st.booleans(),
        root=st.booleans(),
        account=st.sampled_from([None, ONE]),
        user_arn=st.sampled_from([None, f"arn:aws:iam::{ONE}:user/a+b"]),
        service=st.sampled_from([None, "s3"]),
        region=st.sampled_from([None, "eu-west-1"]),
        owner=st.sampled_from([None, "team@example.com", "a b&c=d"]),
        unowned=st.booleans(),
        deleted=st.booleans(),
        sort=st.sampled_from(SORTS),
        descending=st.booleans(),
    )
)
def test_query_comes_back_from_its_address(query: KeyQuery) -> None:
    """Every list has an address, which leads to the very same list."""
    assert key_query(QueryParams(urlencode(list_parameters(query)))) == (query, None)


@pytest.mark.parametrize(
    "text", ["' OR 1=1 --", "%", "a_i", "\\", '"; DROP TABLE access_key', "[a-z]*", "\ufffd", "''"]
)
def test_search_finds_only_what_has_the_text(client: TestClient, text: str) -> None:
    """What means something to a database means nothing in a search."""
    answer = client.get("/keys", params={"q": text})

    assert answer.status_code == 200
    assert ids(answer.text) == []
    assert ids(client.get("/keys").text) != []


def test_pages_lead_through_the_whole_list(empty_store: Engine, browser: Browser) -> None:
    """Next leads to every key once, Previous back, and filters go along."""
    keys = [record(f"user{number:03}", age=number, key=f"AKIA...{number:04}") for number in range(120)]
    write(empty_store, [*keys, record("other", Status="Inactive")])
    client, seen = browser(), list[str]()
    answer = client.get("/keys?status=Active&sort=user")
    first = ids(answer.text)
    while True:
        seen += ids(answer.text)
        following = re.search(r'rel="next" href="([^"]+)"', answer.text)
        if not following:
            break
        answer = client.get("http://airflow.example" + following[1].replace("&amp;", "&"))
    while previous := re.search(r'rel="prev" href="([^"]+)"', answer.text):
        answer = client.get("http://airflow.example" + previous[1].replace("&amp;", "&"))

    assert seen == [f"AKIA...{number:04}" for number in range(120)]
    assert ids(answer.text) == first


def test_long_list_is_counted_up_to_a_point(empty_store: Engine, browser: Browser) -> None:
    """A list of more than ten thousand keys is called that."""
    write(empty_store, (record(f"user{number}", key=f"AKIA...{number:05}") for number in range(10_001)))

    assert browser().get("/keys/count").text == "more than 10,000 keys"


def test_headings_sort(client: TestClient) -> None:
    """The heading that sorts says how and turns the list round; others keep the filters and sort anew."""
    text = client.get("/keys?status=Active").text

    assert re.search(r'aria-sort="descending"><a href="/keywatch/keys\?status=Active&amp;order=asc">Age in days', text)
    assert 'href="/keywatch/keys?status=Active&amp;sort=user">User' in text
    assert text.count("aria-sort") == 1


def test_filter_can_be_taken_away(client: TestClient) -> None:
    """Each filter that is set shows, and is a link to the list without it; all of them go at once too."""
    text = client.get("/keys?age=90&never=1&sort=user").text

    assert 'href="/keywatch/keys?never=1&amp;sort=user"><span class="unseen">Remove filter: </span>' in text
    assert 'href="/keywatch/keys?age=90&amp;sort=user"' in text
    assert 'href="/keywatch/keys?sort=user">Clear' in text


def test_owner_of_a_list_shows_as_a_filter(client: TestClient) -> None:
    """An owner is a filter that goes along with others and can be taken away, and so is that there is none."""
    text = client.get("/keys?age=90&owner=team%40example.com").text

    assert '<a class="chip" href="/keywatch/keys?age=90">' in text
    assert '<span class="chip-text">Owner team@example.com</span>' in text
    assert '<input type="hidden" name="owner" value="team@example.com">' in text
    assert '<span class="chip-text">No owner</span>' in client.get("/keys?unowned=1").text


def test_owner_is_below_the_user(client: TestClient) -> None:
    """In the list, whoever answers for a key is beside its user, and nothing is where nobody is known."""
    assert client.get("/keys").text.count('<span class="owner">team@example.com</span>') == 1


def test_export_has_every_field(client: TestClient) -> None:
    """The export is a dated file of all that is known of a key."""
    answer = client.get("/keys.csv?q=alice&age=90")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="access-keys-\d{4}-\d\d-\d\d\.csv"', answer.headers["content-disposition"]
    )
    [row] = rows_of(answer.text)
    assert list(row) == [field.name for field in fields(KeyRow)]
    assert list(row.items())[-2:] == [("owner", "team@example.com"), ("owner_source", "tag")]
    assert (row["user_name"], row["account_name"], row["age_days"], row["idle_days"]) == (
        "alice",
        "payments",
        "400",
        "100",
    )
    assert row["created"] == "2025-10-23T06:00:00Z"


def test_export_of_nothing_has_its_header(client: TestClient) -> None:
    """An empty list is a file with a header."""
    assert client.get("/keys.csv?q=nobody").text == "\ufeff" + ",".join(field.name for field in fields(KeyRow)) + "\r\n"


def test_formula_is_text_in_the_export(client: TestClient) -> None:
    """A name that a spreadsheet would take for a formula is marked as text, and is whole."""
    [row] = rows_of(client.get("/keys.csv", params={"q": "=HYPER"}).text)

    assert row["user_name"] == f"'{FORMULA}"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_cell_that_begins_a_formula_is_marked(start: str) -> None:
    """Whatever begins a formula in a spreadsheet is marked, quotes and line ends in it or not."""
    text = f'{start}a"b,c\r\nd'

    assert exported(text) == f"'{text}"


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("\uff1dcmd", "'\uff1dcmd"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20SUM(1)", "'\uff20SUM(1)"),
        (" =1+1", "' =1+1"),
        ("\u00a0\u200b\ufeff@x", "'\u00a0\u200b\ufeff@x"),
        ("\n=1", "'\n'=1"),
        ("shop;=1+1", "shop;'=1+1"),
        ("shop; -1", "shop;' -1"),
        ("shop\t@x", "shop\t'@x"),
        ("a-b=c+d@e;f", "a-b=c+d@e;f"),
        ("", ""),
    ],
)
def test_what_some_spreadsheet_takes_for_a_formula_is_marked(text: str, marked: str) -> None:
    """Full-width signs, spaces before a sign, and cells that begin at a semicolon or a tab are marked, others not."""
    assert exported(text) == marked


def exported(name: str) -> str:
    """Return how a name comes out of an export."""
    unknown = (None,) * 5
    row = KeyRow("k", None, ONE, name, name, "arn", *unknown, "exact", None, None, NOW, NOW, None, 0)
    [read] = rows_of("".join(csv_chunks(iter([row]))))
    assert read["account_name"] == read["user_name"]
    return read["user_name"]


def test_export_reads_as_it_writes() -> None:
    """An export holds some hundred rows at a time, however many there are."""
    taken = 0

    def endless() -> Iterator[KeyRow]:
        nonlocal taken
        while True:
            taken += 1
            yield KeyRow(
                "k", None, ONE, None, "u", "arn", None, None, None, None, None, "exact", None, None, NOW, NOW, None, 0
            )

    assert len(list(islice(csv_chunks(endless()), 3))) == 3
    assert taken == 3 * ROWS_AT_ONCE


def test_names_are_escaped(client: TestClient) -> None:
    """HTML in a name is text, wherever the name shows."""
    arn = f"arn:aws:iam::{ONE}:user/{EVIL}"
    pages = [
        client.get("/"),
        client.get("/keys"),
        client.get("/keys", params={"q": EVIL}),
        client.get("/keys", params={"arn": arn}),
        client.get("/users", params={"arn": arn}),
        client.get(f"/accounts/{ONE}"),
    ]

    for page in pages:
        assert page.status_code == 200
        assert EVIL not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
