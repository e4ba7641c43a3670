"""Getting a credential report: asked for as seldom as can be, and never a reason for an audit to fail."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import boto3
import pytest
from botocore.stub import Stubber

from keywatch.access_keys.aws_errors import ask_aws
from keywatch.access_keys.credential_report import COLUMNS, CredentialReport
from keywatch.access_keys.report_request import OLDEST, PATIENCE, STOPGAP, fetch_report
from keywatch.errors import (
    AccountUnusableError,
    AwsCredentialsError,
    KeywatchError,
    ThrottledError,
    TlsError,
    UnreachableError,
)
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.reach import iam_client

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

T = TypeVar("T")

ACCOUNT = "123456789012"
NOW = datetime(2024, 3, 1, 12, 0, 0, tzinfo=UTC)
EMPTY = ",".join(COLUMNS).encode()
GET = "get_credential_report"
GENERATE = "generate_credential_report"
SECOND = timedelta(seconds=1)
NEW = NOW + SECOND
"""When a report is generated that is asked for now."""


class ScriptedIam:
    """An IAM client whose answers, and their order, a test writes down. Any other request fails."""

    def __init__(self) -> None:
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        self.client: IAMClient = session.client("iam")
        self.stubber = Stubber(self.client)
        self.slept: list[float] = []

    def report(self, generated: datetime, content: bytes = EMPTY) -> None:
        """Answer with a report."""
        answer = {"Content": content, "ReportFormat": "text/csv", "GeneratedTime": generated}
        self.stubber.add_response(GET, answer, {})

    def no_report(self, code: str, times: int = 1) -> None:
        """Answer that there is no report."""
        for _ in range(times):
            self.error(GET, code, 404 if code == "ReportInProgress" else 410)

    def state(self, state: str) -> None:
        """Answer how far making a report has come."""
        self.stubber.add_response(GENERATE, {"State": state}, {})

    def error(self, operation: str, code: str, status: int = 400) -> None:
        """Answer with an error."""
        self.stubber.add_client_error(operation, code, "As IAM says.", status, expected_params={})

    def fetch(
        self,
        oldest: timedelta = OLDEST,
        patience: timedelta = PATIENCE,
        pauses: tuple[timedelta, timedelta] | None = None,
    ) -> CredentialReport | None:
        """Fetch the report; every answer must have been asked for, and no other."""
        first, longest = pauses or (2 * SECOND, 15 * SECOND)
        report = fetch_report(
            ask,
            self.client,
            ACCOUNT,
            oldest=oldest,
            patience=patience,
            first_pause=first,
            longest_pause=longest,
            clock=lambda: NOW,
            sleep=self.slept.append,
        )
        self.stubber.assert_no_pending_responses()
        return report


def ask(action: str, call: Callable[[], T]) -> T:
    """Ask as the extraction does."""
    return ask_aws(ACCOUNT, action, call)


@pytest.fixture(scope="module")
def scripted() -> ScriptedIam:
    """Make the client once: botocore reads its models for it."""
    return ScriptedIam()


@pytest.fixture
def iam(scripted: ScriptedIam) -> Iterator[ScriptedIam]:
    """Give a client with nothing written down yet."""
    scripted.slept.clear()
    scripted.stubber = Stubber(scripted.client)
    with scripted.stubber:
        yield scripted


def generated(report: CredentialReport | None) -> datetime | None:
    """Say of when the report is."""
    return report.generated if report else None


@pytest.mark.parametrize("age", [timedelta(0), OLDEST, -SECOND])
def test_report_young_enough_is_taken_as_it_is(age: timedelta, iam: ScriptedIam) -> None:
    """One question gets a report that is there already, even if AWS's clock is a little ahead."""
    iam.report(NOW - age)

    assert generated(iam.fetch()) == NOW - age
    assert iam.slept == []


@pytest.mark.parametrize("code", ["ReportNotPresent", "ReportExpired"])
@pytest.mark.parametrize("state", ["STARTED", "INPROGRESS"])
def test_report_not_there_is_made_and_waited_for(code: str, state: str, iam: ScriptedIam) -> None:
    """A report is asked for once, and waited for with pauses that double up to the longest."""
    iam.no_report(code)
    iam.state(state)
    iam.no_report("ReportInProgress", 5)
    iam.report(NEW)

    assert generated(iam.fetch()) == NEW
    assert iam.slept == [2, 4, 8, 15, 15, 15]


@pytest.mark.parametrize("oldest", [OLDEST, OLDEST / 4])
def test_report_too_old_is_made_anew(oldest: timedelta, iam: ScriptedIam) -> None:
    """While the new report is made, the old one may still be shown, and is not taken for it."""
    old = NOW - oldest - SECOND
    iam.report(old)
    iam.state("STARTED")
    iam.report(old)
    iam.no_report("ReportInProgress")
    iam.report(NEW)

    assert generated(iam.fetch(oldest)) == NEW
    assert iam.slept == [2, 4, 8]


