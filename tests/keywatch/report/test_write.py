"""What a run leaves in the store."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Engine

from keywatch.errors import StagingDamagedError, StoreUnavailableError
from keywatch.report.engine import open_engine, sqlite_url
from keywatch.report.model import AccountFigures, Bar, DayCount, KeyFigures, KeyRow, Overview
from keywatch.report.outcome import AccountOutcome, RunOutcome
from keywatch.report.query import KeyQuery
from keywatch.report.read import ReportReader
from keywatch.report.schema import accounts, keys, runs
from keywatch.report.write import write_run
from tests.keywatch.report import stores
from tests.keywatch.report.found import NOW, ONE, THREE, TWO, denied, ok, record, write

DAY = timedelta(days=1)


def names(reader: ReportReader, query: KeyQuery | None = None) -> list[str]:
    """List the users of the keys of a list."""
    return [row.user_name for row in reader.keys(query or KeyQuery(sort="user", descending=False)).rows]


def overview(reader: ReportReader) -> Overview:
    """Read the overview, which has to be there."""
    found = reader.overview()
    assert found is not None
    return found


def test_store_without_a_run_is_empty(reader: ReportReader, tmp_path: Path) -> None:
    """Before the first run there is nothing to see, and looking makes no file."""
    assert reader.overview() is None
    assert names(reader) == []
    assert reader.count(KeyQuery()) == 0
    assert reader.account(ONE) is None
    assert list(tmp_path.iterdir()) == []


def test_figures_of_everything(store: Engine, reader: ReportReader) -> None:
    """Each figure counts what its name says, at the moment when the run listed its accounts."""
    found = [
        record("new", age=90.9, idle=1),
        record("old", age=91, idle=44.9),
        record("stale", age=400, idle=45),
        record("never", age=44.9),
        record("never-long", age=45, Status="Inactive"),
        record("two", age=10, idle=1, key="AKIA...000A"),
        record("two", age=100, idle=1, key="AKIA...000B"),
        record("two-inactive", age=10, idle=1, key="AKIA...000C"),
        record("two-inactive", age=10, idle=1, key="AKIA...000D", Status="Inactive"),
        record("<root_account>", age=None, AccessKeyId=None, Status=None),
    ]

    write(store, found, ONE)

    assert overview(reader).figures == KeyFigures(
        keys=10,
        active=7,
        old=3,
        old_active=3,
        unused=2,
        unused_active=1,
        never_used=2,
        never_used_active=1,
        root=1,
        users=8,
        users_with_two_active=1,
    )
    assert overview(reader).as_of == NOW


@pytest.mark.parametrize(
    ("figure", "query"),
    [
        ("keys", KeyQuery()),
        ("active", KeyQuery(status="Active")),
        ("old", KeyQuery(older_than=90)),
        ("old_active", KeyQuery(older_than=90, status="Active")),
        ("unused", KeyQuery(unused_for=45)),
        ("unused_active", KeyQuery(unused_for=45, status="Active")),
        ("never_used", KeyQuery(never_used=True)),
        ("never_used_active", KeyQuery(never_used=True, status="Active")),
        ("root", KeyQuery(root=True)),
    ],
)
def test_figure_and_list_agree(store: Engine, reader: ReportReader, figure: str, query: KeyQuery) -> None:
    """The list behind a figure has as many keys as the figure says."""
    ages = (1, 44.99, 45, 45.01, 90, 90.99, 91, 91.01, 500)
    found = [
        record(f"user-{age}-{idle}-{status}", age=age, idle=idle, Status=status)
        for age in ages
        for idle in (None, age / 2, age)
        for status in ("Active", "Inactive")
    ]
    write(store, [*found, record("<root_account>", age=None, AccessKeyId=None)])

    assert getattr(overview(reader).figures, figure) == reader.count(query)
    assert reader.count(query) > 0


def test_charts_of_everything(store: Engine, reader: ReportReader) -> None:
    """Ages, services and regions count the keys that exist; the days of creation count those that are gone too."""
    write(store, [record("gone", age=3, at=NOW - DAY), record("a", age=2, at=NOW - DAY)], at=NOW - DAY)
    found = [
        record("a", age=3, idle=1),
        record("b", age=31, idle=2, ServiceName="sts", Region="us-east-1"),
        record("c", age=2_000, idle=2),
        record("d", age=30.5),
        record("<root_account>", age=None, AccessKeyId=None),
    ]
    write(store, found)

    charts = overview(reader).charts
    assert [bar for bar in charts.ages if bar.count] == [
        Bar("up to 30 days", 2),
        Bar("31-90 days", 1),
        Bar("over 5 years", 1),
    ]
    assert charts.services == (Bar("s3", 2), Bar("sts", 1))
    assert charts.regions == (Bar("eu-west-1", 2), Bar("us-east-1", 1))
    assert len(charts.created_per_day) == 90
    assert charts.created_per_day[-1] == DayCount(NOW.date(), 0)
    assert charts.created_per_day[-5] == DayCount(NOW.date() - 4 * DAY, 1)
    assert charts.created_per_day[-4] == DayCount(NOW.date() - 3 * DAY, 1)
    assert [(day.day, day.keys) for day in charts.trend] == [(date(2026, 11, 26), 2), (date(2026, 11, 27), 5)]


def test_what_is_rare_is_drawn_as_one_bar(store: Engine, reader: ReportReader) -> None:
    """Ten services have a bar of their own, the rest share one, and a list can be filtered by each."""
    write(store, [record(f"u{n}", idle=1, ServiceName=f"s{n:02}", key=f"AKIA...{n:04}") for n in range(13)])

    services = overview(reader).charts.services
    assert len(services) == 11
    assert services[-1] == Bar("Other", 3)
    assert len(reader.choices().services) == 13


def test_key_keeps_when_it_was_first_seen(store: Engine, reader: ReportReader) -> None:
    """A later run brings a key up to date, and what was known of its beginning stays."""
    write(store, [record("alice", age=10, at=NOW - DAY)], at=NOW - DAY)
    write(store, [record("alice", age=11, idle=0.5, Status="Inactive")])

    [key] = reader.keys(KeyQuery()).rows
    assert (key.first_seen, key.last_seen) == (NOW - DAY, NOW)
    assert (key.status, key.service, key.age_days, key.idle_days) == ("Inactive", "s3", 11, 0)


def test_key_that_is_gone_is_marked(store: Engine, reader: ReportReader) -> None:
    """A key that an account no longer has counts no longer, and is found among the deleted ones."""
    write(store, [record("alice", at=NOW - DAY), record("bob", at=NOW - DAY)], at=NOW - DAY)
    write(store, [record("alice")])

    assert names(reader) == ["alice"]
    assert overview(reader).figures.keys == 1
    [bob] = reader.keys(KeyQuery(deleted=True)).rows
    assert (bob.user_name, bob.deleted, bob.last_seen) == ("bob", NOW, NOW - DAY)


def test_key_that_is_back_is_no_longer_marked(store: Engine, reader: ReportReader) -> None:
    """A key that one run missed is there again when the next one sees it."""
    write(store, [record("alice", at=NOW - 2 * DAY)], at=NOW - 2 * DAY)
    write(store, [], at=NOW - DAY)
    write(store, [record("alice")])

    assert names(reader) == ["alice"]
    assert reader.count(KeyQuery(deleted=True)) == 0


@pytest.mark.parametrize("status", ["denied", "failed", "partial", "skipped"])
def test_account_that_was_not_read_keeps_its_keys(store: Engine, reader: ReportReader, status: str) -> None:
    """What was last known of an account stays, with the moment at which it was read."""
    write(store, [record("alice", age=89, at=NOW - 3 * DAY)], ok(ONE, NOW - 3 * DAY, "payments"), at=NOW - 3 * DAY)
    outcome = denied(ONE) if status == "denied" else type(denied(ONE))(ONE, None, status, reason="why")
    write(store, [], outcome)

    account = reader.account(ONE)
    assert account is not None
    assert (account.name, account.status, account.read_at) == ("payments", status, NOW - 3 * DAY)
    assert names(reader) == ["alice"]
    assert account.figures.old == 1, "ages go on though nobody looks"


def test_accounts_that_were_read_and_not(store: Engine, reader: ReportReader) -> None:
    """Accounts count by how they ended when a run last had them, whichever run that was."""
    write(store, [record("alice", THREE)], THREE, denied(TWO), at=NOW - DAY)
    write(store, [record("bob")], ONE, type(denied(ONE))("444444444444", None, "skipped", reason="suspended"))

    seen = overview(reader)
    assert seen.accounts == AccountFigures(read=2, not_read=1, skipped=1)
    assert seen.figures.keys == 2
    assert [account.id for account in seen.not_read] == [TWO]
    assert (seen.run.accounts, seen.partly_read) == (2, 0)


def test_account_that_left_counts_no_longer(store: Engine, reader: ReportReader) -> None:
    """After thirty days without being listed, an account and its keys are out of the figures, however it ended."""
    write(store, [record("alice", TWO, at=NOW - 31 * DAY)], TWO, denied(THREE), at=NOW - 31 * DAY)
    write(store, [record("bob")])

    seen = overview(reader)
    assert (seen.accounts, seen.figures.keys, names(reader)) == (AccountFigures(read=1), 1, ["bob"])
    assert seen.not_read == ()
    assert reader.accounts().rows[0].id == ONE
    assert {account.id for account in reader.accounts(statuses=["left"]).rows} == {TWO, THREE}
    assert reader.count(KeyQuery(deleted=True)) == 1


def test_account_that_is_back_counts_again(store: Engine, reader: ReportReader) -> None:
    """An account that had left is as any other once a run lists it."""
    write(store, [record("alice", at=NOW - 31 * DAY)], at=NOW - 31 * DAY)
    write(store, [], TWO, at=NOW - DAY)
    write(store, [record("alice")])

    account = reader.account(ONE)
    assert account is not None
    assert (account.status, account.figures.keys) == ("ok", 1)


def test_same_run_again_changes_nothing(store: Engine, reader: ReportReader) -> None:
    """A publish that is cleared, or killed after it had written, leaves one and the same result."""
    found = [record("alice"), record("bob", TWO)]
    write(store, found, ONE, TWO)
    before = (overview(reader), reader.keys(KeyQuery()), reader.accounts(), reader.account_runs(ONE))

    write(store, found, ONE, TWO)

    assert (overview(reader), reader.keys(KeyQuery()), reader.accounts(), reader.account_runs(ONE)) == before


def test_older_run_takes_nothing_back(store: Engine, reader: ReportReader) -> None:
    """A run that is published after a newer one adds what only it knows, and changes nothing else."""
    write(store, [record("alice", Status="Inactive")], ONE)
    write(store, [record("alice", at=NOW - DAY), record("bob", TWO, at=NOW - DAY)], ONE, TWO, at=NOW - DAY)

    assert [row.status for row in reader.keys(KeyQuery(account=ONE)).rows] == ["Inactive"]
    assert names(reader, KeyQuery(account=TWO)) == ["bob"]
    assert overview(reader).as_of == NOW
    assert [run.run_id for run in reader.account_runs(ONE)] == [NOW.isoformat(), (NOW - DAY).isoformat()]


def test_older_run_brings_nothing_back(store: Engine, reader: ReportReader) -> None:
    """A key that a newer run found gone stays so, as does one that only the older run had seen."""
    yesterday = NOW - DAY
    found = [record("alice", at=yesterday), record("bob", at=yesterday)]
    write(store, found, at=yesterday)
    write(store, [record("alice")])

    write(store, [*found, record("carol", at=yesterday)], at=yesterday)

    assert names(reader) == ["alice"]
    gone = reader.keys(KeyQuery(deleted=True)).rows
    assert {(key.user_name, key.deleted, key.last_seen) for key in gone} == {
        ("bob", NOW, yesterday),
        ("carol", NOW, yesterday),
    }


def test_key_is_deleted_since_the_first_run_that_missed_it(store: Engine, reader: ReportReader) -> None:
    """When a key was found gone is known from the earliest run, though it is written last."""
    write(store, [record("alice", at=NOW - 2 * DAY)], at=NOW - 2 * DAY)
    write(store, [])
    write(store, [], at=NOW - DAY)

    [alice] = reader.keys(KeyQuery(deleted=True)).rows
    assert alice.deleted == NOW - DAY


def test_older_run_tells_what_it_alone_knows(store: Engine, reader: ReportReader) -> None:
    """When an account was read, and since when a key is there, is known from an older run too."""
    yesterday = NOW - DAY
    write(store, [], denied(ONE))

    write(store, [record("alice", at=yesterday)], ok(ONE, yesterday, "payments"), at=yesterday)

    account = reader.account(ONE)
    assert account is not None
    assert (account.status, account.name, account.read_at) == ("denied", "payments", yesterday)


runs_of_three_days = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sets(st.sampled_from(["alice", "bob", "carol"])),
        st.sampled_from(["ok", "ok", "partial", "denied"]),
        st.sampled_from(["ok", "denied"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=runs_of_three_days, order=st.randoms(use_true_random=False))
def test_order_of_writing_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[int, set[str], str, str]], order: random.Random
) -> None:
    """Runs of some days leave the same keys and accounts in whichever order they are written, and if some are twice."""
    days = {day: (users, one, two) for day, users, one, two in found}
    shuffled = [*days, *order.sample([*days], order.randint(0, len(days)))]
    order.shuffle(shuffled)

    assert state_after(tmp_path_factory.mktemp("any"), days, shuffled) == state_after(
        tmp_path_factory.mktemp("sorted"), days, sorted(days)
    )


def state_after(folder: Path, days: dict[int, tuple[set[str], str, str]], order: Sequence[int]) -> object:
    """Write days in an order, and return what is known of keys and accounts then."""
    store = stores.store_in(folder)
    for day in order:
        users, one, two = days[day]
        at = NOW + day * DAY
        seen = users if one in ("ok", "partial") else set()
        found = [record(user, at=at, age=10 + day) for user in seen]
        outcomes = [
            AccountOutcome(account, f"{account}-{day}", status, read_at=at if status in ("ok", "partial") else None)
            for account, status in ((ONE, one), (TWO, two))
        ]
        write(store, found, *outcomes, at=at)
    store.dispose()
    reader = stores.reader_of(folder)
    kept = KeyQuery(sort="user")
    return (
        reader.keys(kept).rows,
        reader.keys(replace(kept, deleted=True)).rows,
        reader.accounts(),
        reader.account_runs(ONE),
    )


def test_run_that_is_made_anew_is_there_once(store: Engine, reader: ReportReader) -> None:
    """A run that is cleared as a whole lists its accounts again: how they ended the first time is forgotten."""
    write(store, [record("alice")], run_id="scheduled__1")
    write(store, [record("alice", at=NOW + DAY)], at=NOW + DAY, run_id="scheduled__1")

    [run] = reader.account_runs(ONE)
    assert (run.run_id, run.listed_at) == ("scheduled__1", NOW + DAY)


def test_clock_that_is_ahead_does_not_last(store: Engine, reader: ReportReader) -> None:
    """A run that listed its accounts next month, so it says, counts as of when it was written."""
    ahead = RunOutcome("ahead", NOW + 40 * DAY, NOW, complete=True, keys=0, accounts=[denied(ONE)])
    write_run(store, ahead, [])
    assert overview(reader).as_of == NOW

    write(store, [record("alice", at=NOW + DAY)], at=NOW + DAY)
    assert (overview(reader).as_of, names(reader)) == (NOW + DAY, ["alice"])


def test_run_of_a_few_accounts_says_so(store: Engine, reader: ReportReader) -> None:
    """What the newest run did not have stays known: accounts read in part by an earlier one count as such."""
    partly = AccountOutcome(TWO, None, "partial", reason="1 of 2 users", read_at=NOW - DAY)
    write(store, [record("alice", at=NOW - DAY)], ONE, partly, denied(THREE), at=NOW - DAY)
    write(store, [record("alice")], ONE)

    seen = overview(reader)
    assert (seen.run.complete, seen.run.accounts, seen.partly_read) == (True, 1, 1)
    assert seen.accounts == AccountFigures(read=2, not_read=1)


def test_clock_behind_the_listing_deletes_nothing(store: Engine, reader: ReportReader) -> None:
    """A worker whose clock is slow reads keys before the run began, so it says; they are not taken for gone."""
    write(store, [record("alice", at=NOW - timedelta(minutes=10))])
    write(store, [record("alice", at=NOW + DAY - timedelta(minutes=10))], at=NOW + DAY)

    assert names(reader) == ["alice"]


def test_run_is_written_whole_or_not_at_all(store: Engine, reader: ReportReader) -> None:
    """A run that breaks off while it is written leaves what was there."""
    write(store, [record("alice", at=NOW - DAY)], at=NOW - DAY)

    with pytest.raises(StagingDamagedError, match="not a record"):
        write(store, [record("bob"), b'{"KeyId":'])

    assert names(reader) == ["alice"]
    assert overview(reader).as_of == NOW - DAY


def test_old_runs_and_deleted_keys_are_forgotten(store: Engine, reader: ReportReader) -> None:
    """After 400 days, a run and a key that is gone leave the store."""
    write(store, [record("gone", TWO, at=NOW - 500 * DAY)], TWO, at=NOW - 500 * DAY)
    write(store, [], TWO, at=NOW - 450 * DAY)
    write(store, [record("bob")])

    assert reader.count(KeyQuery(deleted=True)) == 0
    with store.begin() as connection:
        assert connection.execute(runs.select()).scalars().all() == [NOW.isoformat()]
        assert connection.execute(accounts.select()).scalars().all() == [ONE]


def test_mark_of_two_active_keys_goes_again(store: Engine, reader: ReportReader) -> None:
    """When one of two active keys is gone, the other one's user has one."""
    write(store, [record("alice", key=f"AKIA...000{n}", at=NOW - DAY) for n in "AB"], at=NOW - DAY)
    assert reader.count(KeyQuery(two_active=True)) == 2

    write(store, [record("alice", key="AKIA...000A")])

    assert reader.count(KeyQuery(two_active=True)) == 0
    assert overview(reader).figures.users_with_two_active == 0


