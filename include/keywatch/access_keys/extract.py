"""Read every access key of one account from IAM, exactly and gently."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.config import Config

from keywatch.access_keys.aws_errors import GoneError, ask_aws
from keywatch.access_keys.record import ROOT_USER, Account, RawAccessKey, iso_time, shorten
from keywatch.errors import AccessDeniedError
from keywatch.progress import Progress
from keywatch.transport.wire_logs import keep_wire_logs_quiet

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import AccessKeyMetadataTypeDef, UserTypeDef

log = logging.getLogger(__name__)

PAGE_SIZE: Final = 1_000
"""The most users or keys that IAM puts on one page (IAM API reference, `MaxItems`)."""

DEFAULT_CONCURRENCY: Final = 32

T = TypeVar("T")


@dataclass(slots=True)
class ExtractionCounts:
    """What one account's extraction has seen so far.

    Attributes:
        users: Users listed.
        keys: Keys yielded, root's included.
        gone: Users and keys that were deleted between two calls.
    """

    users: int = 0
    keys: int = 0
    gone: int = 0


def iam_config(concurrency: int = DEFAULT_CONCURRENCY) -> Config:
    """Return the botocore settings that extraction wants: a connection per thread, patient adaptive retries."""
    return Config(max_pool_connections=concurrency, retries={"mode": "adaptive", "max_attempts": 10})


class AccessKeyExtraction:
    """One reading of one account. Iterate once; keys arrive in no particular order.

    Asks `GetAccountSummary` once (which alone shows root keys), `ListUsers`, then `ListAccessKeys` per user and
    `GetAccessKeyLastUsed` per key. Memory holds a bounded number of users, however many there are. Key ids are
    shortened here; a full id reaches neither a row, nor an error, nor a log.

    Args:
        iam: A client of the account; made with `iam_config`, it keeps a connection for every thread.
        account: The account.
        concurrency: Threads that read users side by side.
        clock: Returns the time now, UTC. Read once: every row of an account has the same snapshot time.

    Attributes:
        counts: What has been seen so far.
        snapshot_time: When the reading began, ISO 8601 UTC.
    """

    def __init__(
        self,
        iam: IAMClient,
        account: Account,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._iam = iam
        self._account = account
        self._concurrency = concurrency
        self.counts = ExtractionCounts()
        self.snapshot_time = iso_time(clock())

    def __iter__(self) -> Iterator[RawAccessKey]:
        """Yield a raw row per key.

        Raises:
            AccessDeniedError: IAM denies one of the four actions; names account and action.
            AwsCredentialsError: AWS does not accept the credentials.
            ThrottledError: IAM still throttles after 10 adaptive attempts.
            TlsError: IAM's TLS certificate is not trusted.
            UnreachableError: IAM cannot be reached.
            AwsServiceError: IAM failed in another way.
        """
        keep_wire_logs_quiet()
        progress = Progress(log, f"AWS account {self._account.id}")
        for row in self._rows():
            self.counts.keys += 1
            yield row
            progress.tick(users=self.counts.users, keys=self.counts.keys)
        progress.done(users=self.counts.users, keys=self.counts.keys, deleted_meanwhile=self.counts.gone)

    def _rows(self) -> Iterator[RawAccessKey]:
        yield from self._root_keys()
        pending: set[Future[tuple[list[RawAccessKey], int]]] = set()
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="iam")
        try:
            for user in self._users():
                pending.add(pool.submit(self._keys_of, user))
                if len(pending) >= 2 * self._concurrency:
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    yield from self._results(done)
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from self._results(done)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _results(self, done: set[Future[tuple[list[RawAccessKey], int]]]) -> Iterator[RawAccessKey]:
        for future in done:
            rows, gone = future.result()
            self.counts.gone += gone
            yield from rows

    def _root_keys(self) -> Iterator[RawAccessKey]:
        summary = self._ask("iam:GetAccountSummary", lambda: self._iam.get_account_summary()["SummaryMap"])
        arn = f"arn:{self._iam.meta.partition}:iam::{self._account.id}:root"
        for slot in range(1, summary.get("AccountAccessKeysPresent", 0) + 1):
            yield self._row(ROOT_USER, arn, slot)

    def _users(self) -> Iterator[UserTypeDef]:
        pages = iter(self._iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": PAGE_SIZE}))
        while page := self._ask("iam:ListUsers", lambda: _whole(next(pages, None), "Users")):
            self.counts.users += len(page["Users"])
            yield from page["Users"]

    def _keys_of(self, user: UserTypeDef) -> tuple[list[RawAccessKey], int]:
        """Read one user's keys, at most two, rarely more; count what was deleted meanwhile."""
        try:
            keys = self._list_keys(user)
        except GoneError:
            return [], 1
        rows = [self._key_row(user, slot, key) for slot, key in enumerate(keys, start=1)]
        found = [row for row in rows if row]
        return found, len(rows) - len(found)

    def _list_keys(self, user: UserTypeDef) -> list[AccessKeyMetadataTypeDef]:
        paginator = self._iam.get_paginator("list_access_keys")
        pages = paginator.paginate(UserName=user["UserName"], PaginationConfig={"PageSize": PAGE_SIZE})
        return self._ask(
            "iam:ListAccessKeys",
            lambda: [key for page in pages for key in _whole(page, "AccessKeyMetadata")["AccessKeyMetadata"]],
        )

    def _key_row(self, user: UserTypeDef, slot: int, key: AccessKeyMetadataTypeDef) -> RawAccessKey | None:
        key_id = key["AccessKeyId"]
        try:
            used = self._ask(
                "iam:GetAccessKeyLastUsed",
                lambda: self._iam.get_access_key_last_used(AccessKeyId=key_id)["AccessKeyLastUsed"],
            )
        except (GoneError, AccessDeniedError) as error:
            # IAM's model lists no error for an unknown key here, so a refusal may mean that it is gone.
            if isinstance(error, AccessDeniedError) and self._is_listed(user, key_id):
                raise
            return None
        used_date = used.get("LastUsedDate")
        row = self._row(user["UserName"], user["Arn"], slot)
        row["access_key_id"] = shorten(key_id)
        row["status"] = key.get("Status")
        row["create_date"] = iso_time(key["CreateDate"])
        row["last_used_date"] = iso_time(used_date) if used_date else None
        row["last_used_region"] = used.get("Region")
        row["last_used_service"] = used.get("ServiceName")
        return row

    def _is_listed(self, user: UserTypeDef, key_id: str) -> bool:
        try:
            return any(key["AccessKeyId"] == key_id for key in self._list_keys(user))
        except GoneError:
            return False

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

    def _ask(self, action: str, call: Callable[[], T]) -> T:
        return ask_aws(self._account.id, action, call)


def _whole(page: Any, member: str) -> Any:  # noqa: ANN401 - one of two kinds of page, or None behind the last
    """Return a page of a listing if it holds the members and, unless it is the last, says where the next begins.

    Raises:
        KeyError: It does not; botocore would take a listing that is cut short for a whole one.
    """
    if page is not None:
        missing = {member, "Marker"} - page.keys() if page.get("IsTruncated") else {member} - page.keys()
        if missing:
            raise KeyError(*missing)
    return page
