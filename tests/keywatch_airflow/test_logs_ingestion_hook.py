"""The hook of connection type azure_logs_ingestion, and the Data Collector's key in a vault."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keywatch.errors import (
    CertificateUnavailableError,
    ConfigurationError,
    HostNotAllowedError,
    VaultForbiddenError,
)
from keywatch.log_analytics.logs_ingestion import LIMITS, LogsIngestion, Packing
from keywatch.pipeline.tables import TABLES, TableName
from keywatch_airflow.destinations import get_destination
from keywatch_airflow.hooks.data_collector import DataCollectorHook
from keywatch_airflow.hooks.logs_ingestion import LogsIngestionHook
from localcloud import LocalCloud
from localcloud.airflow_home import connections
from tests.keywatch_airflow.conftest import Connect


@pytest.fixture(autouse=True)
def machine(cloud: LocalCloud, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine the local cloud's managed identities, and the certificate connection."""
    connect("keyvault_certificate_default", connections(cloud)["keyvault_certificate_default"])
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def rule(cloud: LocalCloud) -> dict[str, Any]:
    """Give a good connection to the data collection rule, in JSON form, to be altered."""
    return connections(cloud)["azure_logs_ingestion_default"]


def altered(connection: dict[str, Any], **extra: object) -> dict[str, Any]:
    """Change a connection's extras."""
    return connection | {"extra": connection["extra"] | extra}


@pytest.mark.parametrize("table", TABLES)
def test_destination_of_each_table_stores_rows(
    cloud: LocalCloud, connect: Connect, rule: dict[str, Any], table: TableName
) -> None:
    """Found by the connection's type, the destination sends to the stream of the table that was asked for."""
    destination = get_destination(connect("rule", rule), table)

    assert isinstance(destination, LogsIngestion)
    destination.send(b'[{"RecordId_s":"r1"}]')
    assert [row["RecordId_s"] for row in cloud.rows(TABLES[table].full_name)] == ["r1"]


def test_destination_packs_as_the_connection_says(connect: Connect, rule: dict[str, Any]) -> None:
    """Documented unless told otherwise; by the wire when told so."""
    documented = LogsIngestionHook(connect("documented", rule)).get_destination("keys")
    wire = LogsIngestionHook(connect("wire", altered(rule, packing="wire"))).get_destination("keys")

    assert (documented.limits, wire.limits) == (LIMITS[Packing.DOCUMENTED], LIMITS[Packing.WIRE])


def test_streams_may_have_other_names(connect: Connect, rule: dict[str, Any]) -> None:
    """A rule that somebody else made may name its streams otherwise, each table's on its own."""
    hook = LogsIngestionHook(connect("named", altered(rule, stream="Custom-Keys", audit_stream="Custom-Audit")))

    names = [hook.get_destination(table).name.rpartition("/")[2] for table in TABLES]
    findings = ["Custom-AWS_Access_Key_Finding", "Custom-AWS_Access_Key_Deactivation"]
    azure = [f"Custom-Azure_{table}" for table in ("Certificate", "Activity", "Virtual_Machine", "Subscription_Audit")]
    assert names == ["Custom-Keys", "Custom-Audit", *findings, *azure]


def test_test_button_tries_every_stream_and_stores_nothing(
    cloud: LocalCloud, connect: Connect, rule: dict[str, Any]
) -> None:
    """The button says that all streams take the token; a stream that is not there is named."""
    works, message = LogsIngestionHook(connect("rule", rule)).test_connection()
    assert works, message
    assert all(cloud.rows(table.full_name) == [] for table in TABLES.values())

    works, message = LogsIngestionHook(connect("rule", altered(rule, audit_stream="Custom-Nothing"))).test_connection()
    assert not works
    assert "Custom-Nothing" in message


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "rule id": ({}, {"rule_id": "keywatch"}, "immutableId"),
    "packing": ({}, {"packing": "gzip"}, "documented, wire"),
    "no endpoint": ({"host": None}, {}, "has no host"),
    "endpoint with a path": ({"host": "https://x.ingest.monitor.azure.com/a"}, {}, "not the URL of a host alone"),
    "misspelt extra": ({}, {"certificat": "x"}, "do not know certificat"),
    "transport": ({}, {"transport": {"verify": False}}, "verify is false"),
}


