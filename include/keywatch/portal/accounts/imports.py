"""A file's accounts into the store: details alone. No binding and no invitation is touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from keywatch.portal.accounts.addresses import fold_address
from keywatch.portal.accounts.model import AccountEntry, Imported
from keywatch.portal.accounts.rows import Values, change_row
from keywatch.portal.accounts.writing import Text, add_missing, change_texts, new_account, record
from keywatch.report.chunks import chunks
from keywatch.report.schema import portal_accounts

ACCOUNTS_AT_ONCE: Final = 500


def import_entries(connection: Connection, entries: Iterable[AccountEntry], now: int, by: str) -> Imported:
    """Add the accounts that are not there, and change those that are.

    Args:
        connection: In a transaction that writes.
        entries: Of addresses that differ.
        now: In seconds.
        by: The user of the command.

    Raises:
        InvitationError: An address is none.
    """
    # In one order, so that two imports at once do not wait for each other.
    ordered = sorted(entries, key=lambda entry: fold_address(entry.email))
    counts = [_import_some(connection, some, now, by) for some in chunks(ordered, ACCOUNTS_AT_ONCE)]
    added, changed = (sum(each[place] for each in counts) for place in (0, 1))
    return Imported(added=added, changed=changed, unchanged=len(ordered) - added - changed)


def _import_some(connection: Connection, entries: Sequence[AccountEntry], now: int, by: str) -> tuple[int, int]:
    rows = {fold_address(entry.email): new_account(entry.email, now) | dict(entry.details) for entry in entries}
    add_missing(connection, list(rows.values()))
    of_these = select(portal_accounts).where(portal_accounts.c.email_folded.in_(rows)).with_for_update()
    there = {row.email_folded: row for row in connection.execute(of_these.order_by(portal_accounts.c.email_folded))}
    mine = [row for folded, row in rows.items() if there[folded].account_id == row["account_id"]]
    record(connection, (change for row in mine for change in _beginning(row, now, by)))
    known = (entry for entry in entries if there[fold_address(entry.email)].account_id not in _ids(mine))
    changed = sum(_change(connection, there[fold_address(entry.email)], entry, now, by) for entry in known)
    return len(mine), changed


def _ids(rows: Iterable[Values]) -> set[str]:
    return {row["account_id"] for row in rows}


def _beginning(row: Values, now: int, by: str) -> Iterable[Values]:
    """Say what an account has from its first moment."""
    yield change_row(row, now, "account", before=None, after=row["email"], who=by)
    names: tuple[Text, ...] = ("policynumber", "beneficiary")
    yield from (change_row(row, now, name, before=None, after=row[name], who=by) for name in names if row[name])


def _change(connection: Connection, account: Row[Any], entry: AccountEntry, now: int, by: str) -> bool:
    texts: dict[Text, str | None] = {name: text for name, text in entry.details.items()}  # noqa: C416 - for the type
    return change_texts(connection, account, now, texts, who=by)
