"""Read every access key of one account from IAM, exactly and gently."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal

from keywatch.access_keys.aws_errors import GoneError
from keywatch.access_keys.credential_report import CredentialReport, ListedKey, ReportedUse
from keywatch.access_keys.iam import DEFAULT_CONCURRENCY, Iam, Page
from keywatch.access_keys.record import ROOT_USER, Account, RawAccessKey, shorten
from keywatch.access_keys.report_request import OLDEST, fetch_report
from keywatch.columns import iso_time
from keywatch.errors import AccessDeniedError
from keywatch.transport.wire_logs import keep_wire_logs_quiet

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import AccessKeyMetadataTypeDef, UserTypeDef

log = logging.getLogger(__name__)

Lookup = Literal["exact", "report"]

USERS_PER_THREAD: Final = 4
"""A small account is not worth a connection, and its TLS handshake, for every few calls."""

NOT_AVAILABLE: Final = "N/A"


@dataclass(frozen=True, slots=True)
class ExtractionCounts:
    """What one account's extraction has seen so far.

    Attributes:
        users: Users listed.
        keys: Keys yielded, root's included.
        gone: Users and keys that were deleted between two calls.
        calls: Requests sent to IAM.
        throttled: Those that IAM throttled.
    """

    users: int = 0
    keys: int = 0
    gone: int = 0
    calls: int = 0
    throttled: int = 0


class AccessKeyExtraction:
    """One reading of one account. Iterate once; keys arrive in no particular order.

    Asks `GetAccountSummary` once (which alone shows root keys), `ListUsers`, then `ListAccessKeys` per user and
    `GetAccessKeyLastUsed` per key. With lookup `report`, the last use of a key comes from the credential report where
    that certainly means this very key. Memory holds a bounded number of users, however many there are, and the report.
    Key ids are shortened here; a full id reaches neither a row, nor an error, nor a log.

    Args:
        client: An IAM client of the account; made with `patient_config`, it keeps a connection for every thread.
        account: The account.
        lookup: `exact` asks IAM about every key, `report` the credential report first.
        oldest_report: A report older than this is made anew.
        owner_tag: The tag of a user that names who answers for his keys; it is asked for of every user who has keys.
        concurrency: Threads that read users side by side, at most.
        clock: Returns the time now, UTC.
        sleep: Waits a number of seconds for the report.

    Attributes:
        snapshot_time: When the reading began, ISO 8601 UTC; every row of an account has the same.
    """

    def __init__(
        self,
        client: IAMClient,
        account: Account,
        *,
        lookup: Lookup = "exact",
        oldest_report: timedelta = OLDEST,
        owner_tag: str | None = None,
        concurrency: int = DEFAULT_CONCURRENCY,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._client = client
        self._iam = Iam(client, account.id)
        self._account = account
        self._lookup = lookup
        self._oldest_report = oldest_report
        self._owner_tag = owner_tag
        self._concurrency = concurrency
        self._clock = clock
        self._sleep = sleep
        self._report: CredentialReport | None = None
        self._users = self._keys = self._gone = 0
        self.snapshot_time = iso_time(clock())

    @property
    def counts(self) -> ExtractionCounts:
        """What has been seen so far; any thread may ask."""
        counter = self._iam.counter
        return ExtractionCounts(self._users, self._keys, self._gone, counter.calls, counter.throttled)

    def __iter__(self) -> Generator[RawAccessKey]:
        """Yield a raw row per key.

        Raises:
            AccessDeniedError: IAM denies one of the actions; names account and action.
            AwsCredentialsError: AWS does not accept the credentials.
            ThrottledError: IAM still throttles after 10 adaptive attempts.
            TlsError: IAM's TLS certificate is not trusted.
            UnreachableError: IAM cannot be reached.
            AwsServiceError: IAM failed in another way.
        """
        keep_wire_logs_quiet()
        with self._iam.counting():
            for row in self._rows():
                self._keys += 1
                yield row
        counts = self.counts
        log.info(
            "AWS account %s: %s users, %s keys, %s deleted meanwhile, %s calls, %s of them throttled",
            *(self._account.id, counts.users, counts.keys, counts.gone, counts.calls, counts.throttled),
        )

    def _rows(self) -> Iterator[RawAccessKey]:
        yield from self._root_keys()
        if self._lookup == "report":
            self._report = fetch_report(
                self._iam.ask,
                self._client,
                self._account.id,
                oldest=self._oldest_report,
                clock=self._clock,
                sleep=self._sleep,
            )
        pages = self._iam.users()
        first = next(pages)
        pool = ThreadPoolExecutor(self._threads_for(first), thread_name_prefix="iam")
        try:
            yield from self._read_users(pool, (user for page in chain([first], pages) for user in page.members))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _threads_for(self, first: Page) -> int:
        return (
            min(self._concurrency, 1 + len(first.members) // USERS_PER_THREAD) if first.is_last else self._concurrency
        )

    def _read_users(self, pool: ThreadPoolExecutor, users: Iterable[UserTypeDef]) -> Iterator[RawAccessKey]:
        """Read users side by side, a few of them ahead of who takes the rows."""
        pending: set[Future[list[RawAccessKey | None]]] = set()
        for user in users:
            self._users += 1
            pending.add(pool.submit(copy_context().run, self._keys_of, user))
            if len(pending) >= 2 * self._concurrency:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from self._found(done)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from self._found(done)

    def _found(self, done: set[Future[list[RawAccessKey | None]]]) -> Iterator[RawAccessKey]:
        for future in done:
            for row in future.result():
                if row is None:
                    self._gone += 1
                else:
                    yield row

    def _root_keys(self) -> Iterator[RawAccessKey]:
        arn = f"arn:{self._iam.partition}:iam::{self._account.id}:root"
        for slot in range(1, self._iam.root_keys() + 1):
            yield self._row(ROOT_USER, arn, slot)

    def _keys_of(self, user: UserTypeDef) -> list[RawAccessKey | None]:
        """Read one user's keys, at most two, rarely more; None stands for what was deleted meanwhile."""
        try:
            keys = self._iam.keys(user["UserName"])
        except GoneError:
            try:
                keys = self._iam.keys(
                    user["UserName"]
                )  # a second look, since what is new is not at once seen everywhere
            except GoneError:
                return [None]
        uses = self._reported(user, keys)
        rows = [
            self._reported_row(user, slot, key, use) if use else self._asked_row(user, slot, key)
            for slot, (key, use) in enumerate(zip(keys, uses, strict=True), start=1)
        ]
        return self._with_owner(user, rows) if self._owner_tag else rows

    def _with_owner(self, user: UserTypeDef, rows: list[RawAccessKey | None]) -> list[RawAccessKey | None]:
        """Add whom the user's tag names, if the user has keys."""
        found = [row for row in rows if row]
        tag = self._tag(user) if found else None
        for row in found:
            row["owner_tag"] = tag
        return rows

    def _tag(self, user: UserTypeDef) -> str | None:
        """Ask for the owner's tag; who is deleted meanwhile has none. Tags that may not be read cost no key."""
        if not self._owner_tag:
            return None
        try:
            return self._iam.tag(user["UserName"], self._owner_tag)
        except GoneError:
            return None
        except AccessDeniedError as error:
            log.error("Keys of AWS account %s get no owner by tag: %s", self._account.id, error)  # noqa: TRY400 - the message says it all
            self._owner_tag = None
            return None

    def _reported(self, user: UserTypeDef, keys: list[AccessKeyMetadataTypeDef]) -> tuple[ReportedUse | None, ...]:
        if self._report is None:
            return (None,) * len(keys)
        listed = [ListedKey(key["CreateDate"], key["Status"]) for key in keys]
        return self._report.last_uses(user["Arn"], user["CreateDate"], listed)

    def _reported_row(
        self, user: UserTypeDef, slot: int, key: AccessKeyMetadataTypeDef, use: ReportedUse
    ) -> RawAccessKey:
        row = self._key_row(user, slot, key)
        row["last_used_source"] = "report"
        row["last_used_date"] = iso_time(use.last_used) if use.last_used else None
        row["last_used_region"] = use.region or NOT_AVAILABLE
        row["last_used_service"] = use.service or NOT_AVAILABLE
        return row

    def _asked_row(self, user: UserTypeDef, slot: int, key: AccessKeyMetadataTypeDef) -> RawAccessKey | None:
        try:
            use = self._iam.last_use(key["AccessKeyId"])
        except (GoneError, AccessDeniedError):
            # IAM's model lists no error for an unknown key here, so that a refusal too may mean that it is gone.
            if self._is_listed(user, key["AccessKeyId"]):
                raise
            return None
        row = self._key_row(user, slot, key)
        used_date = use.get("LastUsedDate")
        row["last_used_date"] = iso_time(used_date) if used_date else None
        row["last_used_region"] = use.get("Region")
        row["last_used_service"] = use.get("ServiceName")
        return row

    def _is_listed(self, user: UserTypeDef, key_id: str) -> bool:
        try:
            return any(key["AccessKeyId"] == key_id for key in self._iam.keys(user["UserName"]))
        except GoneError:
            return False

    def _key_row(self, user: UserTypeDef, slot: int, key: AccessKeyMetadataTypeDef) -> RawAccessKey:
        row = self._row(user["UserName"], user["Arn"], slot)
        row["access_key_id"] = shorten(key["AccessKeyId"])
        row["status"] = key.get("Status")
        row["create_date"] = iso_time(key["CreateDate"])
        return row

    def _row(self, user_name: str, user_arn: str, slot: int) -> RawAccessKey:
        return RawAccessKey(
            account_name=self._account.name,
            user_name=user_name,
            user_arn=user_arn,
            access_key_id=None,
            slot=slot,
            status=None,
            create_date=None,
            last_used_date=None,
            last_used_region=None,
            last_used_service=None,
            last_used_source="exact",
            snapshot_time=self.snapshot_time,
        )