@pytest.mark.parametrize(("fields", "extra", "words"), WRONG.values(), ids=WRONG.keys())
def test_connection_that_is_not_usable_says_what_to_correct(
    cloud: LocalCloud, connect: Connect, rule: dict[str, Any], fields: dict[str, Any], extra: dict[str, Any], words: str
) -> None:
    """Each field that is wrong is named, before anything is asked of anybody."""
    with pytest.raises(ConfigurationError, match=words):
        LogsIngestionHook(connect("wrong", altered(rule, **extra) | fields)).get_destination("keys")

    assert cloud.requests() == []


@pytest.mark.parametrize("host", ["https://logs.example.com", "https://x.ingest.monitor.azure.us"])
def test_endpoint_outside_the_certificates_cloud_is_refused(
    cloud: LocalCloud, connect: Connect, rule: dict[str, Any], host: str
) -> None:
    """The cloud is the certificate connection's: no token of one goes to another."""
    with pytest.raises(HostNotAllowedError):
        LogsIngestionHook(connect("foreign", rule | {"host": host})).get_destination("keys")

    assert cloud.requests() == []


def test_shared_key_is_read_from_the_vault(cloud: LocalCloud, connect: Connect) -> None:
    """The Data Collector signs with a key that the connection does not hold."""
    kept = connections(cloud)["azure_data_collector_default"]

    works, message = DataCollectorHook(connect("kept", kept)).test_connection()

    assert works, message
    assert cloud.second_workspace.shared_key not in json.dumps(kept)
    assert [record.detail for record in cloud.requests(action="secrets/get")][-1].startswith("workspace-key")  # type: ignore[union-attr]


KEPT_WRONG = {
    "another host": ("https://vault.example.com/secrets/workspace-key", HostNotAllowedError),
    "no secret": ("https://contoso.vault.azure.net/keys/workspace-key", ConfigurationError),
    "a path": ("https://contoso.vault.azure.net/secrets/../keys/x", ConfigurationError),
    "a name": ("workspace-key", ConfigurationError),
}


@pytest.mark.parametrize(("secret", "error"), KEPT_WRONG.values(), ids=KEPT_WRONG.keys())
def test_secret_that_is_none_of_the_clouds_is_refused(
    cloud: LocalCloud, connect: Connect, secret: str, error: type[Exception]
) -> None:
    """What is no secret's URL in the cloud is refused before the machine's identity is asked for."""
    kept = altered(connections(cloud)["azure_data_collector_default"], key_secret=secret)

    with pytest.raises(error):
        DataCollectorHook(connect("wrong", kept)).get_destination("keys")

    assert cloud.requests() == []


def test_secret_that_may_not_be_read_names_the_role(cloud: LocalCloud, connect: Connect) -> None:
    """Without its right, the machine's identity is told which role it needs on that secret."""
    cloud.revoke("airflow-worker", "Key Vault Secrets User", "/vault/secrets/workspace-key")
    kept = connections(cloud)["azure_data_collector_default"]

    with pytest.raises(VaultForbiddenError, match=r"Key Vault Secrets User.*secrets/workspace-key"):
        DataCollectorHook(connect("kept", kept)).get_destination("keys")


def test_secret_that_is_not_there_is_named(cloud: LocalCloud, connect: Connect) -> None:
    """A secret's name that the vault does not know is repeated."""
    url = f"{cloud.azure.vault_url}/secrets/nothing"
    cloud.grant("airflow-worker", "Key Vault Secrets User", "/vault")
    kept = altered(connections(cloud)["azure_data_collector_default"], key_secret=url)

    with pytest.raises(CertificateUnavailableError, match="nothing"):
        DataCollectorHook(connect("kept", kept)).get_destination("keys")
