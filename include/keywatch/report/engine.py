"""Connections to the report store: SQLite in a file, or PostgreSQL, where the tables have a schema of their own."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from keywatch.errors import ConfigurationError, StoreUnavailableError

SCHEMA: Final = "keywatch"
"""The tables' schema on PostgreSQL, so that they can lie beside others."""

LOCK: Final = 0x6B657977
"""The number by which runs that write wait for one another on PostgreSQL."""

WAIT_SECONDS: Final = 600.0
"""How long a run waits for another that writes: a million keys take two minutes."""


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
            engine = create_engine(url, connect_args={"timeout": WAIT_SECONDS} if writing else {})
            _prepare_sqlite(engine, writing=writing)
        else:
            # A page reads several tables: as they were when it began to.
            isolation: Any = "READ COMMITTED" if writing else "REPEATABLE READ"
            engine = create_engine(url, pool_pre_ping=True, isolation_level=isolation)
            _prepare_postgresql(engine, writing=writing)
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigurationError(
            f"The report store, {_name(url)}, needs a driver that is not installed: pip install 'keywatch[postgresql]'."
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
    except (SQLAlchemyError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        said = " ".join(str(cause).split()) or type(cause).__name__
        raise StoreUnavailableError(
            f"The report store, {_name(engine.url)}, cannot be read or written: {said}. See that it is reachable from "
            "here, that it has room, and that its user may do this."
        ) from error


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
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)

    @event.listens_for(engine, "connect")
    def settle(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction by itself: `begin` below does
        to_write = ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536")  # kB
        to_read = ("query_only = ON", "mmap_size = 1073741824")  # bytes
        for setting in to_write if writing else to_read:
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _prepare_postgresql(engine: Engine, *, writing: bool) -> None:
    @event.listens_for(engine, "connect")
    def settle(connection: Any, _record: object) -> None:  # noqa: ANN401 - psycopg's
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path TO {SCHEMA}")
            if writing:
                cursor.execute(f"SET lock_timeout TO '{WAIT_SECONDS}s'")
            else:
                cursor.execute("SET default_transaction_read_only TO on")
        connection.autocommit = False

    if writing:

        @event.listens_for(engine, "begin")
        def begin(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
