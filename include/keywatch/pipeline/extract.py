"""Step 1: stage the raw rows of a batch of accounts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from keywatch.access_keys.extract import DEFAULT_CONCURRENCY, AccessKeyExtraction
from keywatch.access_keys.record import Account, iso_time
from keywatch.errors import (
    AccessDeniedError,
    ExtractionIncompleteError,
    KeywatchError,
    StagingDamagedError,
    StagingGoneError,
    TransientError,
)
from keywatch.pipeline.folders import BatchFolder
from keywatch.pipeline.manifests import AccountOutcome, Batch, ExtractedBatch, Status
from keywatch.staging import check_file, encode, line_writer

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

log = logging.getLogger(__name__)


def extract_batch(
    batch: Batch,
    folder: BatchFolder[Any],
    connect: Callable[[Account], IAMClient],
    *,
    concurrency: int = DEFAULT_CONCURRENCY,
    last_try: bool = True,
) -> ExtractedBatch:
    """Read every account of a batch, one after another, and stage its raw rows.

    An account that an earlier try has read in full is not read again, so its snapshot and its receipts stay. One
    that denies access costs that account only. What no account can help, such as refused credentials, ends the step.

    Args:
        batch: The accounts.
        folder: Where to stage.
        connect: Makes the IAM client of an account.
        concurrency: Threads over an account's users.
        last_try: Whether no further try will come; then accounts that could not be read are given up.

    Raises:
        ExtractionIncompleteError: An account could not be read this time, and there is another try.
        PermanentError: Of `connect` or the extraction, if it is not about one account.
    """
    outcomes: list[AccountOutcome] = []
    transient: TransientError | None = None
    for number, ref in enumerate(batch["accounts"], start=1):
        account = Account(**ref)
        outcome = folder.outcome(account.id)
        if outcome and _is_whole(outcome, folder):
            log.info("AWS account %s was read by an earlier try", account.id)
        else:
            log.info("Reading AWS account %s, %s of %s in this batch", account.id, number, len(batch["accounts"]))
            outcome, error = _read(account, folder, connect, concurrency)
            folder.write_outcome(outcome)
            transient = error or transient
        outcomes.append(outcome)
    if transient and not last_try:
        unread = [outcome["id"] for outcome in outcomes if outcome["status"] in ("failed", "partial")]
        raise ExtractionIncompleteError(
            f"AWS accounts {', '.join(unread)} could not be read this time. Another try follows, for these alone."
        ) from transient
    return ExtractedBatch(batch=batch, keys=sum(outcome["keys"] for outcome in outcomes))


def _is_whole(outcome: AccountOutcome, folder: BatchFolder[Any]) -> bool:
    """Tell whether an account was read in full, and its raw rows are still what was written."""
    if outcome["status"] != "ok":
        return False
    try:
        check_file(folder.raw(outcome["id"]), outcome["sha256"])
    except (StagingGoneError, StagingDamagedError) as error:
        log.warning("AWS account %s is read again: %s", outcome["id"], error)
        return False
    return True


def _read(
    account: Account, folder: BatchFolder[Any], connect: Callable[[Account], IAMClient], concurrency: int
) -> tuple[AccountOutcome, TransientError | None]:
    """Stage one account's rows; return how it ended, and the error if another try may help."""
    failure: KeywatchError | None = None
    extraction: AccessKeyExtraction | None = None
    with line_writer(folder.raw(account.id)) as writer:
        try:
            extraction = AccessKeyExtraction(connect(account), account, concurrency=concurrency)
            for row in extraction:
                writer.write(encode(row))
        except (AccessDeniedError, TransientError) as error:
            log.error("%s", error)  # noqa: TRY400 - the message says it all
            failure = error
    outcome = AccountOutcome(
        id=account.id,
        name=account.name,
        status=_status(failure, writer.count),
        reason=str(failure) if failure else None,
        users=extraction.counts.users if extraction else 0,
        keys=writer.count,
        gone=extraction.counts.gone if extraction else 0,
        snapshot_time=extraction.snapshot_time if extraction else iso_time(datetime.now(UTC)),
        sha256=writer.sha256,
    )
    return outcome, failure if isinstance(failure, TransientError) else None


def _status(failure: KeywatchError | None, keys: int) -> Status:
    if failure is None:
        return "ok"
    if keys:
        return "partial"
    return "denied" if isinstance(failure, AccessDeniedError) else "failed"
