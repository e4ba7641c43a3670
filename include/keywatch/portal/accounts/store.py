"""The accounts of key owners in the report store."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from sqlalchemy import URL, ColumnElement, Connection, func, select

from keywatch.errors import AccountChangedError, NoAccountError, StoreSchemaError, StoreUnavailableError
from keywatch.portal.accounts.addresses import fold_address
from keywatch.portal.accounts.details import clean
from keywatch.portal.accounts.imports import import_entries
from keywatch.portal.accounts.invitations import accept, check, issue, unknown
from keywatch.portal.accounts.model import Account, AccountEntry, Change, Imported, Invitation
from keywatch.portal.accounts.rows import account_of, change_of, change_row, subject_text
from keywatch.portal.accounts.subjects import is_usable
from keywatch.portal.accounts.writing import Text, change_texts, lock_account, read_account, record
from keywatch.portal.provider.model import Identity, Subject
from keywatch.report.engine import open_engine, speaking_of_runs
from keywatch.report.migrate import check_schema, migrate
from keywatch.report.reading import ReadingTransactions
from keywatch.report.schema import portal_accounts, portal_changes, portal_invitations

WAIT_SECONDS: Final = 5.0
"""How long a change waits for a run that publishes."""

MOST_CHANGES: Final = 1_000


class AccountStore:
    """Keeps accounts. Threads and processes may share it. Every method that reads or writes raises as follows.

    Args:
        url: Of the report store.
        clock: Returns seconds since 1970, UTC.

    Raises:
        ConfigurationError: The database's driver is not installed.
        StoreBusyError: A report is just being written; only of what writes.
        StoreSchemaError: The store has another schema than this version needs.
        StoreUnavailableError: It cannot be read or written.
    """

    def __init__(self, url: URL, clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._clock = clock
        # No run writes what is written here, so it need not wait for one where the database can do without.
        self._writer = open_engine(url, writing=True, wait=WAIT_SECONDS, alone=False)
        self._reader = open_engine(url, writing=False, mapped=0)
        self._transactions = ReadingTransactions(self._reader)

    def prepare(self) -> None:
        """Give the store the schema of this version, if it has an older one or none."""
        with contextlib.suppress(StoreSchemaError), self._transactions.begin() as connection:
            if connection is not None:
                return
        engine = open_engine(self._url, writing=True)
        try:
            with speaking_of_runs(engine):
                migrate(engine)
        finally:
            engine.dispose()

    def close(self) -> None:
        """Let the connections go."""
        self._writer.dispose()
        self._reader.dispose()

    def check(self) -> None:
        """See that accounts can be read.

        Raises:
            StoreUnavailableError: They cannot, or there is no store yet.
        """
        with self._transactions.begin() as connection:
            if connection is None:
                raise _no_store()
            connection.execute(select(portal_accounts.c.account_id).limit(1)).first()

    def find(self, subject: Subject) -> Account:
        """Return the account that is bound to somebody.

        Raises:
            NoAccountError: None is.
        """
        with self._transactions.begin() as connection:
            if connection is None:
                raise _no_store()
            of_subject = select(portal_accounts).where(*_of(subject))
            row = connection.execute(of_subject).first() if is_usable(subject) else None
        if row is None:
            raise _no_account()
        return account_of(row)

    def set_beneficiary(
        self, subject: Subject, beneficiary: str | None, *, expected_version: int | None = None, strength: str
    ) -> Account:
        """Name who takes over the keys, or nobody, and record it.

        Args:
            subject: Whose account.
            beneficiary: 1 to 256 characters on one line; None or nothing for nobody. White space around is left out.
            expected_version: Of the account, as whoever asks has seen it; None for whichever it is.
            strength: How they were authenticated.

        Returns:
            The account as it is now; the same version if it said so already.

        Raises:
            BadQueryError: The text is none that can be kept.
            NoAccountError: No account is bound to them.
            AccountChangedError: It has another version, so nothing is changed.
        """
        text = clean("beneficiary", beneficiary)
        seen = self.find(subject)
        _expect(seen.version, expected_version)
        if seen.beneficiary == text:
            return seen
        with self._writing() as connection:
            account = lock_account(connection, *_of(subject))
            if account is None:
                raise _no_account()
            _expect(account.version, expected_version)
            change_texts(connection, account, self._now(), {"beneficiary": text}, who=subject, strength=strength)
            return account_of(read_account(connection, account.account_id))

    def invite(
        self,
        email: str,
        *,
        issued_by: str,
        days: int = 7,
        policynumber: str | None = None,
        beneficiary: str | None = None,
        owner: str | None = None,
        rebind: bool = False,
    ) -> Invitation:
        """Invite somebody; an invitation of theirs that is open ends. They have an account from now on.

        Args:
            email: Their address.
            issued_by: The user of the command.
            days: How long it may be accepted, 1 to 90.
            policynumber: The number of their policy; None for what it is.
            beneficiary: Who takes over the keys; None for what it is.
            owner: The name under which the report knows them; None for what it is, which is the e-mail at first.
            rebind: Whether, once accepted, it takes the place of a binding. Until then, that stays.

        Raises:
            InvitationError: The address is none, the days are too many, or the account is bound, and not to be anew.
            BadQueryError: A text is none that can be kept.
        """
        given: dict[Text, str | None] = {"policynumber": policynumber, "beneficiary": beneficiary, "owner": owner}
        texts = {name: text for name, value in given.items() if (text := clean(name, value)) is not None}
        with self._writing() as connection:
            return issue(connection, email, self._now(), issued_by=issued_by, days=days, rebind=rebind, texts=texts)

    def accept(self, code: str, identity: Identity) -> Account:
        """Bind the account of an invitation to who has signed in. Of several who do so at once, one succeeds.

        Args:
            code: As the link has it.
            identity: What the provider says of them.

        Raises:
            InvitationError: It is unknown, used, revoked or over, or for another address than the provider says is
                theirs; or they have another account. It is not used up then.
        """
        with self._transactions.begin() as connection:
            if connection is None:
                raise unknown()
            account_id = check(connection, code, identity, self._now())
        with self._writing() as connection:
            return accept(connection, account_id, code, identity, self._now())

    def accounts(self) -> tuple[Account, ...]:
        """Return all accounts, in the order of their addresses, with the invitations that are open."""
        mine = portal_invitations.c
        is_open = (mine.used == 0) & (mine.revoked == 0) & (mine.expires > self._now())
        until = select(func.max(mine.expires)).where(mine.account_id == portal_accounts.c.account_id, is_open)
        with self._transactions.begin() as connection:
            chosen = select(portal_accounts, until.scalar_subquery().label("until"))
            rows = connection.execute(chosen).all() if connection else ()
        return tuple(account_of(row, row.until or 0) for row in sorted(rows, key=lambda row: str(row.email_folded)))

    def changes(self, account_id: str | None = None, *, email: str | None = None) -> tuple[Change, ...]:
        """Return the last thousand changes, newest first.

        Args:
            account_id: Of one account; None for all.
            email: Of the accounts that have, or had, an address; None for all.

        Raises:
            InvitationError: The address is none.
        """
        wanted: list[ColumnElement[bool]] = []
        if account_id is not None:
            wanted.append(portal_changes.c.account_id == account_id)
        if email is not None:
            wanted.append(portal_changes.c.email_folded == fold_address(email))
        newest = select(portal_changes).where(*wanted).order_by(portal_changes.c.id.desc()).limit(MOST_CHANGES)
        with self._transactions.begin() as connection:
            rows = connection.execute(newest).all() if connection else ()
        return tuple(map(change_of, rows))

    def delete(self, email: str, by: str) -> None:
        """Remove an account, its binding and its invitations; its changes stay.

        Args:
            email: Whose.
            by: The user of the command.

        Raises:
            InvitationError: The address is none.
            NoAccountError: There is no such account.
        """
        folded = fold_address(email)
        with self._writing() as connection:
            account = lock_account(connection, portal_accounts.c.email_folded == folded)
            if account is None:
                raise NoAccountError(f"There is no account of {folded}. See `keywatch portal accounts`.")
            binding = subject_text(account_of(account).subject)
            gone = change_row(account, self._now(), "account", before=account.email, after=None, who=by)
            unbound = change_row(account, self._now(), "binding", before=binding, after=None, who=by)
            record(connection, [unbound, gone] if binding else [gone])
            for table in (portal_invitations, portal_accounts):
                connection.execute(table.delete().where(table.c.account_id == account.account_id))

    def import_accounts(self, entries: Iterable[AccountEntry], *, by: str) -> Imported:
        """Add the accounts of a file, and change those that are there, whom nobody loses by it.

        Args:
            entries: As `keywatch.portal.accounts.accounts_json.read_accounts` reads them.
            by: The user of the command.
        """
        with self._writing() as connection:
            return import_entries(connection, entries, self._now(), by)

    def export(self) -> tuple[AccountEntry, ...]:
        """Return all accounts as a file has them."""
        return tuple(
            AccountEntry(each.email, {"policynumber": each.policynumber, "beneficiary": each.beneficiary})
            for each in self.accounts()
        )

    def _now(self) -> int:
        return int(self._clock())

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        with speaking_of_runs(self._writer), self._writer.begin() as connection:
            if not check_schema(connection):
                raise StoreSchemaError(
                    "There is no report store yet. Invite somebody by `keywatch portal invite`, which makes it."
                )
            yield connection


def _of(subject: Subject) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return portal_accounts.c.issuer == subject.issuer, portal_accounts.c.subject == subject.value


def _expect(version: Any, expected: int | None) -> None:  # noqa: ANN401 - a column's value
    if expected is not None and version != expected:
        raise AccountChangedError("The account has been changed since it was read. Read it again, and then change it.")


def _no_store() -> StoreUnavailableError:
    return StoreUnavailableError(
        "There is no report store yet where the portal's configuration says. See that store is right, and invite "
        "somebody, or let access_key_report run: either makes it."
    )


def _no_account() -> NoAccountError:
    return NoAccountError("No account is bound to you. Ask for an invitation, and open its link.")
