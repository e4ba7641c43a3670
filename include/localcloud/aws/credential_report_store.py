"""How credential reports come and go: asked for, being made, there, and expired.

Source: IAM user guide, "Generate credential reports for your AWS account"; API reference, "GenerateCredentialReport"
and "GetCredentialReport". What is asked for a report while a newer one is being made is undocumented: here the old one
is gone.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

from localcloud.aws.clock import CLOCK
from localcloud.aws.credential_report import credential_report
from localcloud.aws.errors import RefusedError
from localcloud.aws.population import OLDEST_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.aws.population import Population

LIFETIME: Final = timedelta(hours=4)
"""How long a report is given out, and none is made in its place."""
TAKES: Final = timedelta(seconds=0.2)
STARTED: Final = "No report exists. Starting a new report generation task"
NOT_PRESENT: Final = (410, "ReportNotPresent", "No report is present")
IN_PROGRESS: Final = (404, "ReportInProgress", "Report is being generated")
EXPIRED: Final = (410, "ReportExpired", "Report expired. Please regenerate report")
LIMIT_EXCEEDED: Final = (409, "LimitExceeded", "The request was rejected: credential reports are requested too often")
"""Status, code and message. The messages are unverified."""


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        content: what it said when it was asked for.
        generated: when it is made; until then it is being made.
    """

    content: bytes
    generated: datetime

    @property
    def age(self) -> timedelta:
        """How old it is; negative while it is being made."""
        return CLOCK.now() - self.generated


class CredentialReports:
    """The reports of all accounts, at most one of each. Use it from one thread.

    Args:
        population: who is seeded.
        iam: gives moto's IAM backend of an account.
    """

    def __init__(self, population: Population, iam: Callable[[str], Any]) -> None:
        self._population = population
        self._iam = iam
        self.reset()

    def reset(self) -> None:
        """Have no reports, and make them as is usual."""
        self._reports: dict[str, Report] = {}
        self.takes = TAKES
        self.limit_exceeded = False
        self.shows_inactive = False

    def generate(self, account: str) -> dict[str, Any]:
        """Answer GenerateCredentialReport: make a report if there is none, or an expired one.

        Raises:
            RefusedError: reports are asked for too often.
        """
        if self.limit_exceeded:
            _refuse(LIMIT_EXCEEDED)
        report = self._reports.get(account)
        if report is None or report.age >= LIFETIME:
            self._reports[account] = self._made(account, CLOCK.now() + self.takes)
            return {"State": "STARTED", "Description": STARTED}
        return {"State": "COMPLETE" if report.age >= timedelta(0) else "INPROGRESS"}

    def get(self, account: str) -> dict[str, Any]:
        """Answer GetCredentialReport.

        Raises:
            RefusedError: there is none, or it is being made, or has expired.
        """
        report = self._reports.get(account)
        if report is None:
            _refuse(NOT_PRESENT)
        if report.age < timedelta(0):
            _refuse(IN_PROGRESS)
        if report.age >= LIFETIME:
            _refuse(EXPIRED)
        content = base64.b64encode(report.content).decode("ascii")
        return {"Content": content, "ReportFormat": "text/csv", "GeneratedTime": report.generated}

    def set_age(self, account: str, age: timedelta) -> None:
        """Let the report of an account be so old; if there is none, make one of what is so now."""
        generated = CLOCK.now() - age
        report = self._reports.get(account) or self._made(account, generated)
        self._reports[account] = replace(report, generated=generated)

    def _made(self, account: str, generated: datetime) -> Report:
        began = self._population.now - timedelta(days=OLDEST_DAYS + 1)
        root = began, self._population.root_keys.get(account, 0)
        users = self._iam(account).users.values()
        return Report(credential_report(account, users, root, shows_inactive=self.shows_inactive), generated)


def _refuse(error: tuple[int, str, str]) -> NoReturn:
    raise RefusedError("iam", *error)
