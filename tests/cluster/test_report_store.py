"""The report store on PostgreSQL: whatever holds for a file holds there, and what only a server can do wrong."""

from __future__ import annotations

import inspect
import multiprocessing
import secrets
import traceback
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType
from typing import Final

import hypothesis.strategies as st
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import URL, Engine, make_url, text
from sqlalchemy.exc import InternalError

from keywatch.errors import StoreUnavailableError
from keywatch.report.engine import SCHEMA, open_engine
from keywatch.report.query import SORTS, KeyQuery, decode_cursor
from keywatch.report.read import ReportReader
from keywatch.report.read_overview import read_overview
from keywatch.report.schema import keys
from tests.cluster import servers
from tests.keywatch.report import stores, test_migrate, test_read, test_write
from tests.keywatch.report.found import NOW, ONE, TWO, denied, ok, record, write

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

PASSWORD: Final = secrets.token_hex(16)
DATABASE: Final = {"POSTGRES_USER": "keeper", "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": "report"}
IDLE_TIMEOUT: Final = "idle_in_transaction_session_timeout"
DAYS: Final = (range(0, 8, 2), range(1, 8, 2))
"""The days whose runs each of two processes writes."""


def of_any_database(module: ModuleType) -> dict[str, object]:
    """Return the tests of a module that ask a store and look at no file."""
    tests = {name: test for name, test in vars(module).items() if name.startswith("test_")}
    parameters = {name: set(inspect.signature(test).parameters) for name, test in tests.items()}
    return {
        name: tests[name]
        for name, needed in parameters.items()
        if needed & {"store", "reader", "seen"} and "tmp_path" not in needed
    }


globals().update(of_any_database(test_migrate) | of_any_database(test_read) | of_any_database(test_write))
seen = test_read.seen


@pytest.fixture(scope="module")
def server() -> Iterator[URL]:
    """Give a database of a running PostgreSQL, in which others have tables too."""
    with servers.postgresql(DATABASE) as port:
        url = make_url(f"postgresql+psycopg://keeper@127.0.0.1:{port}/report").set(password=PASSWORD)
        with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
            connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
            connection.execute("INSERT INTO alembic_version VALUES ('somebody else''s')")
        yield url


@pytest.fixture
def store(server: URL) -> Iterator[Engine]:
    """Give a store that has nothing in it."""
    engine = open_engine(server, writing=True)
    yield engine
    empty(engine)
    engine.dispose()


@pytest.fixture
def reader(server: URL) -> Iterator[ReportReader]:
    """Give a reader of that store."""
    engine = open_engine(server, writing=False)
    yield ReportReader(engine)
    engine.dispose()


@pytest.mark.parametrize("writing", [True, False])
def test_nothing_outlives_a_transaction(server: URL, store: Engine, writing: bool) -> None:  # noqa: FBT001 - a parameter
    """Whoever gets the connection next, from a pooler, finds it as if it were new."""
    write(store, [record("alice")])
    engine = open_engine(server, writing=writing)
    settings_of = (
        "SELECT name, setting FROM pg_settings WHERE name NOT IN ('application_name', 'transaction_isolation')"
    )
    with psycopg.connect(server.set(drivername="postgresql").render_as_string(hide_password=False)) as untouched:
        as_new = untouched.execute(settings_of).fetchall()

    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM access_key")) == 1
    used = engine.raw_connection()
    try:
        cursor = used.cursor()
        cursor.execute(settings_of)
        assert cursor.fetchall() == as_new
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (0,)
    finally:
        used.close()
        engine.dispose()


def test_reader_waits_for_nothing_for_ever(server: URL, store: Engine) -> None:
    """What a page asks, and an export that nobody takes, ends by the server's clock too."""
    write(store, [record("alice")])
    engine = open_engine(server, writing=False)
    with engine.begin() as connection:
        limits = [connection.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", IDLE_TIMEOUT)]
        assert limits == ["1min", "1min"]
    engine.dispose()


found_keys = st.lists(
    st.tuples(
        st.sampled_from(["ada", "Ada.B", "bob_c", "bob%c", "ci-1"]),
        st.sampled_from([ONE, TWO]),
        st.none() | st.integers(0, 200),
        st.none() | st.integers(0, 100),
        st.sampled_from(["Active", "Inactive", None]),
        st.sampled_from(["s3", "sts"]),
    ),
    max_size=30,
)
queries = st.builds(
    KeyQuery,
    search=st.sampled_from(
        ["", "", "ADA", "ada.", "_", "%", "1111", "akia...0003", "AKIA0000000000000003", "ops", "-"]
    ),
    status=st.sampled_from([None, None, "Active", "Inactive"]),
    older_than=st.none() | st.integers(0, 200),
    unused_for=st.none() | st.integers(0, 100),
    never_used=st.booleans(),
    two_active=st.booleans(),
    account=st.sampled_from([None, None, ONE, TWO]),
    service=st.sampled_from([None, None, "s3", "sts"]),
    deleted=st.booleans(),
    sort=st.sampled_from(SORTS),
    descending=st.booleans(),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=found_keys, gone=st.integers(0, 30), query=queries, limit=st.integers(1, 7))
def test_both_databases_answer_alike(
    store: Engine,
    reader: ReportReader,
    tmp_path_factory: pytest.TempPathFactory,
    found: list[tuple[str, str, int | None, int | None, str | None, str]],
    gone: int,
    query: KeyQuery,
    limit: int,
) -> None:
    """Whatever two runs found, overview, lists, counts and exports of SQLite and PostgreSQL are the same."""
    records = [
        record(user, account, age=age, idle=idle, key=f"AKIA...{number:04}", Status=status, ServiceName=service)
        for number, (user, account, age, idle, status, service) in enumerate(found)
    ]
    folder = tmp_path_factory.mktemp("sqlite")
    file = stores.store_in(folder)
    empty(store)
    for each in (store, file):
        write(each, records, ONE, ok(TWO, name="Ops"))
        write(each, records[gone:], ONE, denied(TWO), at=NOW + timedelta(days=1))
    file.dispose()

    assert answers(reader, query, limit) == answers(stores.reader_of(folder), query, limit)


def empty(store: Engine) -> None:
    """Take everything out of a store."""
    with store.begin() as connection:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))


