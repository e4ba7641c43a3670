"""Getting a credential report from IAM, made anew if need be, without pressing it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from botocore.exceptions import ClientError

from keywatch.access_keys.credential_report import CredentialReport, parse_report
from keywatch.errors import AccessDeniedError, AwsServiceError

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

log = logging.getLogger(__name__)

OLDEST: Final = timedelta(hours=4)
"""IAM makes a report at most this often (IAM user guide, "Get credential reports for your AWS account")."""

STOPGAP: Final = timedelta(days=1)
"""A report younger than this is used, however young a one was asked for, as long as IAM makes no newer one.

The audit is a daily one: what it says of a last use is then no older than what it said the day before.
"""

PATIENCE: Final = timedelta(minutes=5)
FIRST_PAUSE: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(seconds=15)

IN_PROGRESS: Final = "ReportInProgress"
NOT_THERE: Final = frozenset({"ReportNotPresent", "ReportExpired", IN_PROGRESS})
"""The codes of `GetCredentialReport` that mean: no report now (service model of botocore, `iam`)."""

COMPLETE: Final = "COMPLETE"
"""What `GenerateCredentialReport` says when IAM keeps to the report that it has."""

LIMIT_EXCEEDED: Final = "LimitExceeded"
"""`GenerateCredentialReport` was asked too often; botocore does not count this code as throttling."""

T = TypeVar("T")


class Ask(Protocol):
    """Asks AWS, with whatever goes wrong turned into a `KeywatchError`, as `ask_aws` does for one account."""

    def __call__(self, action: str, call: Callable[[], T], /) -> T:
        """Return what the call returns.

        Args:
            action: What is being asked, as IAM policies name it.
            call: Asks.

        Raises:
            KeywatchError: As `ask_aws`.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Answer:
    """A report as IAM gave it."""

    content: bytes
    generated: datetime


def fetch_report(
    ask: Ask,
    iam: IAMClient,
    account_id: str,
    *,
    oldest: timedelta = OLDEST,
    patience: timedelta = PATIENCE,
    first_pause: timedelta = FIRST_PAUSE,
    longest_pause: timedelta = LONGEST_PAUSE,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], object] = time.sleep,
) -> CredentialReport | None:
    """Get an account's credential report; None, after a warning that says why, if it cannot be had.

    A report that is not older than `oldest` is taken as it is. Otherwise IAM is asked once to make one, and then, with
    growing pauses, whether it is there. Where IAM makes no newer one, that which it has is taken if not older than
    `STOPGAP`.

    Args:
        ask: Asks IAM.
        iam: An IAM client of the account.
        account_id: The account, for messages, 12 digits.
        oldest: A report older than this is made anew.
        patience: How long the pauses are altogether, at most.
        first_pause: The first pause; each is twice the one before.
        longest_pause: Up to this.
        clock: Returns the time now, UTC.
        sleep: Waits a number of seconds.

    Raises:
        AwsCredentialsError: AWS does not accept the credentials, or there are none.
        ConfigurationError: AWS cannot be asked in this way: region, proxy or parameters are wrong.
        ThrottledError: IAM throttles even after botocore's retries.
        TlsError: IAM's TLS certificate is not trusted.
        UnreachableError: IAM cannot be reached.
    """
    request = _ReportRequest(ask, iam, account_id, clock)
    try:
        answer = request.newest(oldest, sleep, _pauses(first_pause, longest_pause, patience))
        return parse_report(answer.content, answer.generated)
    except (AccessDeniedError, AwsServiceError) as error:
        log.warning(
            "AWS account %s: no credential report, so IAM is asked for the last use of every key instead. %s",
            account_id,
            error,
        )
        return None


class _ReportRequest:
    """One account's request for a report."""

    def __init__(self, ask: Ask, iam: IAMClient, account_id: str, clock: Callable[[], datetime]) -> None:
        self._ask = ask
        self._iam = iam
        self._account_id = account_id
        self._clock = clock

    def newest(self, oldest: timedelta, sleep: Callable[[float], object], pauses: Iterator[float]) -> _Answer:
        """Return a report that is not older than `oldest`, or else the newest that IAM makes.

        Raises:
            KeywatchError: As `ask_aws`; an `AwsServiceError` also if IAM makes none, or not in time.
        """
        found = self._get()
        if isinstance(found, _Answer) and self._age(found) <= oldest:
            return found
        state = IN_PROGRESS if found == IN_PROGRESS else self._generate()
        if state == LIMIT_EXCEEDED:
            return self._stopgap(found, state)
        if state == COMPLETE and isinstance(kept := self._get(), _Answer):
            return self._stopgap(kept, state)
        return self._made(found, sleep, pauses)

    def _made(self, old: _Answer | str, sleep: Callable[[float], object], pauses: Iterator[float]) -> _Answer:
        """Wait for the report that is being made. It is not documented whether IAM shows the old one meanwhile."""
        log.info("AWS account %s: waiting for IAM to make a credential report", self._account_id)
        for pause in pauses:
            sleep(pause)
            found = self._get()
            if isinstance(found, _Answer) and not (isinstance(old, _Answer) and found.generated <= old.generated):
                return found
        raise AwsServiceError("IAM did not finish making a credential report in the time allowed.")

    def _stopgap(self, found: _Answer | str, state: str) -> _Answer:
        """Return the report that IAM has, which it does not replace now, if it is young enough to make do with."""
        if not isinstance(found, _Answer):
            raise AwsServiceError(f"IAM makes no credential report now ({state}), and has none ({found}).")
        generated = found.generated.isoformat()
        if self._age(found) > STOPGAP:
            raise AwsServiceError(f"IAM makes no credential report now ({state}); the one it has is of {generated}.")
        log.info("AWS account %s: IAM makes no newer credential report than that of %s", self._account_id, generated)
        return found

    def _age(self, answer: _Answer) -> timedelta:
        return self._clock() - answer.generated

    def _get(self) -> _Answer | str:
        """Return the report, or the code that says why there is none now."""

        def get() -> _Answer | str:
            try:
                answer = self._iam.get_credential_report()
            except ClientError as error:
                return _code(error, NOT_THERE)
            return _Answer(answer["Content"], answer["GeneratedTime"].astimezone(UTC))

        return self._ask("iam:GetCredentialReport", get)

    def _generate(self) -> str:
        """Have a report made; return the state of it, or the code that says that this was asked too often."""

        def generate() -> str:
            try:
                return self._iam.generate_credential_report()["State"]
            except ClientError as error:
                return _code(error, {LIMIT_EXCEEDED})

        return self._ask("iam:GenerateCredentialReport", generate)


def _code(error: ClientError, expected: frozenset[str] | set[str]) -> str:
    """Return an error's code if it is one of those expected.

    Raises:
        ClientError: It is not.
    """
    code = error.response.get("Error", {}).get("Code", "")
    if code not in expected:
        raise error
    return code


def _pauses(first: timedelta, longest: timedelta, altogether: timedelta) -> Iterator[float]:
    """Yield pauses in seconds, each twice the one before."""
    pause, left = first, altogether
    while left > timedelta(0):
        pause = min(pause, longest, left)
        yield pause.total_seconds()
        left -= pause
        pause *= 2
