"""Connections to the report store: SQLite in a file, or PostgreSQL, where the tables have a schema of their own."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from keywatch.errors import ConfigurationError, StoreBusyError, StoreUnavailableError

SCHEMA: Final = "keywatch"
"""The tables' schema on PostgreSQL, so that they can lie beside others."""

LOCK: Final = 0x6B657977
"""The number by which runs that write wait for one another on PostgreSQL."""

WAIT_SECONDS: Final = 600.0
"""How long a run waits for another that writes: a million keys take a few minutes."""

BUSY_SECONDS: Final = 60
"""When to try again after a run that writes."""

LOCK_NOT_AVAILABLE: Final = "55P03"
"""What PostgreSQL says where a lock took longer than `lock_timeout` (PostgreSQL 15, appendix A)."""

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


def open_engine(
    url: URL, *, writing: bool, wait: float = WAIT_SECONDS, alone: bool = True, mapped: int = MAPPED_BYTES
) -> Engine:
    """Prepare connections to a store. None is made yet.

    Args:
        url: From `sqlite_url`, or of drivername `postgresql+psycopg`.
        writing: Whether to write: transactions then lock the store when they begin. Otherwise nothing can be changed.
        wait: How long who writes waits for another that does, in seconds.
        alone: Whether who writes keeps all others out for as long, as runs do. PostgreSQL alone can do without, where
            what is written is no run's; a SQLite file has one writer at a time in any case.
        mapped: Bytes of a SQLite file that who reads may have mapped into memory; 0 for whoever needs few rows.

    Raises:
        ConfigurationError: The database's driver is not installed.
    """
    try:
        if url.get_backend_name() == "sqlite":
            arguments: dict[str, Any] = {"timeout": wait} if writing else {}
            engine = create_engine(url, connect_args=arguments, pool_timeout=POOL_SECONDS)
            _prepare_sqlite(engine, writing=writing, mapped=mapped)
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
            _prepare_postgresql(engine, writing=writing, wait=wait, alone=alone)
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigurationError(
            "The report store needs PostgreSQL's driver, which is not installed: pip install 'keywatch[postgresql]'."
        ) from error
    return engine


@contextlib.contextmanager
def speaking_of(engine: Engine, what: str = "The report store") -> Iterator[None]:
    """Say in our words that a store is out of reach, full or refuses.

    Args:
        engine: For reading or writing it.
        what: What the message calls it.

    Raises:
        StoreUnavailableError: As it says.
    """
    try:
        yield
    except (SQLAlchemyError, OSError, UnicodeError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        said = " ".join(str(cause).split()) or type(cause).__name__
        raise StoreUnavailableError(
            f"{what}, {_name(engine.url)}, cannot be read or written: {said}. See that it is reachable from here, that "
            "it has room, and that its user may do this."
        ) from error


@contextlib.contextmanager
def speaking_of_runs(engine: Engine) -> Iterator[None]:
    """Say in our words beside that a run keeps who would not wait for long from writing.

    Raises:
        StoreBusyError: A run is being written.
        StoreUnavailableError: As `speaking_of`.
    """
    try:
        with speaking_of(engine):
            yield
    except StoreUnavailableError as error:
        if not _is_locked(error.__cause__):
            raise
        raise StoreBusyError(
            "A report is just being written, and nothing else can be meanwhile. Try again in a minute.",
            retry_after=BUSY_SECONDS,
        ) from error.__cause__


def _is_locked(error: BaseException | None) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else None
    # The lower eight bits are the primary code (SQLite, Result and Error Codes).
    busy = getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    return busy or getattr(cause, "sqlstate", None) == LOCK_NOT_AVAILABLE


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


def _prepare_sqlite(engine: Engine, *, writing: bool, mapped: int) -> None:
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
            connection.exec_driver_sql(f"PRAGMA mmap_size = {mapped}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _prepare_postgresql(engine: Engine, *, writing: bool, wait: float, alone: bool) -> None:
    settings = {"search_path": SCHEMA}
    if writing:
        settings["lock_timeout"] = f"{wait * 1000:.0f}ms"
    else:
        settings["transaction_read_only"] = "on"
        settings["statement_timeout"] = settings["idle_in_transaction_session_timeout"] = f"{PAGE_SECONDS}s"
    chosen = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's
        """Set what holds until the transaction ends, and no longer."""
        connection.exec_driver_sql(f"SELECT {chosen}")
        if writing and alone:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
