"""Lists of keys and of accounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Engine

from keywatch.errors import BadQueryError, StoreBusyError
from keywatch.report.migrate import migrate
from keywatch.report.model import KeyRow
from keywatch.report.query import SORTS, Cursor, KeyQuery, Sort, decode_cursor, is_storable
from keywatch.report.read import MOST_EXPORTS, ReportReader
from keywatch.report.schema import keys
from tests.keywatch.report.found import NOW, ONE, THREE, TWO, denied, ok, record, write

FOUND = [
    record("Alice.Admin", age=400, idle=1, key="AKIA...A001"),
    record("alice", age=100, idle=50, key="AKIA...A002", ServiceName="sts", Region="us-east-1"),
    record("bob_b", TWO, age=50, key="AKIA...B001", Status="Inactive"),
    record("bob%b", TWO, age=10, idle=2, key="AKIA...B002"),
    record("carol", THREE, age=5, key="AKIA...C001"),
    record("<root_account>", THREE, age=None, AccessKeyId=None, Status=None),
]


@pytest.fixture
def seen(store: Engine, reader: ReportReader) -> ReportReader:
    """Give a store with three accounts."""
    write(store, FOUND, ok(ONE, name="Payments Prod"), ok(TWO, name="search"), ok(THREE))
    return reader


def names(reader: ReportReader, query: KeyQuery) -> list[str]:
    """List the users of the keys of a list, and see that count and export say the same."""
    rows = reader.keys(query).rows
    assert reader.count(query) == len(rows)
    assert tuple(reader.export(query)) == rows
    return [row.user_name for row in rows]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (KeyQuery(search="ALICE"), ["Alice.Admin", "alice"]),
        (KeyQuery(search="bob_"), ["bob_b"]),
        (KeyQuery(search="bob%"), ["bob%b"]),
        (KeyQuery(search="b/b"), []),
        (KeyQuery(search="payments p"), ["Alice.Admin", "alice"]),
        (KeyQuery(search="2222"), ["bob_b", "bob%b"]),
        (KeyQuery(search="akia...b001"), ["bob_b"]),
        (KeyQuery(search="AKIAXXXXXXXXXXXXB001"), ["bob_b"]),
        (KeyQuery(search="' OR 1=1 --"), []),
        (KeyQuery(search="<root"), ["<root_account>"]),
        (KeyQuery(status="Inactive"), ["bob_b"]),
        (KeyQuery(older_than=50), ["Alice.Admin", "alice"]),
        (KeyQuery(unused_for=50), ["alice", "bob_b"]),
        (KeyQuery(never_used=True), ["bob_b", "carol"]),
        (KeyQuery(root=True), ["<root_account>"]),
        (KeyQuery(account=TWO), ["bob_b", "bob%b"]),
        (KeyQuery(user_arn=f"arn:aws:iam::{ONE}:user/alice"), ["alice"]),
        (KeyQuery(service="s3"), ["Alice.Admin", "bob%b"]),
        (KeyQuery(region="us-east-1"), ["alice"]),
        (KeyQuery(service="s3", account=TWO, search="bob"), ["bob%b"]),
        (KeyQuery(deleted=True), []),
    ],
    ids=str,
)
def test_list_is_filtered(seen: ReportReader, query: KeyQuery, wanted: list[str]) -> None:
    """Each filter lets through what it says, oldest key first, and page, count and export agree."""
    assert names(seen, query) == wanted


@pytest.mark.parametrize(
    ("sort", "wanted"),
    [
        ("age", ["<root_account>", "carol", "bob%b", "bob_b", "alice", "Alice.Admin"]),
        ("last_used", ["bob_b", "carol", "<root_account>", "alice", "bob%b", "Alice.Admin"]),
        ("user", ["<root_account>", "Alice.Admin", "alice", "bob%b", "bob_b", "carol"]),
        ("account", ["Alice.Admin", "alice", "bob_b", "bob%b", "carol", "<root_account>"]),
    ],
)
def test_list_is_sorted(seen: ReportReader, sort: Sort, wanted: list[str]) -> None:
    """Each order runs both ways; never used comes before all use, and an unknown age is no great one."""
    assert names(seen, KeyQuery(sort=sort, descending=False)) == wanted
    assert names(seen, KeyQuery(sort=sort, descending=True)) == wanted[::-1]


def migrated(store: Engine) -> Engine:
    """Give a store its tables."""
    migrate(store)
    return store


keys_found = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]), st.sampled_from([ONE, TWO]), st.integers(0, 3), st.none() | st.integers(0, 3)
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=keys_found, sort=st.sampled_from(SORTS), descending=st.booleans(), limit=st.integers(1, 7))
def test_pages_show_every_key_once(
    store: Engine,
    reader: ReportReader,
    found: list[tuple[str, str, int, int | None]],
    sort: Sort,
    descending: bool,  # noqa: FBT001 - Hypothesis gives it
    limit: int,
) -> None:
    """Whatever the order, and however many keys are alike in it, all pages together are the list, forth and back."""
    records = [
        record(user, account, age=age, idle=idle, key=f"AKIA...{number:04}")
        for number, (user, account, age, idle) in enumerate(found)
    ]
    with migrated(store).begin() as connection:
        connection.execute(keys.delete())
    write(store, records, ONE, TWO, run_id="run")
    query = KeyQuery(sort=sort, descending=descending)
    whole = list(reader.export(query))

    pages = [reader.keys(query, limit=limit)]
    while after := pages[-1].after:
        pages.append(reader.keys(query, decode_cursor(after, sort), limit))
    back = [pages[-1]]
    while before := back[-1].before:
        back.append(reader.keys(query, decode_cursor(before, sort), limit))

    assert [row for page in pages for row in page.rows] == whole
    assert len(whole) == len(found)
    assert back[::-1] == pages
    assert [bool(page.before) for page in pages] == [False] + [True] * (len(pages) - 1)


def test_page_that_is_full_to_the_last_key_is_the_last(seen: ReportReader) -> None:
    """No page leads to an empty one."""
    page = seen.keys(KeyQuery(), limit=6)

    assert (len(page.rows), page.after, page.before) == (6, None, None)


def test_count_stops(seen: ReportReader) -> None:
    """A list is counted up to one more than is asked for."""
    assert [seen.count(KeyQuery(), most) for most in (2, 5, 6, 100)] == [3, 6, 6, 6]


def test_search_that_thousands_of_names_have_is_as_exact(store: Engine, reader: ReportReader) -> None:
    """A text that very many names have finds the same as one that few have."""
    records = [record(f"ci-{number:04}", age=number / 100, key=f"AKIA...{number:04}") for number in range(2_500)]
    write(store, [*records, record("other")])

    assert reader.count(KeyQuery(search="CI-")) == 2_500
    assert reader.count(KeyQuery(search="ci-00")) == 100
    assert reader.keys(KeyQuery(search="ci-")).rows[0].user_name == "ci-2499"
    assert names(reader, KeyQuery(search="CI-1234")) == ["ci-1234"]
    assert names(reader, KeyQuery(search="0\nci-0")) == []


WAYS = pytest.mark.parametrize(
    ("named", "common"), [(100, 100), (0, 100), (0, 0)], ids=["looked up", "too many", "common"]
)


@WAYS
@pytest.mark.parametrize("few", [0, 100], ids=["many keys", "few keys"])
@pytest.mark.parametrize("order", [KeyQuery(sort=sort, descending=down) for sort in SORTS for down in (True, False)])
def test_search_is_as_exact_in_each_order(
    seen: ReportReader, monkeypatch: pytest.MonkeyPatch, named: int, common: int, few: int, order: KeyQuery
) -> None:
    """Whatever sorts a list, and however many have a text, the same keys are found."""
    monkeypatch.setattr("keywatch.report.search.NAMED", named)
    monkeypatch.setattr("keywatch.report.search.COMMON", common)
    monkeypatch.setattr("keywatch.report.uneven.FEW", few)

    def found(text: str) -> set[str]:
        return set(names(seen, replace(order, search=text)))

    assert found("B") == {"bob_b", "bob%b"}
    assert found("ar") == {"carol", "bob_b", "bob%b"}
    assert found("LI") == {"Alice.Admin", "alice"}
    assert found("1111") == {"Alice.Admin", "alice"}
    assert found("3") == {"carol", "<root_account>"}
    assert found("nobody") == set()


@WAYS
def test_search_finds_the_same_whichever_way(
    seen: ReportReader, monkeypatch: pytest.MonkeyPatch, named: int, common: int
) -> None:
    """However many names or accounts have a text, the same keys are found."""
    monkeypatch.setattr("keywatch.report.search.NAMED", named)
    monkeypatch.setattr("keywatch.report.search.COMMON", common)

    assert names(seen, KeyQuery(search="ALICE")) == ["Alice.Admin", "alice"]
    assert names(seen, KeyQuery(search="payments p")) == ["Alice.Admin", "alice"]
    assert names(seen, KeyQuery(search="2222", status="Inactive")) == ["bob_b"]
    assert names(seen, KeyQuery(search="b_")) == ["bob_b"]
    assert names(seen, KeyQuery(search="nobody")) == []


@settings(max_examples=200)
@given(value=st.integers(-(2**70), 2**70) | st.text(max_size=5) | st.none(), number=st.integers(-(2**70), 2**70),
       sort=st.sampled_from(SORTS))  # fmt: skip
def test_cursor_is_read_or_refused(value: int | str, number: int, sort: Sort) -> None:
    """A cursor comes back as it was written, unless no list in this order can have such a place."""
    cursor = Cursor(value, number, forward=True)
    fits = isinstance(value, str if sort in ("user", "account") else int) and abs(number) < 2**63
    fits = fits and (is_storable(value) if isinstance(value, str) else abs(value) < 2**63)

    if fits:
        assert decode_cursor(cursor.encode(), sort) == cursor
    else:
        with pytest.raises(BadQueryError, match="Start again from its first page"):
            decode_cursor(cursor.encode(), sort)


@pytest.mark.parametrize("text", ["", "x", "====", "bnVsbA", "WzEsMl0", "ü", "[" * 5_000, "WzEsMix0cnVlXQ\n"])
def test_cursor_that_is_none_is_refused(text: str) -> None:
    """What is no cursor at all is refused in our words."""
    with pytest.raises(BadQueryError):
        decode_cursor(text, "age")


def test_search_that_is_too_long_is_refused() -> None:
    """No name is that long."""
    with pytest.raises(BadQueryError, match="128 characters"):
        KeyQuery(search="x" * 129)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_no_database_takes_is_refused(text: str) -> None:
    """A filter or a cursor with such a character is refused before the store is asked."""
    with pytest.raises(BadQueryError, match="no name can have"):
        KeyQuery(service=text)
    with pytest.raises(BadQueryError, match="first page"):
        decode_cursor(Cursor(text, 1, forward=True).encode(), "user")


def test_few_exports_go_on_at_once(store: Engine, reader: ReportReader) -> None:
    """Of exports that nobody reads to the end, a few are begun; lists are read beside them, and the next one after."""
    write(store, [record("alice"), record("bob")])
    begun = [reader.export(KeyQuery()) for _ in range(MOST_EXPORTS)]
    for export in begun:
        next(export)

    with pytest.raises(StoreBusyError, match="4 exports are under way already"):
        next(reader.export(KeyQuery()))
    assert reader.count(KeyQuery()) == 2

    begun[0].close()
    assert len(list(reader.export(KeyQuery()))) == 2
    for export in begun:
        export.close()


def test_answers_of_one_moment_are_of_one_run(store: Engine, reader: ReportReader) -> None:
    """What is written while a page is made does not show in half of it."""
    write(store, [record("alice", at=NOW - timedelta(days=1))], at=NOW - timedelta(days=1))

    with reader.at_one_moment() as report:
        before = report.overview()
        write(store, [record("alice"), record("bob")])
        assert report.count(KeyQuery()) == 1
        assert report.overview() == before

    assert reader.count(KeyQuery()) == 2


@pytest.mark.parametrize("name", ["asiapacificreporter1", "AVIATIONSERVICES1", "akiaiosfodnn7example"])
def test_user_who_is_called_like_a_key_is_found(store: Engine, reader: ReportReader, name: str) -> None:
    """A search that could be an access key id, and is no key's, looks for names."""
    write(store, [record(name), record("other")])

    assert [row.user_name for row in reader.keys(KeyQuery(search=name)).rows] == [name]


