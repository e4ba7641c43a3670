"""The way to a host: the connection says it, then Airflow's configuration, then the environment, under every SDK."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

from keywatch.errors import ConfigurationError
from keywatch_airflow.aws import AwsAccounts
from keywatch_airflow.hooks.data_collector import DataCollectorHook
from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook
from localcloud import LocalCloud
from localcloud.airflow_home import connections
from tests.keywatch_airflow.conftest import Connect

Json = dict[str, Any]
Ask = Callable[["Ways"], None]

ATTEMPTS = {"attempts": 1, "backoff": 0.01}
VARIABLES = {"proxy": ("HTTPS_PROXY",), "ca_bundle": ("REQUESTS_CA_BUNDLE",)}


@dataclass
class Ways:
    """Says ways to the local cloud, right and wrong ones, in each of the three places."""

    cloud: LocalCloud
    connect: Connect
    monkeypatch: pytest.MonkeyPatch
    right: Json
    wrong: Json
    own: Json

    def configure(self, transport: Mapping[str, Any]) -> None:
        """Say it in Airflow's configuration."""
        self.monkeypatch.setenv("AIRFLOW__KEYWATCH__TRANSPORT", json.dumps(transport))

    def set_environment(self, transport: Mapping[str, Any]) -> None:
        """Say it in the environment."""
        for name, value in transport.items():
            for variable in VARIABLES[name]:
                self.monkeypatch.setenv(variable, value)

    def connection(self, conn_id: str, connection: Json) -> str:
        """Say it on a connection, in place of what is there."""
        connection["extra"]["transport"] = {**ATTEMPTS, **self.own}
        return self.connect(conn_id, connection)


def ask_with_requests(ways: Ways) -> None:
    """Show the Data Collector a signature."""
    connection = connections(ways.cloud)["azure_data_collector_default"]
    del connection["extra"]["key_secret"]
    connection["password"] = ways.cloud.second_workspace.shared_key
    DataCollectorHook(ways.connection("workspace", connection)).get_destination("keys").check()


def ask_with_azure_core(ways: Ways) -> None:
    """Fetch a certificate from the vault."""
    connection = connections(ways.cloud)["keyvault_certificate_default"]
    certificate = KeyVaultCertificateHook(ways.connection("certificate", connection)).certificate
    assert certificate.subject.rfc4514_string() == "CN=keywatch-audit"


def ask_with_msal(ways: Ways) -> None:
    """Fetch a token with a certificate that is in a file."""
    connection = connections(ways.cloud)["on_premises_certificate"]
    hook = KeyVaultCertificateHook(ways.connection("certificate", connection))
    assert hook.get_token("https://management.azure.com/.default")


def ask_with_boto3(ways: Ways) -> None:
    """Ask STS who the auditor is."""
    assert AwsAccounts(ways.connection("aws_audit", stock(ways.cloud))).own().id == ways.cloud.aws.account_id


def ask_with_a_stock_hook(ways: Ways) -> None:
    """Let somebody else's operator ask STS, through a session of ours."""
    hook: Any = AwsBaseHook(ways.connection("aws_audit", stock(ways.cloud)), client_type="sts")
    assert hook.get_conn().get_caller_identity()["Account"] == ways.cloud.aws.account_id


def ask_as_a_role(ways: Ways) -> None:
    """Let a stock session assume a role first."""
    connection = stock(ways.cloud)
    connection["extra"]["role_arn"] = ways.cloud.aws.role_arn(ways.cloud.aws.account_ids[1])
    hook: Any = AwsBaseHook(ways.connection("aws_audit", connection), client_type="sts")
    assert hook.get_conn().get_caller_identity()["Account"] == ways.cloud.aws.account_ids[1]


def stock(cloud: LocalCloud) -> Json:
    """Give a stock connection with an access key."""
    key = {"login": cloud.aws.access_key_id, "password": cloud.aws.secret_access_key}
    retries = {"retries": {"total_max_attempts": 1}}
    return {"conn_type": "aws", "extra": {"region_name": cloud.aws.region, "config_kwargs": retries}} | key


ASKS = (ask_with_requests, ask_with_azure_core, ask_with_msal, ask_with_boto3, ask_with_a_stock_hook, ask_as_a_role)
every_sdk = pytest.mark.parametrize("ask", ASKS)


@pytest.fixture
def ways(
    cloud: LocalCloud, connect: Connect, monkeypatch: pytest.MonkeyPatch, stranger_ca: Path, closed_port: int
) -> Ways:
    """Begin with nothing said anywhere, and ours as the session factory."""
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AIRFLOW__AWS__SESSION_FACTORY", "keywatch_airflow.aws_session.SessionFactory")
    return Ways(
        cloud=cloud,
        connect=connect,
        monkeypatch=monkeypatch,
        right={"proxy": cloud.proxy_url, "ca_bundle": str(cloud.ca_bundle)},
        wrong={"proxy": f"http://127.0.0.1:{closed_port}", "ca_bundle": str(stranger_ca)},
        own={},
    )


@every_sdk
def test_environment_says_what_nobody_else_says(ways: Ways, ask: Ask) -> None:
    """Proxy and authorities of the environment are used where connection and configuration are silent."""
    ways.set_environment(ways.right)

    ask(ways)


@every_sdk
def test_configuration_wins_over_the_environment(ways: Ways, ask: Ask) -> None:
    """What [keywatch] transport says holds for every connection that leaves it open."""
    ways.set_environment(ways.wrong)
    ways.configure(ways.right)

    ask(ways)


