"""Library objects that reach the local cloud."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from keywatch.access_keys.extract import AccessKeyExtraction
from keywatch.access_keys.iam import patient_config
from keywatch.access_keys.record import Account
from keywatch.log_analytics.data_collector import DataCollector, DataCollectorEndpoint
from keywatch.log_analytics.shared_key import SharedKey
from keywatch.transport import AWS_HOSTS, AZURE_CLOUDS, Transport
from keywatch.transport.aws import aws_client
from localcloud import LocalCloud

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

AZURE_HOSTS = AZURE_CLOUDS["AzureCloud"].data_collector_hosts


def transport_to(cloud: LocalCloud, *, attempts: int = 3, read_timeout: float = 30.0) -> Transport:
    """Describe the way to the local cloud, impatient enough for tests."""
    return Transport(
        ca_bundle=str(cloud.ca_bundle),
        proxy=cloud.proxy_url,
        no_proxy=(),
        read_timeout=read_timeout,
        attempts=attempts,
        backoff=0.01,
        max_backoff=0.02,
    )


def collector(
    cloud: LocalCloud,
    log_type: str = "Test",
    *,
    key: str | None = None,
    signed_for: str | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    attempts: int = 3,
    read_timeout: float = 30.0,
) -> DataCollector:
    """Make a client of the second workspace, which has no declared tables."""
    workspace = cloud.second_workspace
    endpoint = DataCollectorEndpoint(
        url=f"https://{workspace.host}",
        key=SharedKey(signed_for or workspace.id, key or workspace.shared_key),
        hosts=AZURE_HOSTS,
        transport=transport_to(cloud, attempts=attempts, read_timeout=read_timeout),
    )
    return DataCollector(endpoint, log_type, clock=clock)


def auditor(cloud: LocalCloud, secret: str | None = None) -> boto3.Session:
    """Make the auditor's session."""
    return boto3.Session(cloud.aws.access_key_id, secret or cloud.aws.secret_access_key, region_name="us-east-1")


def iam_client(session: boto3.Session, cloud: LocalCloud, attempts: int | None = None) -> IAMClient:
    """Make a client that extraction may use; with `attempts`, one that gives up early."""
    config = patient_config()
    if attempts is not None:
        config = config.merge(Config(retries={"mode": "standard", "total_max_attempts": attempts}))
    iam: IAMClient = aws_client(session, "iam", transport_to(cloud), AWS_HOSTS, config=config)
    return iam


def sts_client(session: boto3.Session, cloud: LocalCloud) -> STSClient:
    """Make a client that asks once."""
    once = Config(retries={"total_max_attempts": 1})
    sts: STSClient = aws_client(session, "sts", transport_to(cloud), AWS_HOSTS, config=once)
    return sts


def extraction(iam: IAMClient, account: str, concurrency: int = 4) -> AccessKeyExtraction:
    """Begin to read an account, a few users at a time."""
    return AccessKeyExtraction(iam, Account(account), concurrency=concurrency)