def test_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A file that is none is named, and what to look at."""
    (tmp_path / "report.db").mkdir()

    with pytest.raises(StoreUnavailableError, match=r"report\.db, cannot be read or written: unable to open"):
        write(open_engine(sqlite_url(tmp_path / "report.db"), writing=True), [])


def test_store_is_its_owners_alone(store: Engine, tmp_path: Path) -> None:
    """Nobody else on the machine can read whose keys are old."""
    write(store, [record("alice")])

    assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("report.db*")} == {0}


def test_key_of_any_time_is_taken(store: Engine, reader: ReportReader) -> None:
    """Every field of a record comes out as it went in."""
    created, used = datetime(2019, 2, 3, 4, 5, 6, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    row = record("alice", age=None, CreateDate="2019-02-03T04:05:06Z", LastUsedDate="2026-01-02T00:00:00Z",
                 ServiceName="s3", LastUsedSource="report")  # fmt: skip
    write(store, [row], ok(ONE, name="Prod Zürich"))

    [key] = reader.keys(KeyQuery()).rows
    assert key == KeyRow(
        key_id=key.key_id,
        access_key_id="AKIA...0001",
        account_id=ONE,
        account_name="Prod Zürich",
        user_name="alice",
        user_arn=f"arn:aws:iam::{ONE}:user/alice",
        status="Active",
        created=created,
        last_used=used,
        service="s3",
        region=None,
        source="report",
        age_days=(NOW - created).days,
        idle_days=(NOW - used).days,
        first_seen=NOW,
        last_seen=NOW,
        deleted=None,
        unseen_days=0,
    )


def test_reader_changes_nothing(store: Engine, tmp_path: Path) -> None:
    """The page's own connection refuses to write."""
    write(store, [record("alice")])
    engine = open_engine(sqlite_url(tmp_path / "report.db"), writing=False)

    with pytest.raises(Exception, match="readonly"), engine.begin() as connection:
        connection.execute(keys.delete())
