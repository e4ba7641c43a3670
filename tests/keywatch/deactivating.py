"""The deactivation role's way into the local cloud, and keys there that were found and proposed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import boto3
import botocore.session

from keywatch.access_keys.accounts import MODELS, assume_role
from keywatch.access_keys.policy.rules import UnusedFor
from keywatch.access_keys.proposal import ProposedKey
from keywatch.access_keys.record import Account, key_id_of, shorten
from keywatch.credentials.aws_sessions import CertificateSessions
from keywatch.credentials.roles_anywhere import RolesAnywhere
from keywatch.transport.aws import use_credentials
from localcloud import LocalCloud, SeededKey
from tests.keywatch.credentials.reach import hsm
from tests.keywatch.reach import iam_client, sts_client, transport_to

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

USER: Final = "ci-deploy"
UNUSED: Final = UnusedFor(id="unused", severity="high", kind="unused_for", days=45, deactivate="propose")


class Deactivator:
    """The deactivation role, by its certificate on the HSM; needs the environment of a managed identity.

    Args:
        cloud: Where.
        attempts: How often a request is made at most.
    """

    def __init__(self, cloud: LocalCloud, attempts: int = 1) -> None:
        self._cloud = cloud
        self._attempts = attempts
        access = cloud.aws
        target = RolesAnywhere(
            access.trust_anchor_arn, access.deactivation_profile_arn, access.deactivation_role_arn, "keywatch"
        )
        sessions = CertificateSessions(target, hsm(cloud, "keywatch-deactivate"), transport_to(cloud))
        inner = botocore.session.get_session()
        inner.register_component("data_loader", MODELS)
        use_credentials(inner, sessions.botocore_credentials())
        self._session = boto3.Session(botocore_session=inner, region_name="us-east-1")

    def connect(self, account: Account) -> IAMClient:
        """Make an IAM client of an account."""
        session = self._session
        if account.id != self._cloud.aws.account_id:
            sts = sts_client(session, self._cloud)
            session = assume_role(session, sts, account, self._cloud.aws.deactivation_role_name)
        return iam_client(session, self._cloud, self._attempts)


def unused_key(cloud: LocalCloud, account: str, user: str = USER) -> SeededKey:
    """Make a user with a key that was made 100 days ago, and last used 60 days ago."""
    cloud.create_user(account, user, created_days_ago=400)
    made = cloud.create_key(account, user, created_days_ago=100)
    cloud.use_key(made.access_key_id, days_ago=60)
    return made


def proposed(made: SeededKey, *, used_days_ago: float | None = 60, rule: UnusedFor = UNUSED) -> ProposedKey:
    """Make what would be proposed of a key that the local cloud has made.

    Args:
        made: The key.
        used_days_ago: When its last use was, as the report saw it; None if it saw none.
        rule: What is about it.
    """
    created, short = datetime.fromisoformat(made.create_date), shorten(made.access_key_id)
    used = None if used_days_ago is None else datetime.now(UTC) - timedelta(days=used_days_ago) + timedelta(minutes=1)
    return ProposedKey(
        key_id=key_id_of("aws", made.account, made.user_arn, short, created),
        access_key_id=short,
        account_id=made.account,
        account_name=None,
        user_name=made.user,
        user_arn=made.user_arn,
        created=created,
        last_used=used,
        owner=None,
        rule=rule,
        reason="last used 60 days ago; 45 are too many",
    )


def statuses(audit: IAMClient, user: str = USER) -> dict[str, str]:
    """Ask IAM, as the audit, for the status of each key of a user."""
    listed = audit.list_access_keys(UserName=user)["AccessKeyMetadata"]
    return {each["AccessKeyId"]: each["Status"] for each in listed}
