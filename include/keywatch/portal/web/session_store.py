"""Sessions on the server: a browser has nothing but an id, and the database nothing that can be read without that id.

Each row is named by a hash of the id, and encrypted by a key that is derived from it.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    inspect,
    select,
)
from sqlalchemy.schema import CreateSchema

from keywatch.errors import StoreUnavailableError
from keywatch.portal.web.session import Session
from keywatch.report.engine import SCHEMA, speaking_of

ID_BYTES: Final = 32
NONCE_BYTES: Final = 12
ANONYMOUS_SECONDS: Final = 900
"""How long a browser that has not signed in is remembered: as long as a sign-in may take."""

TOUCHED_SECONDS: Final = 30
"""How exactly it is known when a session was last used: a page that only reads then writes nothing."""

PURGED_SECONDS: Final = 60
"""How often sessions that are over are removed."""

ATTEMPTS: Final = 10
WAIT_SECONDS: Final = 5.0
CONNECTIONS: Final = 40
"""As many as requests that are answered at once."""

CONTEXT: Final = b"keywatch portal session"

metadata = MetaData()

sessions: Final = Table(
    "portal_session_1",  # the number of its form: another form is another table, and who was signed in signs in again
    metadata,
    Column("id_sha256", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("idle_seconds", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("portal_session_1_by_end", "ends"),
)
"""`ends` is when a session is over in any case, `used` when it was last used; both in seconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a session lasts after sign-in.

    Attributes:
        idle: Seconds without a request.
        absolute: Seconds in all.
    """

    idle: int
    absolute: int


class SessionStore:
    """Keeps sessions. Threads and processes may share it. Every method raises `StoreUnavailableError`.

    Args:
        engine: From `open_sessions`.
        lifetimes: How long somebody stays signed in.
        clock: Returns seconds since 1970, UTC.
    """

    def __init__(self, engine: Engine, lifetimes: Lifetimes, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._lifetimes = lifetimes
        self._clock = clock
        self._purged = 0.0
        with speaking_of(engine):
            _prepare(engine)

    def find(self, session_id: str) -> Session | None:
        """Return a session; None if there is none, or if it is over.

        Args:
            session_id: As the browser's cookie has it.
        """
        now = int(self._clock())
        with self._begin() as connection:
            row = self._row(connection, session_id, now)
        if row is None:
            return None
        session = _opened(session_id, row.sealed)
        if session is not None and now - row.used >= TOUCHED_SECONDS:
            self._touch(session_id, now)
        return session

    def add(self, session: Session) -> str:
        """Keep a new session, and return its id."""
        now, session_id = int(self._clock()), secrets.token_urlsafe(ID_BYTES)
        signed_in = session.person is not None
        row = {
            "id_sha256": _name(session_id),
            "version": 0,
            "used": now,
            "ends": now + (self._lifetimes.absolute if signed_in else ANONYMOUS_SECONDS),
            "idle_seconds": self._lifetimes.idle if signed_in else ANONYMOUS_SECONDS,
            "sealed": _sealed(session_id, session),
        }
        with self._begin() as connection:
            self._purge(connection, now)
            connection.execute(insert(sessions), row)
        return session_id

    def change(self, session_id: str, to: Callable[[Session], Session]) -> Session | None:
        """Change a session, whatever another tab of its browser changes at the same time.

        Args:
            session_id: Whose.
            to: Makes the new one of the old one; may be called more than once.

        Returns:
            The new one; None if there is none any more.
        """
        for _ in range(ATTEMPTS):
            now = int(self._clock())
            with self._begin() as connection:
                row = self._row(connection, session_id, now)
                before = row and _opened(session_id, row.sealed)
                if row is None or before is None:
                    return None
                after = to(before)
                same = (sessions.c.id_sha256 == row.id_sha256) & (sessions.c.version == row.version)
                changed = sessions.update().where(same)
                sealed = _sealed(session_id, after)
                done = connection.execute(changed.values(sealed=sealed, version=row.version + 1, used=now))
            if done.rowcount:
                return after
        raise StoreUnavailableError("A session is changed by too many requests at once. Try again.")

    def replace(self, session_id: str | None, session: Session) -> str:
        """Keep a session under a new id, and forget the old one: nobody who knew that id knows this one."""
        new = self.add(session)
        if session_id:
            self.remove(session_id)
        return new

    def remove(self, session_id: str) -> None:
        """Forget a session."""
        with self._begin() as connection:
            connection.execute(sessions.delete().where(sessions.c.id_sha256 == _name(session_id)))

    def _row(self, connection: Connection, session_id: str, now: int) -> Any:  # noqa: ANN401 - SQLAlchemy's
        alive = (sessions.c.ends > now) & (sessions.c.used + sessions.c.idle_seconds > now)
        return connection.execute(select(sessions).where(sessions.c.id_sha256 == _name(session_id), alive)).first()

    def _touch(self, session_id: str, now: int) -> None:
        with self._begin() as connection:
            mine = sessions.c.id_sha256 == _name(session_id)
            connection.execute(sessions.update().where(mine, sessions.c.used < now).values(used=now))

    def _purge(self, connection: Connection, now: int) -> None:
        if now - self._purged < PURGED_SECONDS:
            return
        self._purged = now
        over = (sessions.c.ends <= now) | (sessions.c.used + sessions.c.idle_seconds <= now)
        connection.execute(sessions.delete().where(over))

    @contextlib.contextmanager
    def _begin(self) -> Iterator[Connection]:
        with speaking_of(self._engine), self._engine.begin() as connection:
            yield connection


def open_sessions(url: URL) -> Engine:
    """Prepare connections to where sessions are kept. None is made yet.

    Args:
        url: Of a SQLite file, which is made if need be, or of PostgreSQL.
    """
    if url.get_backend_name() != "sqlite":
        arguments = {"prepare_threshold": None}  # nothing that a pooler such as PgBouncer would lose
        engine = create_engine(url, pool_pre_ping=True, pool_size=CONNECTIONS, connect_args=arguments)
        return engine.execution_options(schema_translate_map={None: SCHEMA})
    engine = create_engine(url, connect_args={"timeout": WAIT_SECONDS}, pool_size=CONNECTIONS)

    @event.listens_for(engine, "do_connect")
    def create(_dialect: object, _record: object, arguments: list[str], _options: object) -> None:
        """Make the file before SQLite does, which would let everybody read it."""
        file = Path(arguments[0])
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)

    @event.listens_for(engine, "connect")
    def settle(connection: sqlite3.Connection, _record: object) -> None:
        for setting in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
            connection.execute(f"PRAGMA {setting}")

    return engine


def _prepare(engine: Engine) -> None:
    """Make the table, if it is not there; on PostgreSQL in the schema that Keywatch's other tables are in."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql" and not inspect(connection).has_schema(SCHEMA):
            connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
        metadata.create_all(connection)


def _name(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()


def _key(session_id: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=CONTEXT).derive(session_id.encode())


def _sealed(session_id: str, session: Session) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(_key(session_id)).encrypt(nonce, msgspec.msgpack.encode(session), CONTEXT)


def _opened(session_id: str, sealed: bytes) -> Session | None:
    """Read a session; None if it was sealed by another version of Keywatch, whose form was another."""
    try:
        plain = AESGCM(_key(session_id)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], CONTEXT)
        return msgspec.msgpack.decode(plain, type=Session)
    except (InvalidTag, msgspec.MsgspecError):
        return None