@every_sdk
def test_connection_wins_over_all(ways: Ways, ask: Ask) -> None:
    """What the connection says is overruled by nobody."""
    ways.set_environment(ways.wrong)
    ways.configure(ways.wrong)
    ways.own = ways.right

    ask(ways)


@every_sdk
def test_each_field_is_decided_alone(ways: Ways, ask: Ask) -> None:
    """The proxy may come from the environment and what is trusted from the connection, added to the public roots."""
    ways.set_environment({**ways.wrong, "proxy": ways.cloud.proxy_url})
    ways.configure({"ca_bundle": ways.wrong["ca_bundle"]})
    ways.own = {"extra_ca_bundle": str(ways.cloud.ca_bundle)}

    ask(ways)


@every_sdk
def test_wrong_way_fails(ways: Ways, ask: Ask) -> None:
    """The tests above would fail with a way that is ignored."""
    ways.set_environment(ways.right)
    ways.own = ways.wrong

    with pytest.raises(Exception, match=r"(?i)proxy|connect|not trusted"):
        ask(ways)


def test_aws_connection_says_the_way_once(ways: Ways) -> None:
    """`transport` and the stock fields beside it are refused, by name."""
    connection = stock(ways.cloud)
    connection["extra"] |= {"transport": ways.right, "verify": str(ways.cloud.ca_bundle)}

    with pytest.raises(ConfigurationError, match=r"twice, in `transport` and in `verify`\. Keep one"):
        AwsAccounts(ways.connect("aws_audit", connection)).own()


def test_configuration_that_is_not_json_is_refused(ways: Ways) -> None:
    """Whoever wrote it is told where."""
    ways.monkeypatch.setenv("AIRFLOW__KEYWATCH__TRANSPORT", "http://proxy.example:8080")

    with pytest.raises(ConfigurationError, match=r"\[keywatch\] transport is not JSON"):
        ask_with_requests(ways)


def test_configuration_cannot_switch_verification_off(ways: Ways) -> None:
    """`verify: false` needs a laboratory, whoever says it."""
    ways.configure({**ways.right, "verify": False})

    with pytest.raises(ConfigurationError, match="verify is false"):
        ask_with_boto3(ways)


@pytest.mark.parametrize(
    ("transport", "stock_field"),
    [({"proxy": "direct"}, "config_kwargs.proxies"), ({"read_timeout": 5}, "config_kwargs.read_timeout")],
)
def test_field_that_is_said_twice_is_named(ways: Ways, transport: Json, stock_field: str) -> None:
    """Each field is said in one place; which of two were meant cannot be known."""
    connection = stock(ways.cloud)
    connection["extra"]["config_kwargs"] = {"proxies": {"https": ways.cloud.proxy_url}, "read_timeout": 7}
    connection["extra"] |= {"transport": transport, "verify": str(ways.cloud.ca_bundle)}

    with pytest.raises(ConfigurationError, match=f"in `{stock_field}`. Keep one"):
        AwsAccounts(ways.connect("aws_audit", connection)).own()


def test_stock_words_go_with_the_fields_that_they_lack(ways: Ways) -> None:
    """A connection that says its way in stock words may say `trace` and attempts by `transport`."""
    connection = stock(ways.cloud)
    connection["extra"]["config_kwargs"] |= {"proxies": {"https": ways.cloud.proxy_url}}
    connection["extra"] |= {"transport": {"trace": True, "attempts": 2}, "verify": str(ways.cloud.ca_bundle)}

    assert AwsAccounts(ways.connect("aws_audit", connection)).own().id == ways.cloud.aws.account_id


@pytest.mark.parametrize("configured", [{"trace": True}, {"attempts": 3}, {}])
def test_stock_sessions_stay_as_they_are_where_nobody_says_a_way(ways: Ways, configured: Json) -> None:
    """What is not about the way changes nothing of somebody else's operators: botocore reads the environment itself."""
    ways.configure(configured)
    ways.set_environment(ways.wrong)
    ways.monkeypatch.setenv("NO_PROXY", "minio.internal")
    connection = stock(ways.cloud)
    session = AwsBaseHook(ways.connect("aws_audit", connection), client_type="sts").get_session()

    assert session._session.get_default_client_config() is None
    assert session._session.get_config_variable("ca_bundle") in (None, ways.wrong["ca_bundle"])


def test_no_proxy_holds_for_the_endpoint_of_a_stock_connection(ways: Ways) -> None:
    """A store of one's own is reached without the proxy that AWS is reached by."""
    ways.configure({**ways.right, "no_proxy": "minio.internal"})
    connection = stock(ways.cloud)
    connection["extra"]["endpoint_url"] = "https://minio.internal:9000"
    session: Any = AwsBaseHook(ways.connect("aws_audit", connection), client_type="s3").get_session()

    assert session._session.get_default_client_config().proxies == {}


def test_stock_connection_without_verification_is_none_of_our_business(ways: Ways) -> None:
    """A configuration that says a way does not break operators of somebody else's; Keywatch itself refuses it."""
    ways.configure(ways.right)
    connection = stock(ways.cloud)
    connection["extra"]["verify"] = False
    conn_id = ways.connect("aws_audit", connection)

    assert AwsBaseHook(conn_id, client_type="sts").get_session().region_name == ways.cloud.aws.region
    with pytest.raises(ConfigurationError, match="verify is false"):
        AwsAccounts(conn_id).own()
