"""The store's answers for the page."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Generator, Iterable, Iterator
from datetime import datetime
from threading import BoundedSemaphore
from typing import Final

from sqlalchemy import Connection, Engine, func, select

from keywatch.errors import StoreBusyError
from keywatch.report.engine import read_for_long
from keywatch.report.model import AccountPage, AccountRun, AccountState, Choices, KeyPage, KeyRow, Overview
from keywatch.report.owners import read_owners
from keywatch.report.proposals import ProposalState, Result, read_proposal_state
from keywatch.report.query import Cursor, KeyQuery
from keywatch.report.read_accounts import read_account, read_account_runs, read_accounts
from keywatch.report.read_deactivations import (
    DeactivationRow,
    ProposalPage,
    count_results,
    deactivations_of,
    deactivations_of_user,
    read_proposals,
)
from keywatch.report.read_findings import (
    FindingPage,
    FindingQuery,
    FindingRow,
    Look,
    RuleCount,
    count_rules,
    findings_of_keys,
    new_findings,
    read_findings,
    read_last_look,
)
from keywatch.report.read_keys import count_keys, read_keys, stream_keys
from keywatch.report.read_overview import read_choices, read_overview
from keywatch.report.reading import ReadingTransactions
from keywatch.report.schema import moment, runs

MOST_EXPORTS: Final = 4
"""How many exports may go on at once: each keeps a connection for as long as its reader takes."""


class ReportReader:
    """Reads the store, each method as it is at that moment. Every method raises as follows.

    Args:
        engine: For reading.

    Raises:
        StoreSchemaError: The store has another schema than this version needs.
        StoreUnavailableError: It cannot be read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._transactions = ReadingTransactions(engine)
        self._exports = BoundedSemaphore(MOST_EXPORTS)

    @contextlib.contextmanager
    def at_one_moment(self) -> Iterator[ReportReader]:
        """Give a reader all of whose answers are of this moment, whatever is written meanwhile."""
        with self._reading() as connection:
            yield _Snapshot(self._engine, connection)

    def overview(self) -> Overview | None:
        """Return the page at a glance; None if no run has been written yet."""
        with self._reading() as connection:
            return read_overview(connection) if connection else None

    def as_of(self) -> datetime | None:
        """Return the moment to which ages are counted, when the newest run listed its accounts; None before a run."""
        with self._reading() as connection:
            return moment(_now(connection)) if connection else None

    def keys(self, query: KeyQuery, cursor: Cursor | None = None, limit: int = 50) -> KeyPage:
        """Return one page of a list.

        Args:
            query: Which keys, in which order.
            cursor: Where the page begins or ends, of a list in this order; None for the first.
            limit: The most rows.
        """
        with self._reading() as connection:
            return read_keys(connection, query, _now(connection), cursor, limit) if connection else KeyPage(())

    def count(self, query: KeyQuery, most: int = 10_000) -> int:
        """Count a list, up to one more than `most`."""
        with self._reading() as connection:
            return count_keys(connection, query, _now(connection), most) if connection else 0

    def export(self, query: KeyQuery) -> Generator[KeyRow, None, None]:
        """Yield a whole list, as it was at one moment, in constant memory.

        Raises:
            StoreBusyError: As many exports as may go on at once do so already.
        """
        if not self._exports.acquire(blocking=False):
            raise StoreBusyError(f"{MOST_EXPORTS} exports are under way already. Try again when one of them has ended.")
        try:
            with self._reading() as connection:
                if connection:
                    read_for_long(connection)
                    yield from stream_keys(connection, query, _now(connection))
        finally:
            self._exports.release()

    def choices(self) -> Choices:
        """Return what a list can be filtered by."""
        with self._reading() as connection:
            return read_choices(connection) if connection else Choices()

    def accounts(self, search: str = "", statuses: Collection[str] = (), page: int = 1) -> AccountPage:
        """Return one page of the accounts, those that need somebody first.

        Args:
            search: Part of a name or a number.
            statuses: Only those that ended in one of these ways; none for all.
            page: From 1; one that is too high is the last.
        """
        with self._reading() as connection:
            return read_accounts(connection, search, statuses, page) if connection else AccountPage((), 1, 1, 0)

    def account(self, account_id: str) -> AccountState | None:
        """Return one account; None if no run has had it."""
        with self._reading() as connection:
            return read_account(connection, account_id) if connection else None

    def account_runs(self, account_id: str, limit: int = 30) -> tuple[AccountRun, ...]:
        """Return how an account ended in its last runs, newest first."""
        with self._reading() as connection:
            return read_account_runs(connection, account_id, limit) if connection else ()

    def owners(self, account_ids: Iterable[str]) -> dict[tuple[str, str], str]:
        """Return the owners of some accounts' users by the table of owners, by account and user name."""
        with self._reading() as connection:
            return read_owners(connection, account_ids) if connection else {}

    def findings(self, query: FindingQuery, page: int = 1) -> FindingPage:
        """Return one page of what the policy has found.

        Args:
            query: Which findings.
            page: From 1; one that is too high is the last.
        """
        with self._reading() as connection:
            return read_findings(connection, query, page) if connection else FindingPage((), 1, 1, 0)

    def findings_of_keys(self, key_ids: Collection[str]) -> dict[str, tuple[FindingRow, ...]]:
        """Return what is found of some keys, by KeyId, the worst and oldest first."""
        with self._reading() as connection:
            return findings_of_keys(connection, key_ids) if connection else {}

    def last_look(self) -> Look | None:
        """Return when every key was last looked at by the policy; None if never."""
        with self._reading() as connection:
            return read_last_look(connection) if connection else None

    def rules(self) -> tuple[RuleCount, ...]:
        """Count what the policy has found, by rule, the worst first."""
        with self._reading() as connection:
            return count_rules(connection) if connection else ()

    def new_findings(self, run_id: str) -> Iterator[FindingRow]:
        """Yield what a run found first, by owner, the worst first, in constant memory."""
        with self._reading() as connection:
            if connection:
                yield from new_findings(connection, run_id)

    def proposals(self, page: int = 1) -> ProposalPage:
        """Return one page of the proposals to deactivate keys, newest first; one that is too high is the last."""
        with self._reading() as connection:
            return read_proposals(connection, page) if connection else ProposalPage((), 1, 1, 0)

    def proposal(self, sha256: str) -> ProposalState | None:
        """Return what is known of a proposal; None if there is none."""
        with self._reading() as connection:
            return read_proposal_state(connection, sha256) if connection else None

    def results(self, proposed: Collection[str]) -> dict[str, dict[Result | None, int]]:
        """Count the keys of some proposals by how they ended; None counts those of which nothing was tried."""
        with self._reading() as connection:
            return count_results(connection, proposed) if connection else {}

    def deactivations(self, sha256: str) -> tuple[DeactivationRow, ...]:
        """Return the keys of a proposal, and what became of each."""
        with self._reading() as connection:
            return deactivations_of(connection, sha256) if connection else ()

    def deactivations_of_user(self, user_arn: str) -> tuple[DeactivationRow, ...]:
        """Return what was proposed of a user's keys, newest first."""
        with self._reading() as connection:
            return deactivations_of_user(connection, user_arn) if connection else ()

    def _reading(self) -> contextlib.AbstractContextManager[Connection | None]:
        """Open a transaction that reads; None if there is no store yet."""
        return self._transactions.begin()


class _Snapshot(ReportReader):
    """Reads in a transaction that is open already."""

    def __init__(self, engine: Engine, connection: Connection | None) -> None:
        super().__init__(engine)
        self._connection = connection

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        yield self._connection


def _now(connection: Connection) -> int:
    """Return the moment to which ages are counted: when the newest run listed its accounts, in seconds."""
    return int(connection.scalar(select(func.max(runs.c.listed_at))) or 0)
