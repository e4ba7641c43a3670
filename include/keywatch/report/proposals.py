"""The proposals to deactivate keys: which one is open, what was decided, and what became of each key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, Row, select

from keywatch.access_keys.proposal import Proposal, ProposedKey
from keywatch.errors import SupersededError
from keywatch.report.engine import speaking_of
from keywatch.report.migrate import migrate
from keywatch.report.model import KEPT
from keywatch.report.schema import deactivations, known_moment, moment, proposals, seconds

State = Literal["open", "approved", "rejected", "timed_out", "superseded", "altered", "refused", "failed"]
"""`refused`: an approval that does not count; `failed`: the request ended without an answer, before its time."""

OPEN: Final = "open"

Result = Literal["deactivated", "would_deactivate", "refused", "failed", "unknown", "not_attempted"]
"""`unknown`: AWS was asked, and whether it did what it was asked is not known."""


@dataclass(frozen=True, slots=True)
class ProposalState:
    """What is known of a proposal. Moments are UTC.

    Attributes:
        sha256: Of its file.
        run_id: The run that made it.
        created: When.
        dry_run: Whether an approval changes nothing.
        keys: How many keys it is about.
        state: What was decided, or that nothing was yet.
        decided_by: Who decided, by name; None if nobody did.
        decided_by_id: The same, by id in Airflow's auth manager.
        decided: When.
    """

    sha256: str
    run_id: str
    created: datetime
    dry_run: bool
    keys: int
    state: State
    decided_by: str | None
    decided_by_id: str | None
    decided: datetime | None


@dataclass(frozen=True, slots=True)
class KeyResult:
    """What became of one proposed key.

    Attributes:
        key_id: The key.
        result: How it ended; None if nothing was tried yet.
        reason: Why it did not end as approved.
        ended: When, UTC.
        attempted: Whether AWS was asked to deactivate it, whatever came of that.
    """

    key_id: str
    result: Result | None
    reason: str | None
    ended: datetime | None
    attempted: bool


class Proposals:
    """The proposals in the store. Every method raises as follows.

    Args:
        engine: For writing.

    Raises:
        StoreSchemaError: The store is a later version's.
        StoreUnavailableError: It cannot be written; nothing is changed then.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def supersede(self, now: datetime) -> int:
        """Close whatever is open, for a newer run has looked at the keys at `now`, UTC; return how many were closed."""
        with speaking_of(self._engine):
            migrate(self._engine)
            with self._engine.begin() as connection:
                return _supersede(connection, now)

    def open(self, proposal: Proposal, sha256: str) -> None:
        """Open a proposal, in place of whatever is open."""
        row = {
            "sha256": sha256,
            "run_id": proposal.run_id,
            "created": seconds(proposal.created),
            "expires": seconds(proposal.expires),
            "dry_run": proposal.dry_run,
            "keys": len(proposal.keys),
            "state": OPEN,
        }
        with speaking_of(self._engine):
            migrate(self._engine)
            with self._engine.begin() as connection:
                _supersede(connection, proposal.created)
                _forget(connection, proposal.created)
                connection.execute(proposals.insert().values(row))
                connection.execute(deactivations.insert(), [_row(key, sha256) for key in proposal.keys])

    def decide(
        self,
        sha256: str,
        state: State,
        now: datetime,
        user_id: str | None = None,
        user_name: str | None = None,
    ) -> ProposalState | None:
        """Close an open proposal; one that is closed stays as it is.

        Args:
            sha256: The proposal.
            state: What was decided.
            now: UTC.
            user_id: Who decided.
            user_name: The same.

        Returns:
            How it is now; None if there is none.
        """
        with speaking_of(self._engine), self._engine.begin() as connection:
            chosen = (proposals.c.sha256 == sha256) & (proposals.c.state == OPEN)
            decision = {"state": state, "decided_by_id": user_id, "decided_by": user_name, "decided": seconds(now)}
            connection.execute(proposals.update().where(chosen).values(decision))
            return read_proposal_state(connection, sha256)

    def state(self, sha256: str) -> ProposalState | None:
        """Return what is known of a proposal; None if there is none."""
        with speaking_of(self._engine), self._engine.begin() as connection:
            return read_proposal_state(connection, sha256)

    def begin(self, sha256: str) -> int:
        """Begin an attempt at an approved proposal, and return its number: from then on, no earlier one goes on."""
        of_this = proposals.c.sha256 == sha256
        with speaking_of(self._engine), self._engine.begin() as connection:
            connection.execute(proposals.update().where(of_this).values(attempt=proposals.c.attempt + 1))
            return int(connection.scalar(select(proposals.c.attempt).where(of_this)) or 0)

    def attempting(self, sha256: str, key_id: str, attempt: int, now: datetime) -> None:
        """Note that AWS is about to be asked to deactivate a key.

        Raises:
            SupersededError: A later attempt has begun, or the key has ended meanwhile, so that it must not be asked.
        """
        of_key = (deactivations.c.sha256 == sha256) & (deactivations.c.key_id == key_id)
        with speaking_of(self._engine), self._engine.begin() as connection:
            _check_newest(connection, sha256, attempt)
            still = of_key & deactivations.c.result.is_(None)
            noted = connection.execute(deactivations.update().where(still).values(attempted=seconds(now)))
            if not noted.rowcount:
                raise _superseded(sha256)

    def end(
        self,
        sha256: str,
        key_id: str,
        result: Result,
        reason: str | None,
        now: datetime,
        *,
        attempt: int | None = None,
    ) -> None:
        """Note what became of a key, as an attempt at it has found; what was noted first stays.

        Raises:
            SupersededError: A later attempt has begun, which says what became of it.
        """
        of_key = (deactivations.c.sha256 == sha256) & (deactivations.c.key_id == key_id)
        ended = {"result": result, "reason": reason, "ended": seconds(now)}
        with speaking_of(self._engine), self._engine.begin() as connection:
            if attempt is not None:
                _check_newest(connection, sha256, attempt)
            connection.execute(deactivations.update().where(of_key, deactivations.c.result.is_(None)).values(ended))

    def result(self, sha256: str, key_id: str) -> KeyResult:
        """Return what became of one key of a proposal."""
        of_key = (deactivations.c.sha256 == sha256) & (deactivations.c.key_id == key_id)
        with speaking_of(self._engine), self._engine.begin() as connection:
            return _result(connection.execute(select(deactivations).where(of_key)).one())

    def results(self, sha256: str) -> dict[str, KeyResult]:
        """Return what became of each key of a proposal, by KeyId."""
        with speaking_of(self._engine), self._engine.begin() as connection:
            rows = connection.execute(select(deactivations).where(deactivations.c.sha256 == sha256))
            return {row.key_id: _result(row) for row in rows}


