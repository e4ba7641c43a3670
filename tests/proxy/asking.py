"""One call of each SDK through Airflow connections of every type, by the way that a test gives them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from keywatch.azure_resources.resource_manager import ResourceManager
from keywatch.azure_resources.subscriptions import list_subscriptions
from keywatch_airflow.hooks.data_collector import DataCollectorHook
from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook
from keywatch_airflow.hooks.logs_ingestion import LogsIngestionHook
from localcloud import LocalCloud
from localcloud.airflow_home import connections

Json = dict[str, Any]
ONCE: Final = {"attempts": 1, "backoff": 0.01}


@dataclass
class Asking:
    """Asks the local cloud by a way that all connections have in common.

    Attributes:
        cloud: The local cloud.
        monkeypatch: Of the test.
        way: The `transport` of every connection.
    """

    cloud: LocalCloud
    monkeypatch: pytest.MonkeyPatch
    way: Mapping[str, Any]

    def connect(self, conn_id: str, connection: Json) -> str:
        """Make a connection that goes the way."""
        for name in ("verify", "transport"):
            connection["extra"].pop(name, None)
        connection["extra"].get("config_kwargs", {}).pop("proxies", None)
        connection["extra"]["transport"] = {**ONCE, **self.way}
        self.monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        return conn_id

    def known(self, conn_id: str) -> str:
        """Make one of the local cloud's connections go the way."""
        return self.connect(conn_id, connections(self.cloud)[conn_id])


def with_requests(asking: Asking) -> None:
    """Show the Data Collector a signature."""
    workspace = asking.cloud.second_workspace
    connection = {"conn_type": "azure_data_collector", "login": workspace.id, "extra": {}}
    conn_id = asking.connect("workspace", connection | {"password": workspace.shared_key})
    DataCollectorHook(conn_id).get_destination("keys").check()


def with_resource_manager(asking: Asking) -> None:
    """Ask Resource Manager which subscriptions there are."""
    hook = KeyVaultCertificateHook(asking.known("on_premises_certificate"))
    assert list(list_subscriptions(ResourceManager(hook.cloud, hook.get_credential(), hook.transport)))


def with_key_vault(asking: Asking) -> None:
    """Fetch a certificate from the vault."""
    assert KeyVaultCertificateHook(asking.known("keyvault_certificate_default")).certificate.serial_number


def with_msal(asking: Asking) -> None:
    """Fetch a token from Entra."""
    hook = KeyVaultCertificateHook(asking.known("on_premises_certificate"))
    assert hook.get_token("https://management.azure.com/.default")


def with_logs_ingestion(asking: Asking) -> None:
    """See whether the rule takes a token; the vault signs for it."""
    asking.known("keyvault_certificate_default")
    LogsIngestionHook(asking.known("azure_logs_ingestion_default")).get_destination("keys").check()


def with_boto3(asking: Asking) -> None:
    """Trade a signature for a session of AWS, and ask STS whose it is."""
    from keywatch_airflow import aws_session
    from keywatch_airflow.aws import AwsAccounts

    aws_session._sessions.cache_clear()
    asking.known("keyvault_certificate_default")
    assert AwsAccounts(asking.known("aws_default")).own().id == asking.cloud.aws.account_id


def with_a_stock_key(asking: Asking) -> None:
    """Ask STS, with an access key and nothing of Azure's."""
    from keywatch_airflow.aws import AwsAccounts

    aws = asking.cloud.aws
    retries = {"retries": {"total_max_attempts": 1}}
    stock = {"conn_type": "aws", "extra": {"region_name": aws.region, "config_kwargs": retries}}
    key = {"login": aws.access_key_id, "password": aws.secret_access_key}
    assert AwsAccounts(asking.connect("aws_audit", stock | key)).own().id == aws.account_id


ASKS: Final[tuple[Callable[[Asking], None], ...]] = (
    *(with_requests, with_resource_manager, with_key_vault, with_msal, with_logs_ingestion, with_boto3),
    with_a_stock_key,
)
