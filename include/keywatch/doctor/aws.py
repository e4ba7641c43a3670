"""Whether AWS lets a connection in: its session, who that is, and what it may ask IAM."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from keywatch.access_keys.aws_errors import ask_aws
from keywatch.access_keys.iam import Iam
from keywatch.access_keys.record import Account
from keywatch.credentials.aws_sessions import CertificateSessions
from keywatch.doctor.model import Outcome, Step, passed

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient


def check_session(sessions: CertificateSessions) -> Outcome:
    """Trade a signature for a session.

    Args:
        sessions: Asks IAM Roles Anywhere.

    Raises:
        KeywatchError: There is none.
    """
    session = sessions.get()
    return passed(
        f"IAM Roles Anywhere gives a session until {session.expires:%Y-%m-%d %H:%M} UTC.",
        {"expires": session.expires.isoformat()},
    )


class AwsChecks:
    """Asks AWS as a connection.

    Args:
        name: The connection, for titles.
        sts: Makes the client of STS.
        iam: Makes that of IAM in an account.
    """

    def __init__(self, name: str, sts: Callable[[], STSClient], iam: Callable[[Account], IAMClient]) -> None:
        self._name = name
        self._sts = sts
        self._iam = iam
        self._account: Account | None = None

    def steps(self, needs: tuple[Step, ...], iam_needs: tuple[Step, ...]) -> tuple[Step, Step]:
        """Make the steps that ask STS and IAM.

        Args:
            needs: What comes before.
            iam_needs: What comes before the second one too.
        """
        caller = Step("caller", self._name, self.identify, needs)
        return caller, Step("permission", "iam:GetAccountSummary", self.summarize, (caller, *iam_needs))

    def identify(self) -> Outcome:
        """Ask STS who the connection is.

        Raises:
            KeywatchError: It has no credentials, or AWS does not accept them.
        """
        identity = ask_aws("of the connection", "sts:GetCallerIdentity", lambda: self._sts().get_caller_identity())
        self._account = Account(identity["Account"])
        return passed(f"AWS knows the connection as {identity['Arn']}.", {"arn": identity["Arn"]})

    def summarize(self) -> Outcome:
        """Ask IAM for the least that an audit asks.

        Raises:
            KeywatchError: IAM denies it, or cannot be asked.
        """
        account = self._account or Account("")
        client = ask_aws(account.id, "iam:GetAccountSummary", partial(self._iam, account))
        Iam(client, account.id).root_keys()
        return passed(f"Account {account.id} lets the connection ask IAM.", {"account": account.id})