def test_report_of_the_moment_is_taken_even_if_none_is_young_enough(iam: ScriptedIam) -> None:
    """A report just made is taken, although any is older than nothing by the time that it arrives."""
    iam.report(NOW - 2 * SECOND)
    iam.state("STARTED")
    iam.report(NOW - SECOND)

    assert generated(iam.fetch(oldest=timedelta(0))) == NOW - SECOND


def test_report_being_made_already_is_not_asked_for_again(iam: ScriptedIam) -> None:
    """Where somebody else has just asked for a report, waiting is enough."""
    iam.no_report("ReportInProgress", 2)
    iam.report(NEW)

    assert generated(iam.fetch()) == NEW
    assert iam.slept == [2, 4]


def test_report_not_seen_everywhere_at_once_is_waited_for(iam: ScriptedIam) -> None:
    """Just after the request, IAM may still say that there is no report."""
    iam.no_report("ReportNotPresent")
    iam.state("STARTED")
    iam.no_report("ReportNotPresent")
    iam.no_report("ReportExpired")
    iam.report(NEW)

    assert generated(iam.fetch()) == NEW


def test_report_complete_at_once_is_taken_without_a_pause(iam: ScriptedIam) -> None:
    """What IAM calls complete is asked for at once."""
    iam.no_report("ReportExpired")
    iam.state("COMPLETE")
    iam.report(NEW)

    assert generated(iam.fetch()) == NEW
    assert iam.slept == []


def test_report_complete_and_not_there_is_waited_for(iam: ScriptedIam) -> None:
    """A report that is complete, but not yet shown, comes a little later."""
    iam.no_report("ReportNotPresent")
    iam.state("COMPLETE")
    iam.no_report("ReportNotPresent")
    iam.report(NEW)

    assert generated(iam.fetch()) == NEW
    assert iam.slept == [2]


def test_report_that_iam_does_not_renew_is_taken(iam: ScriptedIam) -> None:
    """IAM keeps to the report it has for four hours: whoever wants a younger one gets that."""
    iam.report(NOW - 3 * OLDEST / 4)
    iam.state("COMPLETE")
    iam.report(NOW - 3 * OLDEST / 4)

    assert generated(iam.fetch(oldest=OLDEST / 4)) == NOW - 3 * OLDEST / 4


def test_report_asked_for_too_often_is_the_one_that_exists(iam: ScriptedIam) -> None:
    """Past IAM's limit, a report of less than a day does."""
    iam.report(NOW - STOPGAP)
    iam.error(GENERATE, "LimitExceeded", 409)

    assert generated(iam.fetch()) == NOW - STOPGAP
    assert iam.slept == []


def limit_without_report(iam: ScriptedIam) -> None:
    """Write down a limit, and no report to fall back on."""
    iam.no_report("ReportExpired")
    iam.error(GENERATE, "LimitExceeded", 409)


def limit_with_an_old_report(iam: ScriptedIam) -> None:
    """Write down a limit, and a report of more than a day."""
    iam.report(NOW - STOPGAP - SECOND)
    iam.error(GENERATE, "LimitExceeded", 409)


def complete_and_old(iam: ScriptedIam) -> None:
    """Write down an IAM that keeps to a report of more than a day."""
    iam.report(NOW - STOPGAP - SECOND)
    iam.state("COMPLETE")
    iam.report(NOW - STOPGAP - SECOND)


def never_finished(iam: ScriptedIam) -> None:
    """Write down a report that takes longer than there is patience: 2 + 4 + 8 + 15 * 19 + 1 seconds."""
    iam.no_report("ReportNotPresent")
    iam.state("STARTED")
    iam.no_report("ReportInProgress", 23)


def get_denied(iam: ScriptedIam) -> None:
    """Write down a role that may not read the report."""
    iam.error(GET, "AccessDenied", 403)


def generate_denied(iam: ScriptedIam) -> None:
    """Write down a role that may not have a report made."""
    iam.report(NOW - 2 * OLDEST)
    iam.error(GENERATE, "AccessDenied", 403)


def get_failed(iam: ScriptedIam) -> None:
    """Write down an IAM that fails to give the report."""
    iam.error(GET, "ServiceFailure", 500)


def generate_failed(iam: ScriptedIam) -> None:
    """Write down an IAM that fails to make a report."""
    iam.no_report("ReportNotPresent")
    iam.error(GENERATE, "ServiceFailure", 500)


def failed_later(iam: ScriptedIam) -> None:
    """Write down an IAM that fails while the report is made."""
    iam.no_report("ReportNotPresent")
    iam.state("STARTED")
    iam.error(GET, "ServiceFailure", 500)


def unreadable(iam: ScriptedIam) -> None:
    """Write down a report that is none."""
    iam.report(NOW, b"<html>")


def without_content(iam: ScriptedIam) -> None:
    """Write down an answer that is not all there."""
    iam.stubber.add_response(GET, {"GeneratedTime": NOW}, {})


