"""AWS accounts and the sessions that reach them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import boto3
import botocore.session
from botocore.credentials import RefreshableCredentials
from botocore.loaders import Loader

from keywatch.access_keys.aws_errors import ask_aws
from keywatch.access_keys.record import Account
from keywatch.transport.aws import use_credentials

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

SESSION_NAME: Final = "keywatch"
"""Shows in the account's CloudTrail as the role session's name."""

MODELS: Final = Loader()
"""Keeps botocore's descriptions of services in memory once for all accounts, of which each has a session of its own."""


def caller_account(sts: STSClient) -> Account:
    """Return the account that a client's credentials belong to.

    Raises:
        KeywatchError: STS does not answer, or refuses; the class says which.
    """
    identity = ask_aws("of the connection", "sts:GetCallerIdentity", sts.get_caller_identity)
    return Account(identity["Account"])


def assume_role(session: boto3.Session, sts: STSClient, account: Account, role_name: str) -> boto3.Session:
    """Return a session as a role of an account, whose credentials renew themselves.

    Args:
        session: The session that may assume the role; gives the region.
        sts: Its STS client.
        account: Where the role is.
        role_name: The role's name, with its path if it has one.

    Raises:
        AccessDeniedError: The role does not exist, or does not trust the session.
        KeywatchError: STS does not answer; the class says why.
    """
    arn = f"arn:{sts.meta.partition}:iam::{account.id}:role/{role_name.lstrip('/')}"

    def fetch() -> dict[str, str]:
        answer = ask_aws(
            account.id, "sts:AssumeRole", lambda: sts.assume_role(RoleArn=arn, RoleSessionName=SESSION_NAME)
        )
        credentials = answer["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }

    inner = botocore.session.get_session()
    inner.register_component("data_loader", MODELS)
    credentials = RefreshableCredentials.create_from_metadata(
        metadata=fetch(), refresh_using=fetch, method="sts-assume-role"
    )
    use_credentials(inner, credentials)
    return boto3.Session(botocore_session=inner, region_name=session.region_name)
