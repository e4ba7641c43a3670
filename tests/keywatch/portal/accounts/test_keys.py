"""The keys that a person answers for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from keywatch.errors import BadQueryError
from keywatch.portal.accounts.keys import OwnedKeys, OwnersKeys
from keywatch.portal.accounts.model import Account
from keywatch.report.engine import open_engine, sqlite_url
from keywatch.report.schema import findings, seconds
from tests.keywatch.portal.accounts.kept import PAYMENTS, SEARCH, Kept
from tests.keywatch.report.found import NOW, ONE, ok, record, write

TEAM = "Pr\u00fcfstelle"


def owned(user: str, owner: str | None, **more: Any) -> bytes:  # noqa: ANN401 - of record
    """Make a record of a key with an owner."""
    return record(user, Owner=owner, OwnerSource=owner and "tag", **more)


def find(kept: Kept, key_id: str, rule: str, rank: int, **more: object) -> None:
    """Write what the policy finds of a key."""
    row: dict[str, Any] = {
        "finding_id": f"f{rule:0>26}"[:27], "key_id": key_id, "rule": rule, "kind": "age", "severity": "high",
        "rank": rank, "reason": f"because of {rule}", "proposes": False, "first_found": seconds(NOW), "first_run": "r",
        "last_found": seconds(NOW), "last_run": "r", **more,
    }  # fmt: skip
    engine = open_engine(kept.url, writing=True)
    with engine.begin() as connection:
        connection.execute(findings.insert(), row)
    engine.dispose()


def report(kept: Kept, *records: bytes) -> None:
    """Write a run."""
    engine = open_engine(kept.url, writing=True)
    write(engine, records, ok(ONE, name="Payments"))
    engine.dispose()


@pytest.fixture
def keys(kept: Kept) -> Iterator[OwnersKeys]:
    """Give what reads keys of the store."""
    keys = OwnersKeys(kept.url)
    yield keys
    keys.close()


def names(page: OwnedKeys) -> list[str]:
    """Name whose keys a page has."""
    return [row.key.user_name for row in page.rows]


def test_owner_sees_their_keys_with_what_is_found_of_them(kept: Kept, keys: OwnersKeys) -> None:
    """The oldest comes first, and of what is found the worst."""
    account = kept.bound()
    report(
        kept,
        owned("ci", PAYMENTS, age=400, idle=100),
        owned("backup", PAYMENTS.upper(), age=500),
        owned("search", SEARCH),
        owned("nobodys", None),
    )
    ci = keys.page(account).rows[1].key
    find(kept, ci.key_id, "unused", 2)
    find(kept, ci.key_id, "old", 1)
    find(kept, ci.key_id, "gone", 0, resolved=seconds(NOW))
    find(kept, "k" * 27, "other", 0)

    page = keys.page(account)

    assert names(page) == ["backup", "ci"]
    assert [[each.rule for each in row.findings] for row in page.rows] == [[], ["old", "unused"]]
    assert (page.total, page.before, page.as_of) == (2, None, NOW)
    assert (ci.age_days, ci.idle_days, ci.account_name, ci.last_used) == (
        400,
        100,
        "Payments",
        NOW - timedelta(days=100),
    )
    first = page.rows[1].findings[0]
    assert (first.severity, first.reason, first.first_found) == ("high", "because of old", NOW)


def test_keys_that_are_gone_are_not_shown(kept: Kept, keys: OwnersKeys) -> None:
    """A key that no longer exists is nobody's task."""
    account = kept.bound()
    report(kept, owned("ci", PAYMENTS), owned("gone", PAYMENTS))
    engine = open_engine(kept.url, writing=True)
    write(engine, [owned("ci", PAYMENTS, at=NOW + timedelta(days=1))], at=NOW + timedelta(days=1))
    engine.dispose()

    assert (names(keys.page(account)), keys.page(account).total) == (["ci"], 1)


