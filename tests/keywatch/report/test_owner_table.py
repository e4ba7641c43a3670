"""The table of owners in the store, and the keys that get their owners by it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from keywatch.access_keys.owners import Owned
from keywatch.report.facts import users_keys
from keywatch.report.owners import OwnersTaken, read_owners, take_owners
from tests.keywatch.report.found import ONE, TWO, record, write

TEAM, OTHERS = "team@example.com", "others@example.com"


def owners(store: Engine) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    """Give who answers for the keys that exist, and who says so."""
    with store.begin() as connection:
        return {
            (each.account_id, each.user_name): (each.owner, each.owner_source)
            for user in users_keys(connection)
            for each in user
        }


def test_table_is_taken_and_read_for_some_accounts(store: Engine) -> None:
    """A table is read for the accounts that are asked for, and for no other."""
    taken = take_owners(store, [Owned(ONE, "ci-deploy", TEAM), Owned(TWO, "ci-deploy", OTHERS)])

    assert taken == OwnersTaken(users=2, added=2, changed=0, removed=0, keys=0, unowned=0)
    with store.begin() as connection:
        assert read_owners(connection, [ONE]) == {(ONE, "ci-deploy"): TEAM}
        assert read_owners(connection, [TWO, ONE]) == {(ONE, "ci-deploy"): TEAM, (TWO, "ci-deploy"): OTHERS}
        assert read_owners(connection, []) == {}


def test_keys_have_their_owners_at_once(store: Engine) -> None:
    """The keys that are known get the owners of the table as soon as it is taken, instead of any other."""
    tagged: dict[str, Any] = {"Owner": "by-tag@example.com", "OwnerSource": "tag"}
    keys = [record("ci-deploy", **tagged), record("backup", **tagged), record("ci-deploy", TWO), record("CI-deploy")]
    write(store, keys, ONE, TWO)

    taken = take_owners(store, [Owned(ONE, "ci-deploy", TEAM), Owned(ONE, "nobody", TEAM)])

    assert taken == OwnersTaken(users=2, added=2, changed=0, removed=0, keys=1, unowned=2)
    assert owners(store) == {
        (ONE, "ci-deploy"): (TEAM, "table"),
        (ONE, "backup"): ("by-tag@example.com", "tag"),
        (TWO, "ci-deploy"): (None, None),
        (ONE, "CI-deploy"): (None, None),
    }


def test_next_table_takes_the_place_of_the_one_before(store: Engine) -> None:
    """What the new table adds, changes and no longer has is counted, and its keys follow."""
    write(store, [record("stays"), record("changes"), record("goes"), record("comes")])
    take_owners(store, [Owned(ONE, "stays", TEAM), Owned(ONE, "changes", TEAM), Owned(ONE, "goes", TEAM)])

    taken = take_owners(store, [Owned(ONE, "comes", TEAM), Owned(ONE, "changes", OTHERS), Owned(ONE, "stays", TEAM)])

    assert taken == OwnersTaken(users=3, added=1, changed=1, removed=1, keys=3, unowned=1)
    assert owners(store) == {
        (ONE, "stays"): (TEAM, "table"),
        (ONE, "changes"): (OTHERS, "table"),
        (ONE, "comes"): (TEAM, "table"),
        (ONE, "goes"): (None, None),
    }


def test_table_that_is_taken_while_a_run_goes_on_holds(store: Engine) -> None:
    """What a run has read of owners before a table was taken does not hold against it once the run is written."""
    take_owners(store, [Owned(ONE, "ci-deploy", TEAM)])
    before: dict[str, Any] = {"Owner": OTHERS, "OwnerSource": "table"}
    tagged: dict[str, Any] = {"Owner": "by-tag@example.com", "OwnerSource": "tag"}
    keys = [
        record("ci-deploy", **before),
        record("backup", **before),
        record("build", **tagged),
        record("ci-deploy", TWO),
    ]

    write(store, keys, ONE, TWO)

    assert owners(store) == {
        (ONE, "ci-deploy"): (TEAM, "table"),
        (ONE, "backup"): (None, None),
        (ONE, "build"): ("by-tag@example.com", "tag"),
        (TWO, "ci-deploy"): (None, None),
    }


def test_same_table_twice_changes_nothing(store: Engine) -> None:
    """Taking the same table again adds, changes and removes nothing."""
    write(store, [record("ci-deploy")])
    table = [Owned(ONE, "ci-deploy", TEAM)]
    take_owners(store, table)

    assert take_owners(store, table) == OwnersTaken(users=1, added=0, changed=0, removed=0, keys=1, unowned=0)


def test_empty_table_leaves_tags_and_patterns(store: Engine) -> None:
    """A table without lines takes only the owners that the table before gave."""
    pattern: dict[str, Any] = {"Owner": "by-pattern@example.com", "OwnerSource": "pattern"}
    write(store, [record("ci-deploy"), record("backup", **pattern)])
    take_owners(store, [Owned(ONE, "ci-deploy", TEAM)])

    taken = take_owners(store, [])

    assert taken == OwnersTaken(users=0, added=0, changed=0, removed=1, keys=0, unowned=1)
    assert owners(store) == {
        (ONE, "ci-deploy"): (None, None),
        (ONE, "backup"): ("by-pattern@example.com", "pattern"),
    }


def test_large_table_is_taken_whole(store: Engine) -> None:
    """A table of more lines than are written at once is taken whole."""
    count = 12_001

    assert take_owners(store, (Owned(ONE, f"ci-{number}", TEAM) for number in range(count))).users == count

    with store.begin() as connection:
        assert len(read_owners(connection, [ONE])) == count
