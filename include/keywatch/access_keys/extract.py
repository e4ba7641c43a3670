"""Read every access key of one account from IAM, exactly and gently."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from keywatch.access_keys.record import ROOT_USER, RawAccessKey, iso_time, shorten
from keywatch.errors import (
    AccessDeniedError,
    AwsCredentialsError,
    AwsServiceError,
    CertificateError,
    KeywatchError,
    ThrottledError,
    UnreachableError,
)
from keywatch.progress import Progress
from keywatch.transport.wire_logs import keep_wire_logs_quiet

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import AccessKeyMetadataTypeDef, UserTypeDef

log = logging.getLogger(__name__)

PAGE_SIZE: Final = 1_000
"""The most users or keys that IAM puts on one page (IAM API reference, `MaxItems`)."""

DEFAULT_CONCURRENCY: Final = 32

ACCESS_KEY_ID: Final = re.compile(r"\b(A[A-Z]{3})[A-Z0-9]{8,}([A-Z0-9]{4})\b")
"""An access key id of any kind, in running text (IAM user guide, "Unique identifiers")."""

CREDENTIAL_CODES: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED_CODES: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
THROTTLE_CODES: Final = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
)

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


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account.

    Attributes:
        id: 12 digits.
        name: Its name in the organisation, if known.
    """

    id: str
    name: str | None = None


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
            CertificateError: IAM's TLS certificate is not trusted.
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
        pending: set[Future[list[RawAccessKey]]] = set()
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

    @staticmethod
    def _results(done: set[Future[list[RawAccessKey]]]) -> Iterator[RawAccessKey]:
        for future in done:
            yield from future.result()

    def _root_keys(self) -> Iterator[RawAccessKey]:
        summary = self._ask("iam:GetAccountSummary", self._iam.get_account_summary)["SummaryMap"]
        arn = f"arn:{self._iam.meta.partition}:iam::{self._account.id}:root"
        for slot in range(1, summary.get("AccountAccessKeysPresent", 0) + 1):
            yield self._row(ROOT_USER, arn, slot)

    def _users(self) -> Iterator[UserTypeDef]:
        pages = iter(self._iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": PAGE_SIZE}))
        while page := self._ask("iam:ListUsers", lambda: next(pages, None)):
            self.counts.users += len(page["Users"])
            yield from page["Users"]

    def _keys_of(self, user: UserTypeDef) -> list[RawAccessKey]:
        """Read one user's keys; at most two, rarely more."""
        paginator = self._iam.get_paginator("list_access_keys")
        pages = paginator.paginate(UserName=user["UserName"], PaginationConfig={"PageSize": PAGE_SIZE})
        try:
            keys = self._ask("iam:ListAccessKeys", lambda: [key for page in pages for key in page["AccessKeyMetadata"]])
        except _GoneError:
            self.counts.gone += 1
            return []
        rows = (self._key_row(user, slot, key) for slot, key in enumerate(keys, start=1))
        return [row for row in rows if row]

    def _key_row(self, user: UserTypeDef, slot: int, key: AccessKeyMetadataTypeDef) -> RawAccessKey | None:
        key_id = key["AccessKeyId"]
        try:
            answer = self._ask(
                "iam:GetAccessKeyLastUsed", lambda: self._iam.get_access_key_last_used(AccessKeyId=key_id)
            )
        except _GoneError:
            self.counts.gone += 1
            return None
        used = answer["AccessKeyLastUsed"]
        used_date = used.get("LastUsedDate")
        row = self._row(user["UserName"], user["Arn"], slot)
        row["access_key_id"] = shorten(key_id)
        row["status"] = key.get("Status")
        row["create_date"] = iso_time(key["CreateDate"])
        row["last_used_date"] = iso_time(used_date) if used_date else None
        row["last_used_region"] = used.get("Region")
        row["last_used_service"] = used.get("ServiceName")
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

    def _ask(self, action: str, call: Callable[[], T]) -> T:
        with aws_errors(self._account.id, action):
            return call()


class _GoneError(KeywatchError):
    """The user or key was deleted between two calls."""


@contextmanager
def aws_errors(account_id: str, action: str) -> Iterator[None]:
    """Turn botocore's errors into Keywatch's, with no access key id left in them.

    Args:
        account_id: For the message, 12 digits.
        action: What is being asked, as IAM policies name it.

    Raises:
        AccessDeniedError: AWS denies the action.
        AwsCredentialsError: AWS does not accept the credentials, or there are none.
        ThrottledError: AWS throttles even after botocore's retries.
        CertificateError: The TLS certificate is not trusted.
        UnreachableError: No connection, or no answer.
        AwsServiceError: Anything else that AWS answers.
    """
    try:
        yield
    except ClientError as error:
        _raise_for_answer(error, account_id, action)
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise AwsCredentialsError(
            f"There are no usable AWS credentials for {action}. Complete the aws connection of the run."
        ) from error
    except SSLError as error:
        raise CertificateError(
            f"The TLS certificate met on the way to AWS for {action} is not trusted: {error}. If a proxy inspects "
            "TLS here, give its certificate authority as `verify` in the aws connection's extras."
        ) from error
    except (ConnectionError, HTTPClientError) as error:
        raise UnreachableError(
            f"AWS cannot be reached for {action}: {error}. Check the network, and `config_kwargs.proxies` in the aws "
            "connection's extras."
        ) from error
    except ResponseParserError:
        # Not chained: its text is the whole answer, full access key ids included.
        raise AwsServiceError(
            f"What answered {action} in AWS account {account_id} was cut short, or came from something in between. "
            "Check `config_kwargs.proxies` in the aws connection's extras."
        ) from None
    except BotoCoreError as error:
        raise AwsServiceError(f"{action} in AWS account {account_id} failed: {error}.") from error


def _raise_for_answer(error: ClientError, account_id: str, action: str) -> NoReturn:
    cause = _redacted(error)
    code = cause.response["Error"].get("Code", "")
    message = cause.response["Error"].get("Message", "")
    if code == "NoSuchEntity":
        raise _GoneError(message) from cause
    if code in DENIED_CODES:
        raise AccessDeniedError(account_id, action, _principal(message)) from cause
    if code in CREDENTIAL_CODES:
        raise AwsCredentialsError(
            f"AWS refuses the credentials for {action} ({code}: {message}). Renew them in the run's aws connection; "
            "if they are right, set the worker's clock."
        ) from cause
    if code in THROTTLE_CODES:
        raise ThrottledError(
            f"AWS throttles {action} in account {account_id} even after slowing down. Lower `concurrency`, or run when "
            "less else uses IAM there."
        ) from cause
    raise AwsServiceError(f"{action} in AWS account {account_id} failed ({code}: {message}).") from cause


def _redacted(error: ClientError) -> ClientError:
    """Copy an error, with shortened access key ids."""
    answer: dict[str, Any] = dict(error.response.get("Error", {}))
    answer["Message"] = ACCESS_KEY_ID.sub(r"\1...\2", str(answer.get("Message", "")))
    return ClientError({"Error": answer}, error.operation_name)  # type: ignore[typeddict-item]


def _principal(message: str) -> str:
    """Find who was denied in "User: arn:... is not authorized to perform: ..."."""
    match = re.search(r"arn:aws[\w-]*:\S+", message)
    return match[0] if match else ""
