"""A clean environment, and the auditor's sessions in the local cloud's two accounts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
import trustme

from keywatch.access_keys.accounts import assume_role
from keywatch.access_keys.record import Account
from localcloud import LocalCloud
from tests.keywatch.reach import auditor, iam_client, sts_client

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

AMBIENT = (
    *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_PROFILE", "AWS_SESSION_TOKEN"),
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting of the machine's reach a test."""
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


@pytest.fixture(scope="session")
def stranger_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a certificate authority that signed nothing here."""
    path = tmp_path_factory.mktemp("ca") / "stranger.pem"
    trustme.CA(organization_name="Stranger").cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def auditor_session(small_cloud: LocalCloud) -> boto3.Session:
    """Give the auditor's session, whose models botocore loads once."""
    return auditor(small_cloud)


@pytest.fixture(scope="session")
def shared_iam(small_cloud: LocalCloud, auditor_session: boto3.Session) -> IAMClient:
    """Give an IAM client of the first account, the auditor's own."""
    return iam_client(auditor_session, small_cloud)


@pytest.fixture
def iam(cloud: LocalCloud, shared_iam: IAMClient) -> IAMClient:
    """Give an IAM client of the first account, as freshly seeded."""
    del cloud
    return shared_iam


@pytest.fixture
def member_iam(cloud: LocalCloud, auditor_session: boto3.Session) -> IAMClient:
    """Give an IAM client of the second account, by way of its audit role."""
    sts = sts_client(auditor_session, cloud)
    role = assume_role(auditor_session, sts, Account(cloud.aws.account_ids[1]), cloud.aws.role_name)
    return iam_client(role, cloud)
