"""AWS accounts through a stock connection, against the local cloud's IAM and STS."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException
from urllib3.exceptions import InsecureRequestWarning

from keywatch.access_keys.record import Account
from keywatch.errors import (
    AccessDeniedError,
    AwsCredentialsError,
    ConfigurationError,
    HostNotAllowedError,
    TlsError,
    UnreachableError,
)
from keywatch_airflow.aws import AwsAccounts
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch_airflow.conftest import Connect

Json = dict[str, Any]


def user_names(cloud: LocalCloud, account: str) -> set[str]:
    """Return the users that were seeded in an account."""
    return {user.name for user in cloud.users(account)}


def listed(accounts: AwsAccounts, account: str) -> set[str]:
    """Return the users that IAM lists."""
    return {user["UserName"] for user in accounts.connect(Account(account)).list_users(MaxItems=1_000)["Users"]}


def test_own_account_is_the_one_of_the_credentials(cloud: LocalCloud, connect: Connect, aws: Json) -> None:
    """STS says whose credentials the connection holds."""
    assert Account(cloud.aws.account_id) == AwsAccounts(connect("aws_audit", aws)).own()


def test_connect_reads_the_own_account_without_a_role(cloud: LocalCloud, connect: Connect, aws: Json) -> None:
    """The connection's own account needs no role, even if one is named for the others."""
    own = cloud.aws.account_id

    assert user_names(cloud, own) == listed(AwsAccounts(connect("aws_audit", aws), cloud.aws.role_name), own)
    assert cloud.requests(action="AssumeRole") == []


def test_connect_reads_a_member_account_through_its_role(cloud: LocalCloud, connect: Connect, aws: Json) -> None:
    """Another account is read as its role."""
    member = cloud.aws.account_ids[1]

    assert user_names(cloud, member) == listed(AwsAccounts(connect("aws_audit", aws), cloud.aws.role_name), member)
    assert [member] == [request.account for request in cloud.requests(action="ListUsers")]


def test_connect_to_a_member_account_needs_a_role(cloud: LocalCloud, connect: Connect, aws: Json) -> None:
    """Without a role, another account is refused by its number, with what to give."""
    member = cloud.aws.account_ids[1]

    with pytest.raises(ConfigurationError, match=rf"{member}.*role_name"):
        AwsAccounts(connect("aws_audit", aws)).connect(Account(member))


def test_connect_is_denied_when_the_role_is_not_there(cloud: LocalCloud, connect: Connect, aws: Json) -> None:
    """A role that an account does not have is a refusal of that account."""
    member = cloud.aws.account_ids[1]

    with pytest.raises(AccessDeniedError, match=rf"{member} denies sts:AssumeRole"):
        AwsAccounts(connect("aws_audit", aws), "NoSuchRole").connect(Account(member))


def test_missing_connection_is_refused_by_name(cloud: LocalCloud) -> None:
    """A connection id that nobody defined is named; the worker's own identity does not step in."""
    with pytest.raises(AirflowNotFoundException, match="nobodys"):
        AwsAccounts("nobodys").own()

    assert cloud.requests() == []


