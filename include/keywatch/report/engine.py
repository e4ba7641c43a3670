"""Connections to the report store: SQLite in a file, or PostgreSQL, where the tables have a schema of their own."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from keywatch.errors import ConfigurationError, StoreUnavailableError

SCHEMA: Final = "keywatch"
"""The tables' schema on PostgreSQL, so that they can lie beside others."""

LOCK: Final = 0x6B657977
"""The number by which runs that write wait for one another on PostgreSQL."""

WAIT_SECONDS: Final = 600.0
"""How long a run waits for another that writes: a million keys take a few minutes."""

MAPPED_BYTES: Final = 2**30
"""As much of a SQLite file is read as memory: lists of a million keys take half the time."""

CONNECT_SECONDS: Final = 10
"""How long a server may take to answer at all."""

POOL_SECONDS: Final = 3.0
"""How long a page waits for one of the connections."""

PAGE_SECONDS: Final = 60
"""How long a page waits for one answer, and an export that nobody takes keeps its transaction."""


def sqlite_url(path: Path) -> URL:
    """Return the URL of a store in a file."""
    return URL.create("sqlite", database=str(path))


def open_engine(url: URL, *, writing: bool) -> Engine:
    """Prepare connections to a store. None is made yet.

    Args:
        url: From `sqlite_url`, or of drivername `postgresql+psycopg`.
        writing: Whether to write: transactions then lock the store when they begin. Otherwise nothing can be changed.

    Raises:
        ConfigurationError: The database's driver is not installed.
    """
    try:
        if url.get_backend_name() == "sqlite":
            arguments: dict[str, Any] = {"timeout": WAIT_SECONDS} if writing else {}
            engine = create_engine(url, connect_args=arguments, pool_timeout=POOL_SECONDS)
            _prepare_sqlite(engine, writing=writing)
        else:
            # A page reads several tables: as they were when it began to. Nothing is prepared that would outlive a
            # transaction, so that the connection may be a pooler's, such as PgBouncer's.
            isolation: Any = "READ COMMITTED" if writing else "REPEATABLE READ"
            arguments = {"prepare_threshold": None}
            engine = create_engine(
                _with_timeout(url),
                connect_args=arguments,
                isolation_level=isolation,
                pool_pre_ping=True,
                pool_timeout=POOL_SECONDS,
            )
            _prepare_postgresql(engine, writing=writing)
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigurationError(
            "The report store needs PostgreSQL's driver, which is not installed: pip install 'keywatch[postgresql]'."
        ) from error
    return engine


@contextlib.contextmanager
def speaking_of(engine: Engine) -> Iterator[None]:
    """Say in our words that a store is out of reach, full or refuses.

    Raises:
        StoreUnavailableError: As it says.
    """
    try:
        yield
    except (SQLAlchemyError, OSError, UnicodeError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        said = " ".join(str(cause).split()) or type(cause).__name__
        raise StoreUnavailableError(
            f"The report store, {_name(engine.url)}, cannot be read or written: {said}. See that it is reachable from "
            "here, that it has room, and that its user may do this."
        ) from error


def _with_timeout(url: URL) -> URL:
    """Have a server that takes a connection and says nothing given up, unless the URL says when itself."""
    wait = {"connect_timeout": str(CONNECT_SECONDS)}
    return url if "connect_timeout" in url.query else url.update_query_dict(wait)


def read_for_long(connection: Connection) -> None:
    """Prepare a transaction that goes on for as long as somebody else takes.

    A mapped file that is cut short meanwhile would end the process: until the next transaction, it is read otherwise.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA mmap_size = 0")


def _name(url: URL) -> str:
    """Name a store without who may enter it."""
    if url.get_backend_name() == "sqlite":
        return f"SQLite file {url.database}"
    return f"PostgreSQL database {url.database} on {url.host}"


def _prepare_sqlite(engine: Engine, *, writing: bool) -> None:
    if writing:

        @event.listens_for(engine, "do_connect")
        def create(_dialect: object, _record: object, arguments: list[str], _options: object) -> None:
            """Make the file before SQLite does, which would let everybody read it."""
            file = Path(arguments[0])
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.touch(mode=0o600)

    @event.listens_for(engine, "connect")
    def settle(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction by itself: `begin` below does
        to_write = ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536")  # kB
        for setting in to_write if writing else ("query_only = ON",):
            connection.execute(f"PRAGMA {setting}")
        connection.create_function("casefold", 1, lambda text: text and text.casefold(), deterministic=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        if not writing:
            connection.exec_driver_sql(f"PRAGMA mmap_size = {MAPPED_BYTES}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _prepare_postgresql(engine: Engine, *, writing: bool) -> None:
    settings = {"search_path": SCHEMA}
    if writing:
        settings["lock_timeout"] = f"{WAIT_SECONDS:.0f}s"
    else:
        settings["transaction_read_only"] = "on"
        settings["statement_timeout"] = settings["idle_in_transaction_session_timeout"] = f"{PAGE_SECONDS}s"
    chosen = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        """Set what holds until the transaction ends, and no longer."""
        connection.exec_driver_sql(f"SELECT {chosen}")
        if writing:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
