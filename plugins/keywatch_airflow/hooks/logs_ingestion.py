"""Hook of connection type `azure_logs_ingestion`."""

from __future__ import annotations

from functools import cached_property

from keywatch.log_analytics.logs_ingestion import IngestionEndpoint, LogsIngestion, check_rule_id, packing
from keywatch.pipeline.tables import TABLES, TableName
from keywatch_airflow.forms import LOGS_INGESTION
from keywatch_airflow.hooks.connection import ConnectionHook
from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook
from keywatch_airflow.settings import https_url, text_of

STREAM_NAMES: dict[TableName, str] = {
    "keys": "stream",
    "audit": "audit_stream",
    "findings": "finding_stream",
    "deactivations": "deactivation_stream",
    "certificates": "certificate_stream",
    "activity": "activity_stream",
    "virtual_machines": "virtual_machine_stream",
    "subscriptions": "subscription_stream",
}


class LogsIngestionHook(ConnectionHook):
    """Turns a connection into a destination: a data collection rule, and the certificate that signs for its tokens.

    The endpoint is the connection's host. Extras: `rule_id`, `certificate_conn_id`, `packing`, `transport`, `lab`,
    and for each table the name of its stream. The cloud is the certificate connection's.

    Args:
        conn_id: The connection.
    """

    default_conn_name = "azure_logs_ingestion_default"
    conn_type = "azure_logs_ingestion"
    hook_name = "Azure Log Analytics (Logs Ingestion)"
    form = LOGS_INGESTION

    @cached_property
    def endpoint(self) -> IngestionEndpoint:
        """The data collection rule as the connection describes it.

        Raises:
            ConfigurationError: Endpoint, rule id, certificate connection or transport are not usable.
            KeywatchError: The certificate connection's.
        """
        rule_id = check_rule_id(text_of(self.extra, "rule_id"))
        certificate = KeyVaultCertificateHook(text_of(self.extra, "certificate_conn_id"))
        return IngestionEndpoint(
            url=https_url(self.connection.host),
            rule_id=rule_id,
            credential=certificate.get_credential(),
            scope=certificate.cloud.monitor_scope,
            hosts=certificate.cloud.ingestion_hosts.in_lab(self.lab),
            transport=self.transport,
        )

    def get_destination(self, table: TableName, *, pool_size: int = 10) -> LogsIngestion:
        """Return one of Keywatch's tables as a destination.

        Args:
            table: Which one.
            pool_size: Connections kept open.

        Raises:
            ConfigurationError: The connection is not usable as it stands.
            HostNotAllowedError: The endpoint is outside the cloud.
            KeywatchError: The certificate connection's.
        """
        return LogsIngestion(
            self.endpoint,
            TABLES[table],
            packing=packing(text_of(self.extra, "packing")),
            stream=text_of(self.extra, STREAM_NAMES[table]),
            pool_size=pool_size,
        )

    def test_connection(self) -> tuple[bool, str]:
        """Fetch a token and see whether the rule takes it for every stream; stores nothing."""
        try:
            for table in STREAM_NAMES:
                self.get_destination(table).check()
        except Exception as error:  # noqa: BLE001 - the button shows whatever is wrong
            return False, str(error)
        return True, f"Rule {self.endpoint.rule_id} accepts the token for {len(STREAM_NAMES)} streams."