def test_connection_of_another_type_is_refused(
    cloud: LocalCloud, connect: Connect, collector: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is no AWS one does not lead to the worker's own identity."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(cloud.aws.access_key_id))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", str(cloud.aws.secret_access_key))

    with pytest.raises(ConfigurationError, match="is of type azure_data_collector, not aws"):
        AwsAccounts(connect("collector", collector)).own()

    assert cloud.requests() == []


@pytest.mark.parametrize("extra", [{"config_kwargs": "x"}, {"config_kwargs": {"foo": 1}}, {"assume_role_method": "x"}])
def test_extras_that_are_not_usable_are_told(connect: Connect, aws: Json, extra: Json) -> None:
    """What the stock wrapper stumbles over is a matter of the connection."""
    aws["extra"] |= {"role_arn": "arn:aws:iam::111122223333:role/x", **extra}

    with pytest.raises(ConfigurationError, match="extras of connection 'aws_odd' are not usable"):
        AwsAccounts(connect("aws_odd", aws)).own()


def test_no_connection_uses_the_workers_own_identity(
    monkeypatch: pytest.MonkeyPatch, cloud: LocalCloud, stranger_ca: Path
) -> None:
    """Without a connection, AWS's environment variables say who asks, and the proxy's say how."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(cloud.aws.access_key_id))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", str(cloud.aws.secret_access_key))
    monkeypatch.setenv("HTTPS_PROXY", cloud.proxy_url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(stranger_ca))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(cloud.ca_bundle))

    assert Account(cloud.aws.account_id) == AwsAccounts(None).own()


def test_unknown_credentials_are_refused_for_good(connect: Connect, aws: Json) -> None:
    """A key that AWS does not know is no matter of trying again."""
    aws["login"] = "AKIA" + "A" * 16

    with pytest.raises(AwsCredentialsError):
        AwsAccounts(connect("aws_audit", aws)).own()


def test_proxies_and_verify_of_the_stock_extras_are_honoured(cloud: LocalCloud, connect: Connect, aws: Json) -> None:
    """AWS's own hosts are reached through the connection's proxy, with its certificate authority."""
    listed(AwsAccounts(connect("aws_audit", aws)), cloud.aws.account_id)

    assert {"sts.us-east-1.amazonaws.com", "iam.amazonaws.com"} == {request.host for request in cloud.requests()}


def test_proxy_that_is_not_there_is_told(connect: Connect, aws: Json, closed_port: int) -> None:
    """The connection's proxy is the only way: nothing goes around it."""
    aws["extra"]["config_kwargs"] |= {
        "proxies": {"https": f"http://127.0.0.1:{closed_port}"},
        "retries": {"total_max_attempts": 1},
    }

    with pytest.raises(UnreachableError):
        AwsAccounts(connect("aws_audit", aws)).own()


def test_verify_with_a_strangers_authority_is_refused(connect: Connect, aws: Json, stranger_ca: Path) -> None:
    """A certificate that the connection's authorities did not sign is not trusted."""
    aws["extra"]["verify"] = str(stranger_ca)
    aws["extra"]["config_kwargs"]["retries"] = {"total_max_attempts": 1}

    with pytest.raises(TlsError):
        AwsAccounts(connect("aws_audit", aws)).own()


def test_ca_bundle_of_the_environment_is_used_when_the_connection_names_none(
    monkeypatch: pytest.MonkeyPatch, cloud: LocalCloud, connect: Connect, aws: Json
) -> None:
    """AWS_CA_BUNDLE, which AWS's own tools read, is honoured."""
    del aws["extra"]["verify"]
    monkeypatch.setenv("AWS_CA_BUNDLE", str(cloud.ca_bundle))

    assert Account(cloud.aws.account_id) == AwsAccounts(connect("aws_audit", aws)).own()


def test_ca_bundle_of_the_connection_wins(
    monkeypatch: pytest.MonkeyPatch, cloud: LocalCloud, connect: Connect, aws: Json, stranger_ca: Path
) -> None:
    """What the connection says is not overruled by the environment."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(stranger_ca))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(stranger_ca))

    assert Account(cloud.aws.account_id) == AwsAccounts(connect("aws_audit", aws)).own()


@pytest.mark.parametrize("lab", [False, None])
def test_verify_false_is_refused_outside_a_lab(
    cloud: LocalCloud,
    connect: Connect,
    aws: Json,
    lab: bool | None,  # noqa: FBT001 - a parameter
) -> None:
    """The stock switch for unverified TLS does not work here."""
    aws["extra"] |= {"verify": False, "lab": lab}

    with pytest.raises(ConfigurationError, match="verify is false"):
        AwsAccounts(connect("aws_audit", aws)).own()

    assert cloud.requests() == []


@pytest.mark.usefixtures("allow_lab")
def test_verify_false_works_in_a_lab(cloud: LocalCloud, connect: Connect, aws: Json) -> None:
    """A laboratory may skip verification."""
    aws["extra"] |= {"verify": False, "lab": True}
    cloud.inject(Fault(FaultKind.TLS_UNTRUSTED, count=None))

    with pytest.warns(InsecureRequestWarning):
        assert Account(cloud.aws.account_id) == AwsAccounts(connect("aws_audit", aws)).own()


@pytest.mark.parametrize(
    "extra",
    [
        {"endpoint_url": "https://sts.example.com"},
        {"service_config": {"sts": {"endpoint_url": "https://sts.example.com"}}},
        {"endpoint_url": "https://amazonaws.com.example.com"},
        {"endpoint_url": "http://sts.amazonaws.com"},
    ],
)
def test_endpoint_outside_aws_is_refused_before_any_request(
    cloud: LocalCloud, connect: Connect, aws: Json, extra: Json
) -> None:
    """The stock extra for endpoints cannot lead credentials out of AWS."""
    aws["extra"] |= extra

    with pytest.raises(HostNotAllowedError, match="nothing was"):
        AwsAccounts(connect("aws_audit", aws)).own()

    assert cloud.requests() == []


def test_endpoint_within_aws_is_honoured(cloud: LocalCloud, connect: Connect, aws: Json) -> None:
    """A regional or FIPS endpoint of AWS's may be chosen."""
    aws["extra"]["service_config"] = {"sts": {"endpoint_url": "https://sts.amazonaws.com"}}

    assert Account(cloud.aws.account_id) == AwsAccounts(connect("aws_audit", aws)).own()
    assert {"sts.amazonaws.com"} == {request.host for request in cloud.requests()}


@pytest.fixture
def eavesdropper() -> Iterator[tuple[str, list[bytes]]]:
    """Listen on a port of loopback: its URL, and what came first on each connection."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(1)
                    heard.append(connection.recv(4096))

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("where", ["service_config", "endpoint_url", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
def test_role_of_the_connection_is_not_asked_of_a_stranger(
    where: str,
    connect: Connect,
    aws: Json,
    cloud: LocalCloud,
    eavesdropper: tuple[str, list[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection with a role_arn sends nothing to an STS outside AWS, whoever names it."""
    url, heard = eavesdropper
    extra = aws["extra"] | {"role_arn": cloud.aws.role_arn(cloud.aws.account_ids[1])}
    if where == "service_config":
        extra |= {"service_config": {"sts": {"endpoint_url": url}}}
    elif where == "endpoint_url":
        extra |= {"endpoint_url": url}
    else:
        monkeypatch.setenv(where, url)

    with pytest.raises(HostNotAllowedError, match="nothing was"):
        AwsAccounts(connect("aws_audit", aws | {"extra": extra})).own()

    assert heard == []


def test_proxy_that_would_read_requests_is_refused(
    connect: Connect, aws: Json, eavesdropper: tuple[str, list[bytes]]
) -> None:
    """A proxy that botocore would hand signed requests in clear is refused before anything is signed."""
    url, heard = eavesdropper
    kwargs = {"proxies": {"https": url}, "proxies_config": {"proxy_use_forwarding_for_https": True}}

    with pytest.raises(ConfigurationError, match="proxy_use_forwarding_for_https"):
        AwsAccounts(connect("aws_audit", aws | {"extra": aws["extra"] | {"config_kwargs": kwargs}})).own()

    assert heard == []
