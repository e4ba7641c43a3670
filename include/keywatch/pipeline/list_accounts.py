"""Which accounts a run audits, in batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from keywatch.access_keys.organization import Selection
from keywatch.access_keys.owners import OwnerBook
from keywatch.columns import iso_time
from keywatch.errors import NoAccountsError
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.manifests import AccountRef, Batch, SkippedAccount

log = logging.getLogger(__name__)


OwnersOf = Callable[[Sequence[str]], OwnerBook]
"""Tells who answers for the users of some accounts."""


def nobody(_: Sequence[str]) -> OwnerBook:
    """Know of no owner."""
    return OwnerBook()


def list_accounts(
    selection: Selection, run: RunFolder[Any], now: datetime, size: int, owners_of: OwnersOf = nobody
) -> list[Batch]:
    """Group the accounts into batches, and begin the run's staging.

    Args:
        selection: What to audit and what to leave out; an account named twice is audited once.
        run: The run's folder.
        now: UTC.
        size: Accounts in a batch, at most.
        owners_of: Tells who answers for the users of some accounts; what it says now holds for the whole run.

    Raises:
        NoAccountsError: There is none.
    """
    unique = {account.id: AccountRef(id=account.id, name=account.name) for account in selection.accounts}
    if not unique:
        raise NoAccountsError(
            f"There is no account to audit ({len(selection.skipped)} are left out). Give `accounts`, or leave it empty "
            "for all of the organisation or, without `organization`, for the account of the AWS connection."
        )
    skipped = [SkippedAccount(id=each.id, name=each.name, reason=why) for each, why in selection.skipped]
    listed_at = iso_time(now)
    run.start(listed_at, skipped)
    log.info("%s accounts to audit, %s left out", len(unique), len(skipped))
    refs = list(unique.values())
    batches = [
        Batch(number=number, accounts=refs[start : start + size], listed_at=listed_at)
        for number, start in enumerate(range(0, len(refs), size))
    ]
    for batch in batches:
        _keep_owners(batch, run, owners_of)
    return batches


def _keep_owners(batch: Batch, run: RunFolder[Any], owners_of: OwnersOf) -> None:
    owners = owners_of([account["id"] for account in batch["accounts"]])
    run.batch(batch["number"]).write_owners(owners)