def answers(reader: ReportReader, query: KeyQuery, limit: int) -> list[object]:
    """Return everything that a store says, of a list page for page."""
    pages = [reader.keys(query, limit=limit)]
    while after := pages[-1].after:
        pages.append(reader.keys(query, decode_cursor(after, query.sort), limit))
    export = [*reader.export(query)]
    assert [row for page in pages for row in page.rows] == export
    return [
        reader.overview(),
        reader.choices(),
        reader.accounts(),
        reader.account_runs(TWO),
        reader.count(query),
        pages,
    ]


def write_days(url: URL, days: range) -> None:
    """Write runs, in a process of its own; the keys come in another order each time."""
    engine = open_engine(url, writing=True)
    for day in days:
        at = NOW + timedelta(days=day)
        records = [record(f"user{number:04}", at=at, key=f"AKIA...{number:04}") for number in range(2_000)]
        write(engine, records[:: 1 if day % 2 else -1], at=at)
    engine.dispose()


def test_two_writers_at_once_both_end_well(server: URL, store: Engine, reader: ReportReader) -> None:
    """Runs that write at the same time, the first of them into a store without tables, wait for one another."""
    empty(store)
    started = [multiprocessing.get_context("spawn").Process(target=write_days, args=(server, days)) for days in DAYS]
    for process in started:
        process.start()
    for process in started:
        process.join(120)

    assert [process.exitcode for process in started] == [0, 0]
    overview = reader.overview()
    assert overview is not None
    assert (overview.figures.keys, overview.as_of) == (2_000, NOW + timedelta(days=7))
    assert [day.keys for day in overview.charts.trend][-1] == 2_000
    assert len(reader.account_runs(ONE)) == 8


def test_page_sees_one_moment(store: Engine, reader: ReportReader) -> None:
    """What the page reads of several tables is of one run, though another is written meanwhile."""
    write(store, [record("ada")])
    with reader._reading() as connection:
        assert connection is not None
        before = read_overview(connection)
        write(store, [record("ada"), record("bob")], at=NOW + timedelta(days=1))
        assert read_overview(connection) == before


def test_reader_changes_nothing(server: URL, store: Engine) -> None:
    """The page's own connection refuses to write."""
    write(store, [record("ada")])
    engine = open_engine(server, writing=False)

    with pytest.raises(InternalError, match="read-only transaction"), engine.begin() as connection:
        connection.execute(keys.delete())
    engine.dispose()


def test_schema_may_be_there_before(server: URL, store: Engine) -> None:
    """A user who may create no schema writes into one that somebody has made for it."""
    with store.begin() as connection:
        connection.execute(text(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'"))
        connection.execute(text(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION guest"))
    guest = open_engine(server.set(username="guest"), writing=True)

    write(guest, [record("ada")])

    guest.dispose()
    empty(store)
    with store.begin() as connection:
        connection.execute(text("DROP ROLE guest"))


@pytest.mark.parametrize("wrong", [{"password": "wrong-" + PASSWORD}, {"database": "nowhere"}, {"port": 1}], ids=str)
def test_store_out_of_reach_says_so(server: URL, wrong: dict[str, str | int]) -> None:
    """A server that is not there, or lets nobody in, is named, and the password is not."""
    url = server.set(**wrong)  # type: ignore[arg-type]

    for ask in (
        lambda: write(open_engine(url, writing=True), []),
        ReportReader(open_engine(url, writing=False)).overview,
    ):
        with pytest.raises(StoreUnavailableError) as caught:
            ask()
        told = "".join(traceback.format_exception(caught.value))
        assert f"The report store, PostgreSQL database {url.database} on 127.0.0.1, cannot be read" in told
        assert PASSWORD not in told