def without_state(iam: ScriptedIam) -> None:
    """Write down an answer that does not say how far making a report has come."""
    iam.no_report("ReportNotPresent")
    iam.stubber.add_response(GENERATE, {}, {})


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (limit_without_report, "LimitExceeded"),
        (limit_with_an_old_report, "LimitExceeded"),
        (complete_and_old, "2024-02-29T11:59:59"),
        (never_finished, "did not finish"),
        (get_denied, '"Action": "iam:GetCredentialReport"'),
        (generate_denied, '"Action": "iam:GenerateCredentialReport"'),
        (get_failed, "iam:GetCredentialReport .*ServiceFailure"),
        (generate_failed, "iam:GenerateCredentialReport .*ServiceFailure"),
        (failed_later, "iam:GetCredentialReport .*ServiceFailure"),
        (unreadable, "cannot be read"),
        (without_content, "iam:GetCredentialReport .*cut short"),
        (without_state, "iam:GenerateCredentialReport .*cut short"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "why",
)
def test_report_that_cannot_be_had_is_none_and_one_warning(
    script: Callable[[ScriptedIam], None], reason: str, iam: ScriptedIam, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a report the audit goes on, and the log says in one line why, and what is done instead."""
    script(iam)

    assert iam.fetch() is None

    ours = [record for record in caplog.records if record.name.endswith("report_request")]
    warnings = [record.getMessage() for record in ours if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert re.search(reason, warnings[0])
    assert f"AWS account {ACCOUNT}" in warnings[0]
    assert "IAM is asked for the last use of every key instead" in warnings[0]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("Throttling", ThrottledError),
        ("InvalidClientTokenId", AwsCredentialsError),
        ("OptInRequired", AccountUnusableError),
    ],
)
@pytest.mark.parametrize("operation", [GET, GENERATE])
def test_report_request_that_fails_for_another_reason_fails(
    operation: str, code: str, error: type[KeywatchError], iam: ScriptedIam
) -> None:
    """What is wrong with more than the report is the error that it is anywhere else."""
    if operation == GENERATE:
        iam.no_report("ReportNotPresent")
    iam.error(operation, code)

    with pytest.raises(error):
        iam.fetch()


@pytest.mark.parametrize(
    ("patience", "pauses", "slept"),
    [
        (10 * SECOND, (SECOND, 3 * SECOND), [1, 2, 3, 3, 1]),
        (SECOND, (2 * SECOND, 15 * SECOND), [1]),
        (SECOND, (SECOND / 4, SECOND), [0.25, 0.5, 0.25]),
    ],
)
def test_report_is_waited_for_as_long_as_allowed(
    patience: timedelta, pauses: tuple[timedelta, timedelta], slept: list[float], iam: ScriptedIam
) -> None:
    """The pauses are altogether as long as patience is, and IAM is asked once after each."""
    iam.no_report("ReportInProgress", 1 + len(slept))

    assert iam.fetch(patience=patience, pauses=pauses) is None
    assert iam.slept == slept


def answer_of(code: str) -> str:
    """Write an error as IAM sends it."""
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>As IAM says.</Message></Error></ErrorResponse>"


@pytest.mark.parametrize(("status", "code"), [(410, "ReportNotPresent"), (410, "ReportExpired")])
def test_report_codes_are_understood_as_iam_sends_them(
    status: int, code: str, auditor_session: boto3.Session, cloud: LocalCloud, caplog: pytest.LogCaptureFixture
) -> None:
    """Over the wire, no report and a limit are answers, and not tried again by botocore."""
    cloud.inject(Fault(FaultKind.STATUS, action="GetCredentialReport", status=status, body=answer_of(code)))
    cloud.inject(
        Fault(FaultKind.STATUS, action="GenerateCredentialReport", status=409, body=answer_of("LimitExceeded"))
    )

    with caplog.at_level(logging.WARNING):
        assert fetch_report(ask, iam_client(auditor_session, cloud), ACCOUNT) is None

    assert [request.action for request in cloud.requests()] == ["GetCredentialReport", "GenerateCredentialReport"]
    assert f"LimitExceeded), and has none ({code})" in caplog.text


@pytest.mark.parametrize("body", ["", "<html><p>log in</html>", "<GetCredentialReportResponse>"])
def test_report_answered_by_something_else_is_none(
    body: str, auditor_session: boto3.Session, cloud: LocalCloud
) -> None:
    """An answer that is cut short, or not IAM's, is no report."""
    cloud.inject(Fault(FaultKind.STATUS, action="GetCredentialReport", status=200, body=body, count=None))

    assert fetch_report(ask, iam_client(auditor_session, cloud, attempts=1), ACCOUNT) is None


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.DROP_BEFORE, UnreachableError),
        (FaultKind.TLS_UNTRUSTED, TlsError),
        (FaultKind.THROTTLE, ThrottledError),
    ],
)
def test_report_request_that_does_not_reach_iam_fails(
    kind: FaultKind, error: type[KeywatchError], auditor_session: boto3.Session, cloud: LocalCloud
) -> None:
    """An IAM that cannot be reached, or wants to be left alone, is not asked about every key instead."""
    cloud.inject(Fault(kind, count=None))

    with pytest.raises(error):
        fetch_report(ask, iam_client(auditor_session, cloud, attempts=1), ACCOUNT)
