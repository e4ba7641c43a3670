"""Hook of connection type `azure_data_collector`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cached_property

from keywatch.errors import ConfigurationError
from keywatch.log_analytics.data_collector import (
    SUPPORT_ENDED,
    DataCollector,
    DataCollectorEndpoint,
    check_workspace_id,
)
from keywatch.log_analytics.shared_key import SharedKey
from keywatch.pipeline.tables import TABLES, TableName
from keywatch.transport import AzureCloud, azure_cloud
from keywatch_airflow.forms import DATA_COLLECTOR
from keywatch_airflow.hooks.connection import ConnectionHook
from keywatch_airflow.settings import text_of, vault_of

SECRET_NAME = re.compile(r"[A-Za-z0-9-]{1,127}")
EXTRA_NAMES: dict[TableName, str] = {
    "keys": "log_type",
    "audit": "audit_log_type",
    "findings": "finding_log_type",
    "deactivations": "deactivation_log_type",
    "certificates": "certificate_log_type",
    "activity": "activity_log_type",
    "virtual_machines": "virtual_machine_log_type",
    "subscriptions": "subscription_log_type",
}


class DataCollectorHook(ConnectionHook):
    """Turns a connection into a destination in a Log Analytics workspace.

    The workspace id is the connection's login; its shared key is the password, or a secret in a vault. Extras:
    `key_secret`, `vault_identity`, `vault_identity_client_id`, `cloud`, `transport`, `lab`, and for each table its log
    type.

    Args:
        conn_id: The connection.
    """

    default_conn_name = "azure_data_collector_default"
    conn_type = "azure_data_collector"
    hook_name = "Azure Log Analytics (Data Collector)"
    form = DATA_COLLECTOR

    @cached_property
    def endpoint(self) -> DataCollectorEndpoint:
        """The workspace as the connection describes it.

        Raises:
            ConfigurationError: Workspace id, key, cloud or transport are not usable.
            KeywatchError: The vault that keeps the key cannot be asked, or refuses.
        """
        cloud = azure_cloud(text_of(self.extra, "cloud"))
        workspace_id = check_workspace_id(self.connection.login)
        host = self.connection.host or f"{workspace_id}.{cloud.data_collector_domain}"
        return DataCollectorEndpoint(
            url=f"https://{host}",
            key=SharedKey(workspace_id, self._key(cloud)),
            hosts=cloud.data_collector_hosts.in_lab(self.lab),
            transport=self.transport,
        )

    def _key(self, cloud: AzureCloud) -> str:
        """Return the workspace's key, from the vault if the connection names a secret there."""
        secret = (text_of(self.extra, "key_secret") or "").strip().rstrip("/")
        if not secret:
            return self.connection.password or ""
        vault_url, _, name = secret.partition("/secrets/")
        if not SECRET_NAME.fullmatch(name):
            raise ConfigurationError(
                "key_secret is not the URL of a secret. Enter https://<vault>.vault.azure.net/secrets/<name>."
            )
        vault = vault_of(vault_url, self.extra, cloud=cloud, transport=self.transport, lab=self.lab)
        return vault.secret(name).value or ""

    def get_destination(self, table: TableName, *, pool_size: int = 10) -> DataCollector:
        """Return one of Keywatch's tables as a destination.

        Args:
            table: Which one.
            pool_size: Connections kept open.

        Raises:
            ConfigurationError: The connection is not usable as it stands.
            LogTypeError: The service would refuse the log type.
            HostNotAllowedError: The connection's host, or the vault that keeps its key, is outside its cloud.
            KeywatchError: The vault that keeps the key cannot be asked, or refuses.
        """
        self.log.warning(
            "Connection %r uses the HTTP Data Collector API, which Microsoft stopped supporting on %s. It may stop "
            "working at any time.",
            self.conn_id,
            SUPPORT_ENDED,
        )
        log_type = text_of(self.extra, EXTRA_NAMES[table]) or TABLES[table].name
        return DataCollector(self.endpoint, log_type, pool_size=pool_size, clock=lambda: datetime.now(UTC))

    def test_connection(self) -> tuple[bool, str]:
        """Sign for real and see whether the workspace accepts it; stores nothing."""
        try:
            for table in EXTRA_NAMES:
                destination = self.get_destination(table)
            destination.check()
        except Exception as error:  # noqa: BLE001 - the button shows whatever is wrong
            return False, str(error)
        return True, f"Workspace {self.endpoint.key.workspace_id} accepts the signature."