@pytest.mark.parametrize(
    ("owner", "shown"),
    [
        (TEAM, [TEAM, "pR\u00fcFSTELLE"]),
        ("Pru\u0308fstelle", ["Pru\u0308fstelle"]),
        ("PR\u00dcFSTELLE", ["PR\u00dcFSTELLE"]),
        ("kim", ["kim", "KIM"]),
        ("\u212aim", ["\u212aim"]),
        ("k\u0131m", ["k\u0131m"]),
        ("kim ", ["kim "]),
        ("k%m", []),
        ("k_m", []),
        ("", []),
    ],
)
def test_other_letters_are_other_owners(kept: Kept, keys: OwnersKeys, owner: str, shown: list[str]) -> None:
    """Owners are the same but for the case of ASCII letters, or not at all: no pattern, no other form."""
    names_of_owners = [
        TEAM,
        "pR\u00fcFSTELLE",
        "Pru\u0308fstelle",
        "PR\u00dcFSTELLE",
        "kim",
        "KIM",
        "\u212aim",
        "k\u0131m",
        "kim ",
    ]
    account = kept.bound(owner="replaced")
    report(kept, *(owned(f"user{place}", name) for place, name in enumerate(names_of_owners)))

    page = keys.page(replaced(account, owner))

    assert {row.key.owner for row in page.rows} == set(shown)


def replaced(account: Account, owner: str) -> Account:
    """Give an account another owner's name, also one that no invitation could give it."""
    return Account(account.account_id, account.email, owner, 1, account.created, account.updated)


@pytest.mark.parametrize("limit", [1, 3, 7, 200])
def test_pages_have_every_key_once(kept: Kept, keys: OwnersKeys, limit: int) -> None:
    """Forward and back again, in the order of their age."""
    account = kept.bound()
    mine = [owned(f"user{number}", PAYMENTS, age=100 - number // 2) for number in range(10)]
    report(kept, *mine, *(owned(f"other{number}", SEARCH, age=95) for number in range(5)))

    seen, pages = [], [keys.page(account, limit=limit)]
    while pages[-1].after:
        pages.append(keys.page(account, pages[-1].after, limit))
    for page in pages:
        seen += names(page)
    assert sorted(seen) == sorted(f"user{number}" for number in range(10))
    assert [page.total for page in pages] == [10] * len(pages)
    ages = [row.key.age_days for page in pages for row in page.rows]
    assert ages == sorted(ages, key=lambda age: -(age or 0))
    back = pages[-1]
    for page in reversed(pages[:-1]):
        assert back.before is not None
        back = keys.page(account, back.before, limit)
        assert names(back) == names(page)


def test_cursor_of_somebody_else_leads_to_nothing_of_theirs(kept: Kept, keys: OwnersKeys) -> None:
    """A place in another's list is a place in one's own."""
    account, other = kept.bound(), kept.bound(SEARCH, "subject-2")
    report(
        kept, *(owned(f"mine{each}", PAYMENTS) for each in range(3)), *(owned(f"o{each}", SEARCH) for each in range(3))
    )

    cursor = keys.page(other, limit=1).after

    assert set(names(keys.page(account, cursor))) < {"mine0", "mine1", "mine2"} | {"nobody"}
    with pytest.raises(BadQueryError, match="Start again from its first page"):
        keys.page(account, "nonsense")


def test_page_asks_as_often_for_many_keys_as_for_few(kept: Kept, keys: OwnersKeys) -> None:
    """What is found of a page's keys is asked for once, not once for each."""
    account = kept.bound()
    report(kept, *(owned(f"user{number}", PAYMENTS) for number in range(50)))
    sent: list[str] = []
    event.listen(keys._engine, "before_cursor_execute", lambda _c, _u, statement, *_: sent.append(statement))

    for limit in (1, 50):
        keys.page(account, limit=limit)

    asked = [statement for statement in sent if statement.startswith("SELECT")]
    assert len(asked) % 2 == 0
    assert sum("FROM finding" in statement for statement in asked) == 2


def test_owner_without_a_report_has_no_keys(kept: Kept, keys: OwnersKeys, tmp_path: Path) -> None:
    """Before the first run there is nothing to show, and no store is no failure."""
    account = kept.bound()
    empty = OwnersKeys(sqlite_url(tmp_path / "nowhere.db"))

    for page in (keys.page(account), empty.page(account)):
        assert page == OwnedKeys((), 0, None, None, None)