def _check_newest(connection: Connection, sha256: str, attempt: int) -> None:
    """See that no later attempt has begun; one that begins now does so after this transaction, and finds its notes."""
    attempts = select(proposals.c.attempt).where(proposals.c.sha256 == sha256).with_for_update()
    if connection.scalar(attempts) != attempt:
        raise _superseded(sha256)


def _superseded(sha256: str) -> SupersededError:
    return SupersededError(f"Another attempt at proposal {sha256} has begun, so this one, given up for dead, stops.")


def _supersede(connection: Connection, now: datetime) -> int:
    superseded = {"state": "superseded", "decided": seconds(now)}
    return connection.execute(proposals.update().where(proposals.c.state == OPEN).values(superseded)).rowcount


def _forget(connection: Connection, now: datetime) -> None:
    """Let go what was decided too long ago to be of use; Log Analytics keeps what became of it."""
    old = select(proposals.c.sha256).where(proposals.c.decided < seconds(now - KEPT), proposals.c.state != OPEN)
    connection.execute(deactivations.delete().where(deactivations.c.sha256.in_(old)))
    connection.execute(proposals.delete().where(proposals.c.sha256.in_(old)))


def _row(key: ProposedKey, sha256: str) -> dict[str, Any]:
    return {
        "sha256": sha256,
        "key_id": key.key_id,
        "account_id": key.account_id,
        "user_name": key.user_name,
        "user_arn": key.user_arn,
        "access_key_id": key.access_key_id,
        "rule": key.rule.id,
        "found": key.reason,
        "owner": key.owner,
    }


def _result(row: Row[Any]) -> KeyResult:
    return KeyResult(row.key_id, row.result, row.reason, moment(row.ended), bool(row.attempted))


def read_proposal_state(connection: Connection, sha256: str) -> ProposalState | None:
    """Return what is known of a proposal; None if there is none."""
    row = connection.execute(select(proposals).where(proposals.c.sha256 == sha256)).first()
    return proposal_state(row) if row else None


def proposal_state(row: Row[Any]) -> ProposalState:
    """Read a row of table `proposal`."""
    return ProposalState(
        sha256=row.sha256,
        run_id=row.run_id,
        created=known_moment(row.created),
        dry_run=row.dry_run,
        keys=row._mapping["keys"],  # noqa: SLF001 - public, named so that no column collides
        state=row.state,
        decided_by=row.decided_by,
        decided_by_id=row.decided_by_id,
        decided=moment(row.decided),
    )