@pytest.mark.parametrize("named", [0, 100], ids=["too many", "looked up"])
@pytest.mark.parametrize("text", ["PRÜFER", "prüfer", "ü"])
def test_user_is_found_in_any_letter_case(
    store: Engine, reader: ReportReader, monkeypatch: pytest.MonkeyPatch, text: str, named: int
) -> None:
    """Letters of any language are found in either case, however many names have them."""
    monkeypatch.setattr("keywatch.report.search.NAMED", named)
    write(store, [record("Prüfer"), record("other", TWO)], ONE, TWO)

    assert names(reader, KeyQuery(search=text)) == ["Prüfer"]


def test_user_who_is_new_or_gone_is_found(store: Engine, reader: ReportReader) -> None:
    """Each run knows the names of the keys that there are since, and of those that there were."""
    yesterday = NOW - timedelta(days=1)
    write(store, [record("alice", at=yesterday)], at=yesterday)
    write(store, [record("bob")])

    assert names(reader, KeyQuery(search="bob")) == ["bob"]
    assert names(reader, KeyQuery(search="alice")) == []
    assert names(reader, KeyQuery(search="alice", deleted=True)) == ["alice"]


@pytest.mark.parametrize("few", [0, 100], ids=["many", "few"])
def test_filter_finds_the_same_however_many_have_it(
    seen: ReportReader, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Whether many keys have a service or region, or few: the same keys are found."""
    monkeypatch.setattr("keywatch.report.uneven.FEW", few)

    assert names(seen, KeyQuery(service="s3")) == ["Alice.Admin", "bob%b"]
    assert names(seen, KeyQuery(service="s3", region="eu-west-1", search="bob")) == ["bob%b"]
    assert names(seen, KeyQuery(region="us-east-1", status="Active")) == ["alice"]
    assert names(seen, KeyQuery(region="US-EAST-1")) == []


def test_key_that_has_expired_is_found(store: Engine, reader: ReportReader) -> None:
    """A status that hardly any key has filters as well as the usual ones."""
    write(store, [record("alice", Status="Expired"), record("bob"), record("carol", Status="Inactive")])

    assert names(reader, KeyQuery(status="Expired")) == ["alice"]
    assert names(reader, KeyQuery(status="Inactive")) == ["carol"]
    assert names(reader, KeyQuery(status="Expired", search="bob")) == []


@pytest.mark.parametrize("text", ["ZÜRICH", "zürich", "Zürich", "ü"])
def test_account_is_found_in_any_letter_case(store: Engine, reader: ReportReader, text: str) -> None:
    """Names of accounts have letters of any language, and their case does not matter either."""
    write(store, [record("alice"), record("bob", TWO)], ok(ONE, name="Büro Zürich"), TWO)

    assert [row.user_name for row in reader.keys(KeyQuery(search=text)).rows] == ["alice"]
    assert [account.id for account in reader.accounts(search=text).rows] == [ONE]


def test_what_the_page_shows_can_be_searched_for(store: Engine, reader: ReportReader) -> None:
    """The ARN of a user, and the name that the page gives to root, find what they name."""
    root = record("<root_account>", age=None, AccessKeyId=None)
    write(store, [record("alice"), record("alice", TWO), root], ONE, TWO)

    [key] = reader.keys(KeyQuery(search=f"arn:aws:iam::{TWO}:user/alice")).rows
    assert (key.account_id, key.user_name) == (TWO, "alice")
    assert [row.user_name for row in reader.keys(KeyQuery(search="Root user")).rows] == ["<root_account>"]


def test_key_says_how_long_it_was_not_seen(store: Engine, reader: ReportReader) -> None:
    """A key of an account that is not read any more has the age of what is known of it."""
    write(store, [record("alice", at=NOW - timedelta(days=12))], at=NOW - timedelta(days=12))
    write(store, [record("bob", TWO)], denied(ONE), TWO)

    assert {row.user_name: row.unseen_days for row in reader.keys(KeyQuery()).rows} == {"alice": 12, "bob": 0}


def test_accounts_that_need_somebody_come_first(store: Engine, reader: ReportReader) -> None:
    """Accounts that were not read lead the list, then those with the most old keys that are active."""
    write(store, [record("a", ONE), record("b", TWO, age=100)], ok(ONE), ok(TWO), denied(THREE, "Logs"))

    assert [account.id for account in reader.accounts().rows] == [THREE, TWO, ONE]
    assert [account.id for account in reader.accounts(search="LOG").rows] == [THREE]
    assert [account.id for account in reader.accounts(search="222").rows] == [TWO]
    assert [account.id for account in reader.accounts(statuses=["denied"]).rows] == [THREE]
    assert reader.accounts(search="%").total == 0


def test_accounts_come_in_pages(store: Engine, reader: ReportReader) -> None:
    """Each account is on one page, and a page that is not there is the last."""
    write(store, [], *[ok(f"{number:012}") for number in range(120)])

    pages = [reader.accounts(page=number) for number in (1, 2, 3)]
    assert [len(page.rows) for page in pages] == [50, 50, 20]
    assert len({account.id for page in pages for account in page.rows}) == 120
    assert (pages[0].pages, pages[0].total) == (3, 120)
    assert reader.accounts(page=99) == pages[2]
    assert reader.accounts(page=-1) == pages[0]


def test_runs_of_an_account_are_newest_first(store: Engine, reader: ReportReader) -> None:
    """An account's runs say how each ended, and are kept for ninety days."""
    for days in (92, 2, 1):
        write(store, [], denied(ONE) if days == 1 else ok(ONE), at=NOW - timedelta(days=days))

    [last, before] = reader.account_runs(ONE)
    assert (last.status, last.action, before.status) == ("denied", "iam:ListUsers", "ok")
    assert reader.account_runs(ONE, limit=1) == (last,)
    assert all(later.listed_at > earlier.listed_at for later, earlier in pairwise(reader.account_runs(ONE)))


def test_export_is_of_one_moment(store: Engine, reader: ReportReader) -> None:
    """A run that is written while a list is exported changes nothing in it."""
    write(store, [record(f"user{number}", key=f"AKIA...{number:04}") for number in range(3_000)])
    stream = reader.export(KeyQuery())
    first = next(stream)

    write(store, [], at=NOW + timedelta(days=1))

    rows: list[KeyRow] = [first, *stream]
    assert len(rows) == 3_000
    assert {row.deleted for row in rows} == {None}
    assert reader.count(KeyQuery()) == 0
    assert reader.count(replace(KeyQuery(), deleted=True)) == 3_000
