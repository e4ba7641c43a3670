"""A run's result into the store, in one transaction: keys, accounts, and everything that the page counts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, select

from keywatch.progress import Progress
from keywatch.report.chunks import chunks
from keywatch.report.count import count_everything
from keywatch.report.engine import speaking_of
from keywatch.report.migrate import migrate
from keywatch.report.model import ENDINGS_KEPT, KEPT, LEFT_AFTER
from keywatch.report.names import write_names
from keywatch.report.outcome import RunOutcome
from keywatch.report.owners import give_owners
from keywatch.report.rows import key_rows
from keywatch.report.schema import account_runs, accounts, keys, runs, seconds
from keywatch.report.upsert import upsert

log = logging.getLogger(__name__)

ROWS_AT_ONCE: Final = 5_000
ACCOUNTS_AT_ONCE: Final = 500


def write_run(engine: Engine, run: RunOutcome, records: Iterable[bytes]) -> None:
    """Migrate the store if need be, and write what a run found. Writing the same run again changes nothing.

    A key that an account with status ok no longer has is marked as deleted. An account that was not read keeps its
    keys as they were last seen. Keys and accounts end the same in whichever order runs are written.

    Args:
        engine: For writing.
        run: How the run and its accounts ended.
        records: Staged records, each as JSON; read once, a few thousand in memory at a time.

    Raises:
        StoreSchemaError: The store is a later version's.
        StoreUnavailableError: It cannot be written; nothing of the run is in it then.
        StagingDamagedError: A line is no record.
    """
    # A clock that was ahead when the accounts were listed must not outlast the runs of the days to come.
    listed_at = seconds(min(run.listed_at, run.published_at))
    with speaking_of(engine):
        migrate(engine)
        with engine.begin() as connection:
            _write_keys(connection, key_rows(records, listed_at))
            give_owners(connection)  # of a table that was taken while the run went on
            _write_accounts(connection, run, listed_at)
            newest = _write_run(connection, run, listed_at)
            _mark_deleted(connection, run, listed_at, newest)
            _forget(connection, newest)
            count_everything(connection, newest)
            write_names(connection)


def _write_keys(connection: Connection, rows: Iterator[dict[str, Any]]) -> None:
    progress, count = Progress(log, "Stored"), 0
    for some in chunks(rows, ROWS_AT_ONCE):
        upsert(
            connection, keys, some, key=["key_id"], since="last_seen", smallest=["first_seen"], largest=["last_active"]
        )
        count += len(some)
        progress.tick(keys=count)


def _mark_deleted(connection: Connection, run: RunOutcome, listed_at: int, newest: int) -> None:
    """Mark a key as deleted by the first run after it was last seen that read all of its account.

    Whatever a run saw, it saw after it had listed its accounts.
    """
    connection.execute(keys.update().where(keys.c.deleted > 0, keys.c.last_seen >= keys.c.deleted).values(deleted=0))
    for some in chunks((each.id for each in run.accounts if each.status == "ok"), ACCOUNTS_AT_ONCE):
        unmarked = (keys.c.deleted == 0) | (keys.c.deleted > listed_at)
        gone = keys.c.account_id.in_(some) & (keys.c.last_seen < listed_at) & unmarked
        connection.execute(keys.update().where(gone).values(deleted=listed_at))
    if listed_at < newest:
        _mark_deleted_since(connection, run)


def _mark_deleted_since(connection: Connection, run: RunOutcome) -> None:
    """Mark keys of this run that later runs, written before it, no longer found."""
    later = (
        select(func.min(account_runs.c.listed_at))
        .where(account_runs.c.account_id == keys.c.account_id, account_runs.c.listed_at > keys.c.last_seen)
        .where(account_runs.c.status == "ok")
        .scalar_subquery()
    )
    for some in chunks((each.id for each in run.accounts), ACCOUNTS_AT_ONCE):
        gone = keys.c.account_id.in_(some) & (keys.c.deleted == 0)
        connection.execute(keys.update().where(gone).values(deleted=func.coalesce(later, 0)))


def _write_accounts(connection: Connection, run: RunOutcome, listed_at: int) -> None:
    of_this = account_runs.c.run_id == run.run_id
    connection.execute(account_runs.delete().where(of_this, account_runs.c.listed_at != listed_at))
    for some in chunks(run.accounts, ROWS_AT_ONCE):
        ends = [
            {
                "account_id": each.id,
                "listed_at": listed_at,
                "run_id": run.run_id,
                "status": each.status,
                "action": each.action,
                "reason": each.reason,
            }
            for each in some
        ]
        states = [
            {**end, "name": each.name, "read_at": seconds(each.read_at)} for end, each in zip(ends, some, strict=True)
        ]
        counts = [
            {**end, "users": each.users, "keys": each.keys, "rejected": each.rejected}
            for end, each in zip(ends, some, strict=True)
        ]
        upsert(connection, accounts, states, key=["account_id"], since="listed_at", largest=["read_at"], known=["name"])
        upsert(connection, account_runs, counts, key=["account_id", "listed_at"])


def _write_run(connection: Connection, run: RunOutcome, listed_at: int) -> int:
    """Write the run itself, and return when the newest run listed its accounts, in seconds."""
    row = {
        "run_id": run.run_id,
        "listed_at": listed_at,
        "published_at": seconds(run.published_at),
        "complete": run.complete,
        "keys": run.keys,
    }
    upsert(connection, runs, [row], key=["run_id"])
    return int(connection.scalar(select(func.max(runs.c.listed_at))) or 0)


def _forget(connection: Connection, now: int) -> None:
    """Let accounts go that have left, and what is too old to be of use."""
    left = accounts.c.listed_at < now - _seconds(LEFT_AFTER)
    connection.execute(accounts.update().where(left).values(status="left", action=None, reason=None))
    of_those = keys.c.account_id.in_(select(accounts.c.account_id).where(left))
    connection.execute(keys.update().where(of_those, keys.c.deleted == 0).values(deleted=now))
    oldest = now - _seconds(KEPT)
    connection.execute(keys.delete().where(keys.c.deleted > 0, keys.c.deleted < oldest))
    connection.execute(accounts.delete().where(accounts.c.listed_at < oldest - _seconds(LEFT_AFTER)))
    connection.execute(runs.delete().where(runs.c.listed_at < oldest))
    connection.execute(account_runs.delete().where(account_runs.c.listed_at < now - _seconds(ENDINGS_KEPT)))


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
