"""Sessions that reach accounts."""

from __future__ import annotations

import logging

import boto3
import pytest

from keywatch.access_keys.accounts import assume_role, caller_account
from keywatch.access_keys.record import Account
from keywatch.errors import AccessDeniedError, AwsCredentialsError, TlsError
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.reach import auditor, iam_client, sts_client


def test_caller_account_is_the_credentials_own(auditor_session: boto3.Session, cloud: LocalCloud) -> None:
    """STS says whose credentials they are."""
    assert caller_account(sts_client(auditor_session, cloud)) == Account(cloud.aws.account_id)


def test_caller_account_with_a_wrong_secret_is_refused(cloud: LocalCloud) -> None:
    """Credentials that AWS does not accept are found at the first question."""
    with pytest.raises(AwsCredentialsError, match="sts:GetCallerIdentity"):
        caller_account(sts_client(auditor(cloud, "wrong" * 8), cloud))


def test_caller_account_behind_an_unknown_authority_is_a_certificate_error(
    auditor_session: boto3.Session, cloud: LocalCloud
) -> None:
    """A certificate that is not trusted is named as such."""
    cloud.inject(Fault(FaultKind.TLS_UNTRUSTED, count=None))

    with pytest.raises(TlsError):
        caller_account(sts_client(auditor_session, cloud))


@pytest.mark.parametrize("slash", ["", "/"])
def test_assume_role_reaches_the_account(slash: str, auditor_session: boto3.Session, cloud: LocalCloud) -> None:
    """A session of the member account's role sees that account's users, and signs as the role."""
    member = cloud.aws.account_ids[1]

    role = assume_role(
        auditor_session, sts_client(auditor_session, cloud), Account(member), slash + cloud.aws.role_name
    )

    users = iam_client(role, cloud).list_users()["Users"]
    assert {user.name for user in cloud.users(member)} == {user["UserName"] for user in users}
    assert caller_account(sts_client(role, cloud)) == Account(member)


def test_assume_role_renews_its_credentials_with_another_request(
    auditor_session: boto3.Session, cloud: LocalCloud
) -> None:
    """Credentials come with their expiry, so that botocore asks for new ones in time."""
    sts = sts_client(auditor_session, cloud)
    role = assume_role(auditor_session, sts, Account(cloud.aws.account_ids[1]), cloud.aws.role_name)
    credentials = role.get_credentials()
    assert credentials is not None
    first = credentials.get_frozen_credentials().access_key

    assert not credentials.refresh_needed()  # type: ignore[attr-defined]
    assert credentials.refresh_needed(refresh_in=3_601)  # type: ignore[attr-defined]
    credentials._refresh_using()  # type: ignore[attr-defined]

    assert str(first).startswith("ASIA")
    assert len(cloud.requests(action="AssumeRole")) == 2


@pytest.mark.parametrize("role", [None, "NoSuchRole"])
def test_assume_role_denied_names_account_and_action(
    role: str | None, auditor_session: boto3.Session, cloud: LocalCloud
) -> None:
    """A role that does not exist, or does not trust the auditor, is denied in words that say where to look."""
    member = cloud.aws.account_ids[1]
    if role is None:
        cloud.inject(Fault(FaultKind.DENY, action="AssumeRole", count=None))

    with pytest.raises(AccessDeniedError, match="sts:AssumeRole") as caught:
        assume_role(auditor_session, sts_client(auditor_session, cloud), Account(member), role or cloud.aws.role_name)

    assert (caught.value.account_id, caught.value.action) == (member, "sts:AssumeRole")


def test_assume_role_logs_no_credentials(cloud: LocalCloud, caplog: pytest.LogCaptureFixture) -> None:
    """With everything at DEBUG, neither the role's keys nor its token are logged."""
    session = auditor(cloud)
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "botocore"):
        role = assume_role(session, sts_client(session, cloud), Account(cloud.aws.account_ids[1]), cloud.aws.role_name)

    credentials = role.get_credentials()
    assert credentials is not None
    given = credentials.get_frozen_credentials()
    assert not [value for value in given if str(value) in caplog.text]
