"""Statements that change accounts. All work in a transaction that has locked the account's row first."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Row, select
from sqlalchemy.dialects import postgresql, sqlite

from keywatch.portal.accounts.addresses import fold_address
from keywatch.portal.accounts.rows import BY_COMMAND, Values, change_row
from keywatch.portal.provider.model import Subject
from keywatch.report.schema import portal_accounts, portal_changes, portal_invitations

Text = Literal["policynumber", "beneficiary", "owner"]

ID_BYTES: Final = 16


def new_account(email: str, now: int) -> Values:
    """Make a row of `portal_account` that is bound to nobody.

    Raises:
        InvitationError: The address is none.
    """
    return {
        "account_id": secrets.token_hex(ID_BYTES),
        "email": email,
        "email_folded": fold_address(email),
        "policynumber": None,
        "beneficiary": None,
        "owner": email,
        "created": now,
        "updated": now,
        "version": 1,
    }


def add_missing(connection: Connection, rows: Sequence[Values]) -> None:
    """Add the accounts whose addresses have none, whoever else adds them at the same time."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(portal_accounts).on_conflict_do_nothing(), list(rows))


def lock_account(connection: Connection, *conditions: ColumnElement[bool]) -> Row[Any] | None:
    """Read one account, and keep others from changing it until the transaction ends; None if there is none.

    SQLite has one writer at a time in any case.
    """
    return connection.execute(select(portal_accounts).where(*conditions).with_for_update()).first()


def read_account(connection: Connection, account_id: str) -> Row[Any]:
    """Read an account that is locked."""
    return connection.execute(select(portal_accounts).where(portal_accounts.c.account_id == account_id)).one()


def change_account(connection: Connection, account_id: str, now: int, **values: object) -> None:
    """Change an account that is locked."""
    mine = portal_accounts.update().where(portal_accounts.c.account_id == account_id)
    connection.execute(mine.values(**values, updated=now, version=portal_accounts.c.version + 1))


def change_texts(
    connection: Connection,
    account: Row[Any],
    now: int,
    texts: Mapping[Text, str | None],
    *,
    who: Subject | str,
    strength: str = BY_COMMAND,
) -> bool:
    """Change what an account that is locked says, where it says something else, and record it.

    Returns:
        Whether anything was changed.
    """
    before = account._mapping  # noqa: SLF001 - public, named so that no column collides
    changed = {name: text for name, text in texts.items() if before[name] != text}
    if not changed:
        return False
    change_account(connection, account.account_id, now, **changed)
    record(
        connection,
        (
            change_row(account, now, name, before=before[name], after=text, who=who, strength=strength)
            for name, text in changed.items()
        ),
    )
    return True


def record(connection: Connection, changes: Iterable[Values]) -> None:
    """Record changes, in the transaction that makes them."""
    if rows := list(changes):
        connection.execute(portal_changes.insert(), rows)


def revoke_open(connection: Connection, account_id: str, now: int) -> None:
    """Let no invitation of an account that is locked be accepted any more."""
    mine = portal_invitations.c
    is_open = (mine.account_id == account_id) & (mine.used == 0) & (mine.revoked == 0)
    connection.execute(portal_invitations.update().where(is_open).values(revoked=now))
