"""The store's schema, and how it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, column, inspect, table, text
from sqlalchemy.schema import CreateIndex

from keywatch.errors import StoreSchemaError
from keywatch.report.engine import open_engine, sqlite_url
from keywatch.report.migrate import migrate
from keywatch.report.query import KeyQuery
from keywatch.report.read import ReportReader
from keywatch.report.schema import FIGURES, keys, metadata
from tests.keywatch.report.found import NOW, ONE, denied, record, write

OLD_KEY = {
    "key_id": "k" + "A" * 26,
    "access_key_id": "AKIA...OLD1",
    "account_id": ONE,
    "user_name": "alice",
    "user_arn": f"arn:aws:iam::{ONE}:user/alice",
    "status": "Active",
    "created": 1_700_000_000,
    "last_used": 0,
    "last_activity": 1_700_000_000,
    "source": "exact",
    "first_seen": 1_750_000_000,
    "last_seen": 1_750_000_000,
}


# What cannot be read back from SQLite, the next test looks at.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection", "ignore:autogenerate skipping metadata-specified")
def test_migrations_make_the_schema(store: Engine) -> None:
    """What the migrations make, one after another, is what the code reads and writes."""
    migrate(store)

    with store.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrations_make_the_index_of_an_expression(store: Engine, tmp_path: Path) -> None:
    """The index by which a person's keys are found is the one that the code describes."""
    migrate(store)

    [described] = [each for each in keys.indexes if each.name == "access_key_by_owner_address"]
    with open_engine(sqlite_url(tmp_path / "report.db"), writing=False).begin() as connection:
        made = connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = 'access_key_by_owner_address'"))
    assert made == str(CreateIndex(described).compile(store))


def test_store_of_the_previous_schema_is_migrated_by_the_next_run(store: Engine, reader: ReportReader) -> None:
    """The next run brings a store up to date, and nothing that was in it is lost."""
    migrate(store, "0001")
    second = {**OLD_KEY, "key_id": "k" + "B" * 26, "access_key_id": "AKIA...OLD2"}
    inserted = table("access_key", *map(column, OLD_KEY)).insert()
    with store.begin() as connection:
        connection.execute(inserted, [OLD_KEY, second])
        connection.execute(text("INSERT INTO day (day, keys, accounts_read, accounts_not_read, accounts_skipped) "
                                "VALUES ('2026-11-20', 77, 1, 0, 0)"))  # fmt: skip
    with pytest.raises(StoreSchemaError, match=r"has schema 0001.*next run of access_key_report migrates it"):
        reader.keys(KeyQuery())

    write(store, [], denied(ONE))

    rows = reader.keys(KeyQuery(two_active=True)).rows
    assert {row.access_key_id for row in rows} == {"AKIA...OLD1", "AKIA...OLD2"}
    assert {int(row.first_seen.timestamp()) for row in rows} == {1_750_000_000}
    overview = reader.overview()
    assert overview is not None
    assert [day.keys for day in overview.charts.trend] == [77, 2]


def test_keys_of_users_with_two_are_marked_by_the_migration(store: Engine) -> None:
    """The migration itself marks what the new schema marks."""
    migrate(store, "0001")
    single = {**OLD_KEY, "key_id": "k" + "C" * 26, "user_arn": f"arn:aws:iam::{ONE}:user/bob"}
    inserted = table("access_key", *map(column, OLD_KEY)).insert()
    with store.begin() as connection:
        connection.execute(inserted, [OLD_KEY, {**OLD_KEY, "key_id": "k" + "B" * 26}, single])

    migrate(store)

    with store.begin() as connection:
        marked = (
            connection.execute(text("SELECT key_id FROM access_key WHERE two_active ORDER BY key_id")).scalars().all()
        )
    assert marked == ["k" + "A" * 26, "k" + "B" * 26]


def test_names_are_found_after_the_migration(store: Engine, reader: ReportReader) -> None:
    """The migration itself makes what a search looks into, of a store with thousands of names too."""
    migrate(store, "0002")
    inserted = table("access_key", *map(column, OLD_KEY)).insert()
    with store.begin() as connection:
        some = [
            {
                **OLD_KEY,
                "key_id": f"k{number:026}",
                "user_name": f"ci-{number:04}",
                "service": "s3" if number else "sts",
            }
            for number in range(2_500)
        ]
        connection.execute(table("access_key", *map(column, some[0])).insert(), some)
        connection.execute(inserted, [{**OLD_KEY, "user_name": "Alice"}])
        connection.execute(text("INSERT INTO run (run_id, listed_at, published_at, complete, keys) "
                                "VALUES ('old', 1750000000, 1750000000, true, 2501)"))  # fmt: skip

    migrate(store)

    found = {part: reader.keys(KeyQuery(search=part)).rows for part in ("ALICE", "ci-0000", "ci-2499", "nobody")}
    assert {part: [row.user_name for row in rows] for part, rows in found.items()} == {
        "ALICE": ["Alice"], "ci-0000": ["ci-0000"], "ci-2499": ["ci-2499"], "nobody": [],
    }  # fmt: skip
    assert [row.user_name for row in reader.keys(KeyQuery(service="sts")).rows] == ["ci-0000"]


def test_migration_that_fails_leaves_the_store_as_it_was(store: Engine) -> None:
    """A migration is done whole or not at all."""
    migrate(store, "0001")
    with store.begin() as connection:
        connection.execute(text("CREATE TABLE two (user_arn TEXT)"))
        connection.execute(text("DROP INDEX access_key_by_user"))

    with pytest.raises(Exception, match="access_key_by_user"):
        migrate(store)

    with store.begin() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == ["0001"]
        columns = {each["name"] for each in inspect(connection).get_columns("access_key")}
    assert "user_arn" in columns
    assert "two_active" not in columns


def test_store_of_a_later_version_is_left_alone(store: Engine, reader: ReportReader) -> None:
    """An older Keywatch beside a newer one neither reads what it does not know nor writes into it."""
    write(store, [record("alice")])
    with store.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreSchemaError, match="has schema '9999', which a later version"):
        reader.overview()
    with pytest.raises(StoreSchemaError, match="Install that version"):
        write(store, [], at=NOW)


def test_every_figure_has_its_column() -> None:
    """Accounts and days hold each figure that the page shows."""
    for name in ("account", "day"):
        assert set(FIGURES) <= set(metadata.tables[name].columns.keys())
