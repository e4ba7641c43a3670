"""Sessions on the server: a browser has nothing but an id, and the database nothing that can be read without that id.

Each row is named by a hash of the id, and encrypted by a key that is derived from it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    inspect,
    select,
    text,
)
from sqlalchemy.schema import CreateSchema

from keywatch.errors import StoreUnavailableError
from keywatch.portal.web.session import Session
from keywatch.report.engine import SCHEMA, open_engine, speaking_of

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
LOCK: Final = 0x6B657973
"""The number by which web apps that start wait for one another on PostgreSQL."""

CONTEXT: Final = b"keywatch portal session"
WHAT: Final = "The store of sessions"

metadata = MetaData()

sessions: Final = Table(
    "portal_session_1",  # the number of its form: another form is another table, and who was signed in signs in again
    metadata,
    Column("id_sha256", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("idle_seconds", Integer, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("over", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("portal_session_1_by_end", "over"),
)
"""When a session was last used, when it ends in any case, and when it is over unless it is used; in seconds, UTC."""


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
        url: Of a SQLite file, which is made if need be, or of PostgreSQL.
        lifetimes: How long somebody stays signed in.
        clock: Returns seconds since 1970, UTC.

    Raises:
        ConfigurationError: The database's driver is not installed.
        StoreUnavailableError: The table cannot be made.
    """

    def __init__(self, url: URL, lifetimes: Lifetimes, clock: Callable[[], float]) -> None:
        self._writer = open_engine(url, writing=True, wait=WAIT_SECONDS, alone=False)
        self._reader = open_engine(url, writing=False, mapped=0)
        self._lifetimes = lifetimes
        self._clock = clock
        self._purged = 0.0
        with speaking_of(self._writer, WHAT):
            _prepare(self._writer)

    def close(self) -> None:
        """Let the connections go."""
        self._writer.dispose()
        self._reader.dispose()

    def find(self, session_id: str) -> Session | None:
        """Return a session; None if there is none, or if it is over.

        Args:
            session_id: As the browser's cookie has it.
        """
        now = int(self._clock())
        with speaking_of(self._reader, WHAT), self._reader.begin() as connection:
            row = _row(connection, session_id, now)
        if row is None:
            return None
        session = _opened(session_id, row.sealed)
        if session is not None and now - row.used >= TOUCHED_SECONDS:
            with speaking_of(self._writer, WHAT), self._writer.begin() as connection:
                _touch(connection, row, now)
        return session

    def add(self, session: Session) -> str:
        """Keep a new session, and return its id."""
        now, signed_in = int(self._clock()), session.person is not None
        idle = self._lifetimes.idle if signed_in else ANONYMOUS_SECONDS
        ends = now + (self._lifetimes.absolute if signed_in else ANONYMOUS_SECONDS)
        with speaking_of(self._writer, WHAT), self._writer.begin() as connection:
            self._purge(connection, now)
            return _insert(connection, session, now, idle=idle, ends=ends)

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
            with speaking_of(self._writer, WHAT), self._writer.begin() as connection:
                row = _row(connection, session_id, now)
                before = row and _opened(session_id, row.sealed)
                if row is None or before is None:
                    return None
                after = to(before)
                values = {"sealed": _sealed(session_id, after), "version": row.version + 1, **_times(row, now)}
                same = (sessions.c.id_sha256 == row.id_sha256) & (sessions.c.version == row.version)
                done = connection.execute(sessions.update().where(same).values(values))
            if done.rowcount:
                return after
        raise StoreUnavailableError("A session is changed by too many requests at once. Try again.")

    def replace(self, session_id: str | None, session: Session) -> str:
        """Keep a session that begins now, and forget the one before: nobody who knew its id knows the new one."""
        new = self.add(session)
        if session_id:
            self.remove(session_id)
        return new

    def renew(self, session_id: str) -> str | None:
        """Give a session another id; it ends when it would have.

        Returns:
            The new id; None if there is no such session any more.
        """
        now = int(self._clock())
        with speaking_of(self._writer, WHAT), self._writer.begin() as connection:
            row = _row(connection, session_id, now)
            session = row and _opened(session_id, row.sealed)
            if row is None or session is None:
                return None
            connection.execute(sessions.delete().where(sessions.c.id_sha256 == row.id_sha256))
            return _insert(connection, session, now, idle=row.idle_seconds, ends=row.ends)

    def remove(self, session_id: str) -> None:
        """Forget a session."""
        with speaking_of(self._writer, WHAT), self._writer.begin() as connection:
            connection.execute(sessions.delete().where(sessions.c.id_sha256 == _name(session_id)))

    def _purge(self, connection: Connection, now: int) -> None:
        if now - self._purged >= PURGED_SECONDS:
            self._purged = now
            connection.execute(sessions.delete().where(sessions.c.over <= now))


def _prepare(engine: Engine) -> None:
    """Make the table, if it is not there; on PostgreSQL in the schema that Keywatch's other tables are in."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            if not inspect(connection).has_schema(SCHEMA):
                connection.execute(CreateSchema(SCHEMA))
        metadata.create_all(connection)


def _row(connection: Connection, session_id: str, now: int) -> Any:  # noqa: ANN401 - SQLAlchemy's
    mine = sessions.c.id_sha256 == _name(session_id)
    return connection.execute(select(sessions).where(mine, sessions.c.over > now)).first()


def _times(row: Any, now: int) -> Mapping[str, int]:  # noqa: ANN401 - SQLAlchemy's
    """Say when a session that is used now was used, and is over."""
    return {"used": now, "over": min(row.ends, now + row.idle_seconds)}


def _touch(connection: Connection, row: Any, now: int) -> None:  # noqa: ANN401 - SQLAlchemy's
    mine = (sessions.c.id_sha256 == row.id_sha256) & (sessions.c.used < now)
    connection.execute(sessions.update().where(mine).values(_times(row, now)))


def _insert(connection: Connection, session: Session, now: int, *, idle: int, ends: int) -> str:
    session_id = secrets.token_urlsafe(ID_BYTES)
    row = {
        "id_sha256": _name(session_id),
        "version": 0,
        "used": now,
        "idle_seconds": idle,
        "ends": ends,
        "over": min(ends, now + idle),
        "sealed": _sealed(session_id, session),
    }
    connection.execute(sessions.insert(), row)
    return session_id


def _name(session_id: str) -> str:
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()


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
