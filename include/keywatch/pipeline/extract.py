"""Step 1: stage the raw rows of a batch of accounts."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from structlog.contextvars import bound_contextvars

from keywatch import metrics
from keywatch.access_keys.extract import AccessKeyExtraction, ExtractionCounts, Lookup
from keywatch.access_keys.iam import DEFAULT_CONCURRENCY
from keywatch.access_keys.record import Account
from keywatch.access_keys.report_request import OLDEST
from keywatch.columns import iso_time
from keywatch.errors import (
    AccessDeniedError,
    AccountUnusableError,
    AwsCredentialsError,
    ConfigurationError,
    ExtractionIncompleteError,
    KeywatchError,
    StagingDamagedError,
    StagingGoneError,
    TransientError,
)
from keywatch.pipeline.folders import BatchFolder
from keywatch.pipeline.manifests import AccountOutcome, AccountRef, Batch, ExtractedBatch, Status
from keywatch.progress import Progress
from keywatch.staging import check_file, encode, line_writer

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

log = logging.getLogger(__name__)

DEFAULT_ACCOUNTS_AT_ONCE: Final = 4

PROGRESS_SECONDS: Final = 5.0

Connect = Callable[[Account], "IAMClient"]
"""Makes the IAM client of an account; several threads call it at the same time."""

Read = tuple[AccountOutcome, TransientError | None]
"""How the reading of an account ended, and the error if another try may help."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How accounts are read.

    Attributes:
        lookup: Where the last use of a key comes from.
        oldest_report: A credential report older than this is made anew.
        concurrency: Threads over one account's users, at most.
        accounts_at_once: Accounts that are read side by side.
        owner_tag: The tag of a user that names who answers for his keys; None to ask for no tag.
    """

    lookup: Lookup = "exact"
    oldest_report: timedelta = OLDEST
    concurrency: int = DEFAULT_CONCURRENCY
    accounts_at_once: int = DEFAULT_ACCOUNTS_AT_ONCE
    owner_tag: str | None = None


def extract_batch(
    batch: Batch,
    folder: BatchFolder[Any],
    connect: Connect,
    reading: Reading | None = None,
    *,
    last_try: bool = True,
) -> ExtractedBatch:
    """Read every account of a batch, a few at a time, and stage its raw rows.

    An account that an earlier try has read in full is not read again, so its snapshot and its receipts stay. One
    that denies access costs that account only. What no account can help, such as refused credentials, ends the step.

    Args:
        batch: The accounts.
        folder: Where to stage.
        connect: Makes the IAM client of an account.
        reading: How to read them.
        last_try: Whether no further try will come; then accounts that could not be read are given up.

    Raises:
        ExtractionIncompleteError: An account could not be read this time, and there is another try.
        PermanentError: Of `connect` or the extraction, if it is not about one account: refused credentials of the
            connection, a missing role, a proxy, TLS.
    """
    reader = _BatchReader(folder, connect, reading or Reading())
    read = reader.read_all(batch["accounts"])
    errors = [error for _, error in read if error]
    if errors and not last_try:
        unread = [outcome["id"] for outcome, error in read if error]
        raise ExtractionIncompleteError(
            f"AWS accounts {', '.join(unread)} could not be read this time. Another try follows, for these alone."
        ) from errors[-1]
    return ExtractedBatch(batch=batch, keys=sum(outcome["keys"] for outcome, _ in read))


class _BatchReader:
    """Reads the accounts of one batch side by side, and tells how far it is."""

    def __init__(self, folder: BatchFolder[Any], connect: Connect, reading: Reading) -> None:
        self._folder = folder
        self._connect = connect
        self._reading = reading
        self._began = time.monotonic()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._going_on: list[AccessKeyExtraction] = []
        self._ended: Counter[str] = Counter()

    def read_all(self, accounts: list[AccountRef]) -> list[Read]:
        """Read the accounts; what ends the step ends it as soon as the accounts that are being read are done."""
        progress = Progress(log, f"{len(accounts)} accounts", PROGRESS_SECONDS)
        with ThreadPoolExecutor(self._reading.accounts_at_once, thread_name_prefix="account") as pool:
            futures = [pool.submit(copy_context().run, self._read_in_turn, Account(**ref)) for ref in accounts]
            pending: set[Future[Read | None]] = set(futures)
            try:
                while pending:
                    _, pending = wait(pending, PROGRESS_SECONDS)
                    progress.tick(**self._counts())
            except BaseException:  # a time-out of the task's, or Ctrl-C
                self._over.set()
                raise
        progress.done(**self._counts())
        errors = [error for future in futures if (error := future.exception())]
        if errors:
            raise errors[0]
        return [read for future in futures if (read := future.result())]

    def _read_in_turn(self, account: Account) -> Read | None:
        """Read an account, unless what ends the step has happened meanwhile; what is logged says which account."""
        if self._over.is_set():
            return None
        try:
            with bound_contextvars(account=account.id):
                return self._read_or_keep(account)
        except BaseException:
            self._over.set()
            raise

    def _counts(self) -> dict[str, int]:
        """Count accounts, users, keys and calls so far."""
        with self._lock:
            total = Counter(self._ended)
            for each in self._going_on:
                total.update(asdict(each.counts))
        return {
            "done": total["accounts"],
            "users": total["users"],
            "keys": total["keys"],
            "calls": total["calls"],
            "calls_throttled": total["throttled"],
            "calls_per_second": round(total["calls"] / max(time.monotonic() - self._began, 0.001)),
        }

    def _read_or_keep(self, account: Account) -> Read:
        outcome, error = self._folder.outcome(account.id), None
        if outcome and _is_whole(outcome, self._folder):
            log.info("AWS account %s was read by an earlier try", account.id)
        else:
            outcome, error = self._read(account)
            self._folder.write_outcome(outcome)
        with self._lock:
            self._ended["accounts"] += 1
        return outcome, error

    def _read(self, account: Account) -> Read:
        """Stage one account's rows."""
        failure: KeywatchError | None = None
        extraction: AccessKeyExtraction | None = None
        with line_writer(self._folder.raw(account.id)) as writer:
            try:
                client = self._connect(account)
                try:
                    extraction = self._begin(client, account)
                    with contextlib.closing(iter(extraction)) as rows:
                        for row in rows:
                            writer.write(encode(row))
                            self._check_going_on()
                finally:
                    client.close()
                    self._end(extraction)
            except KeywatchError as error:
                if not _is_about_one_account(error):
                    raise
                log.error("%s", error)  # noqa: TRY400 - the message says it all
                failure = error
        metrics.count(metrics.RECORDS_EXTRACTED, writer.count)
        counts = extraction.counts if extraction else ExtractionCounts()
        outcome = AccountOutcome(
            id=account.id,
            name=account.name,
            status=_status(failure, writer.count),
            action=failure.action if failure else None,
            reason=str(failure) if failure else None,
            users=counts.users,
            keys=writer.count,
            gone=counts.gone,
            snapshot_time=extraction.snapshot_time if extraction else iso_time(datetime.now(UTC)),
            sha256=writer.sha256,
        )
        return outcome, failure if isinstance(failure, TransientError) else None

    def _check_going_on(self) -> None:
        """Stop reading once the step is over.

        Raises:
            ExtractionIncompleteError: It is.
        """
        if self._over.is_set():
            raise ExtractionIncompleteError("The reading was cut short: see the log for the reason.")

    def _begin(self, client: IAMClient, account: Account) -> AccessKeyExtraction:
        extraction = AccessKeyExtraction(
            client,
            account,
            lookup=self._reading.lookup,
            oldest_report=self._reading.oldest_report,
            owner_tag=self._reading.owner_tag,
            concurrency=self._reading.concurrency,
            sleep=self._over.wait,
        )
        with self._lock:
            self._going_on.append(extraction)
        return extraction

    def _end(self, extraction: AccessKeyExtraction | None) -> None:
        """Keep the counts of an account that is done, and nothing else of it."""
        if extraction is not None:
            with self._lock:
                self._going_on.remove(extraction)
                self._ended.update(asdict(extraction.counts))


def _is_about_one_account(error: KeywatchError) -> bool:
    """Tell whether an error costs one account alone: of its own, or one that a later try may not meet.

    Credentials that IAM refuses, and what it cannot be asked, are the account's: STS has taken the connection's before.
    """
    if isinstance(error, (AccessDeniedError, AccountUnusableError, TransientError)):
        return True
    return isinstance(error, (AwsCredentialsError, ConfigurationError)) and (error.action or "").startswith("iam:")


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


def _status(failure: KeywatchError | None, keys: int) -> Status:
    if failure is None:
        return "ok"
    if keys:
        return "partial"
    return "denied" if isinstance(failure, AccessDeniedError) else "failed"
