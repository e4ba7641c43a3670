"""What is known of accounts."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, Row, RowMapping, case, func, select

from keywatch.report.model import NOT_READ, AccountPage, AccountRun, AccountState, KeyFigures
from keywatch.report.schema import FIGURES, account_runs, accounts, known_moment, moment
from keywatch.report.search import is_account

PER_PAGE: Final = 50

urgency: Final = case((accounts.c.status.in_(NOT_READ), 0), (accounts.c.status == "partial", 1), else_=2)
"""Accounts that need somebody come first."""


def read_account(connection: Connection, account_id: str) -> AccountState | None:
    """Return one account; None if no run has had it."""
    row = connection.execute(select(accounts).where(accounts.c.account_id == account_id)).first()
    return _state(row) if row else None


def read_accounts(connection: Connection, search: str, statuses: Collection[str], page: int) -> AccountPage:
    """Return one page of the accounts: those not read first, then those with root keys, then by old keys."""
    wanted = []
    if search:
        wanted.append(is_account(search, sqlite=connection.dialect.name == "sqlite"))
    if statuses:
        wanted.append(accounts.c.status.in_(statuses))
    total = connection.scalar(select(func.count()).select_from(accounts).where(*wanted)) or 0
    pages = max(1, math.ceil(total / PER_PAGE))
    number = min(max(page, 1), pages)
    order = (urgency, accounts.c.root.desc(), accounts.c.old.desc(), accounts.c["keys"].desc(), accounts.c.account_id)
    chosen = select(accounts).where(*wanted).order_by(*order).limit(PER_PAGE).offset((number - 1) * PER_PAGE)
    return AccountPage(tuple(_state(row) for row in connection.execute(chosen)), number, pages, total)


def read_account_runs(connection: Connection, account_id: str, limit: int) -> tuple[AccountRun, ...]:
    """Return how an account ended in its last runs, newest first."""
    chosen = select(account_runs).where(account_runs.c.account_id == account_id)
    rows = connection.execute(chosen.order_by(account_runs.c.listed_at.desc()).limit(limit))
    return tuple(
        AccountRun(
            row.run_id,
            known_moment(row.listed_at),
            row.status,
            row.action,
            row.reason,
            row.users,
            row.keys,
            row.rejected,
        )
        for row in rows
    )


def not_read(connection: Connection, limit: int) -> tuple[AccountState, ...]:
    """Return the first accounts that were not read when a run last had them."""
    chosen = select(accounts).where(accounts.c.status.in_(NOT_READ))
    order = (accounts.c.listed_at.desc(), accounts.c["keys"].desc(), accounts.c.account_id)
    return tuple(_state(row) for row in connection.execute(chosen.order_by(*order).limit(limit)))


def figures_of(row: RowMapping) -> KeyFigures:
    """Take the figures out of a row that has them."""
    return KeyFigures(**{name: row[name] for name in FIGURES})


def _state(row: Row[Any]) -> AccountState:
    return AccountState(
        id=row.account_id,
        name=row.name,
        status=row.status,
        action=row.action,
        reason=row.reason,
        listed_at=known_moment(row.listed_at),
        run_id=row.run_id,
        read_at=moment(row.read_at),
        figures=figures_of(row._mapping),  # noqa: SLF001 - public, named so that no column collides
    )
