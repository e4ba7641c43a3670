"""Which accounts a run audits, in batches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from keywatch.access_keys.record import Account, iso_time
from keywatch.errors import NoAccountsError
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.manifests import AccountRef, Batch


def list_accounts(accounts: Iterable[Account], run: RunFolder[Any], now: datetime, size: int) -> list[Batch]:
    """Group the accounts into batches, and begin the run's staging.

    Args:
        accounts: What to audit; an account named twice is audited once.
        run: The run's folder.
        now: UTC.
        size: Accounts in a batch, at most.

    Raises:
        NoAccountsError: There is none.
    """
    unique = {account.id: AccountRef(id=account.id, name=account.name) for account in accounts}
    if not unique:
        raise NoAccountsError(
            "There is no account to audit. Give `accounts`, or leave it empty for the account of the AWS connection."
        )
    listed_at = iso_time(now)
    run.start(listed_at)
    refs = list(unique.values())
    return [
        Batch(number=number, accounts=refs[start : start + size], listed_at=listed_at)
        for number, start in enumerate(range(0, len(refs), size))
    ]
