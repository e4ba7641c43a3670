"""Sessions on the server."""

from __future__ import annotations

import hashlib
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import pytest

from keywatch.errors import StoreUnavailableError
from keywatch.portal.provider.model import Journey, Subject
from keywatch.portal.web.session import MOST_FLOWS, Flow, Person, Session, Tokens
from keywatch.portal.web.session_store import (
    ANONYMOUS_SECONDS,
    PURGED_SECONDS,
    Lifetimes,
    SessionStore,
)
from keywatch.report.engine import sqlite_url

LIFETIMES: Final = Lifetimes(idle=600, absolute=3600)
TOKENS: Final = Tokens(access_token="access-secret", expires=1.0, refresh_token="refresh-secret")
PERSON: Final = Person(
    subject=Subject("https://issuer.example", "subject-1"),
    name="Payments",
    email="payments.owner@keywatch.example",
    email_verified=True,
    claims={"name": "Payments"},
    tokens=TOKENS,
)


@dataclass
class Clock:
    """A clock that is set."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@dataclass
class Kept:
    """A store, its clock and its file."""

    store: SessionStore
    clock: Clock
    file: Path

    def rows(self) -> int:
        """Count what lies in the file."""
        with closing(sqlite3.connect(self.file)) as connection:
            return int(connection.execute("SELECT count(*) FROM portal_session_1").fetchone()[0])


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """Give an empty store in a file."""
    file, clock = tmp_path / "folder" / "sessions.db", Clock()
    store = SessionStore(sqlite_url(file), LIFETIMES, clock)
    yield Kept(store, clock, file)
    store.close()


def flow(state: str) -> Flow:
    """Make a journey."""
    return Flow(state=state, journey=Journey.SIGN_IN, started=0.0, then="/", msal={"code_verifier": "verifier-secret"})


def signed_in() -> Session:
    """Make the session of somebody who is signed in."""
    return msgspec.structs.replace(Session.new(), person=PERSON, flows=(flow("state-1"),))


def test_session_is_found_by_its_id_alone(kept: Kept) -> None:
    """A session comes back as it was, and no other id finds it."""
    session = signed_in()
    session_id = kept.store.add(session)

    assert kept.store.find(session_id) == session
    assert [kept.store.find(each) for each in ("", session_id[:-1], session_id + "A", session_id.swapcase())] == [
        None
    ] * 4
    assert kept.store.find(hashlib.sha256(session_id.encode()).hexdigest()) is None


def test_file_says_nothing(kept: Kept) -> None:
    """Neither the id nor anything of the session can be read in the file, which is its owner's alone."""
    session = signed_in()
    session_id = kept.store.add(session)
    held = b"".join(each.read_bytes() for each in kept.file.parent.iterdir())

    assert hashlib.sha256(session_id.encode()).hexdigest().encode() in held
    for secret in (
        session_id,
        session.csrf,
        "access-secret",
        "refresh-secret",
        "verifier-secret",
        "Payments",
        "owner@",
    ):
        assert secret.encode() not in held
    assert stat.S_IMODE(kept.file.stat().st_mode) == 0o600
    assert not any(secret in repr(session) + repr(PERSON) for secret in ("secret", session.csrf))


def test_session_ends_when_it_is_not_used(kept: Kept) -> None:
    """Each request within the idle time keeps a session going, and none after that brings it back."""
    session_id = kept.store.add(signed_in())
    for _ in range(3):
        kept.clock.now += LIFETIMES.idle - 1
        assert kept.store.find(session_id) is not None
    kept.clock.now += LIFETIMES.idle
    assert kept.store.find(session_id) is None
    assert kept.store.change(session_id, lambda each: each) is None


def test_session_ends_in_any_case(kept: Kept) -> None:
    """Whoever goes on without a pause is signed out after the absolute time."""
    session_id, began = kept.store.add(signed_in()), kept.clock.now
    while kept.clock.now < began + LIFETIMES.absolute - 300:
        kept.clock.now += 300
        assert (kept.store.find(session_id) is None) == (kept.clock.now >= began + LIFETIMES.absolute)
    kept.clock.now = began + LIFETIMES.absolute
    assert kept.store.find(session_id) is None


def test_browser_that_never_signs_in_is_forgotten_soon(kept: Kept) -> None:
    """A session without a person lasts as long as a sign-in may, and what is over is removed from the file."""
    ids = [kept.store.add(Session.new()) for _ in range(20)]
    kept.clock.now += ANONYMOUS_SECONDS
    assert [kept.store.find(each) for each in ids] == [None] * 20
    kept.clock.now += PURGED_SECONDS
    kept.store.add(Session.new())
    assert kept.rows() == 1


def test_replacement_leaves_the_old_id_worthless(kept: Kept) -> None:
    """Under a new id, the old one opens nothing: whoever planted it has nothing."""
    planted = kept.store.add(Session.new())
    new = kept.store.replace(planted, signed_in())

    assert new != planted
    assert kept.store.find(planted) is None
    assert kept.store.find(new) is not None
    kept.store.remove(new)
    assert kept.store.find(new) is None


def test_another_id_is_no_other_time(kept: Kept) -> None:
    """A session that gets another id keeps what is in it, and ends when it would have."""
    session, began = signed_in(), kept.clock.now
    first = kept.store.add(session)
    kept.clock.now += LIFETIMES.idle - 1
    second = kept.store.renew(first)
    assert second
    assert kept.store.find(first) is None
    assert kept.store.find(second) == session
    while kept.clock.now < began + LIFETIMES.absolute - LIFETIMES.idle:
        kept.clock.now += LIFETIMES.idle - 1
        assert kept.store.find(second) is not None
    kept.clock.now = began + LIFETIMES.absolute
    assert kept.store.find(second) is None
    assert kept.store.renew(second) is None


def test_tabs_do_not_overwrite_one_another(kept: Kept) -> None:
    """However many requests change a session at the same time, no change is lost."""
    session_id = kept.store.add(Session.new())
    states = [f"state-{number}" for number in range(MOST_FLOWS)]
    threads = [
        threading.Thread(
            target=kept.store.change, args=(session_id, lambda each, state=state: each.with_flow(flow(state)))
        )
        for state in states
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    session = kept.store.find(session_id)
    assert session is not None
    assert sorted(each.state for each in session.flows) == states
    assert len(session.with_flow(flow("one more")).flows) == MOST_FLOWS


def test_what_another_version_has_sealed_is_no_session(kept: Kept) -> None:
    """A row that cannot be opened means that somebody signs in again, and no error."""
    session_id = kept.store.add(signed_in())
    with closing(sqlite3.connect(kept.file)) as connection, connection:
        connection.execute("UPDATE portal_session_1 SET sealed = zeroblob(200)")
    assert kept.store.find(session_id) is None


def test_store_out_of_reach_says_so(tmp_path: Path) -> None:
    """A file that cannot be written is named with what to do."""
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreUnavailableError, match="See that it is reachable"):
        SessionStore(sqlite_url(tmp_path / "file" / "sessions.db"), LIFETIMES, Clock())
