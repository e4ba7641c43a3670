"""### A DAG in one tenant that sends an event to another tenant's Event Hub.

A managed identity belongs to one tenant. So the other tenant registers an application with a certificate, whose private
key this tenant's vault may export: a connection of type `keyvault_certificate` with source `exported`. The worker's
managed identity fetches it from the vault, and it signs for a token of the other tenant.

**Before the first run.** In the other tenant, grant the application the role Azure Event Hubs Data Sender. In this one,
grant the managed identity Key Vault Secrets User on that one secret: it exposes the private key. Make a connection of
type http whose host is `<namespace>.servicebus.windows.net` and whose schema is the event hub.

**When it fails.** Press *Test* on the certificate connection; if that is green, a role or a connection named above is
missing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Param, dag, task
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

NO_USE_IN_RETRYING = ExceptionRetryPolicy(
    [RetryRule("keywatch.errors.PermanentError", RetryAction.FAIL, reason="a retry cannot help")]
)


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["example", "azure"],
    default_args={"owner": "cloud-security", "retry_policy": NO_USE_IN_RETRYING},
    params={
        "certificate_conn_id": Param(
            "event_publisher_certificate",
            type="string",
            title="Certificate connection",
            description="Of type keyvault_certificate.",
        ),
        "event_hub_conn_id": Param(
            "event_hub",
            type="string",
            title="Event Hub connection",
            description="Of type http: its host the namespace, its schema the event hub.",
        ),
        "message": Param("Keywatch was here", type="string", title="Message", description="What the event says."),
    },
)
def example_event_hub_of_another_tenant() -> None:
    """Wire the example."""

    @task
    def send_event(params: Any = None, run_id: Any = None) -> int:
        from airflow.sdk import BaseHook

        from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook

        hook = KeyVaultCertificateHook(params["certificate_conn_id"])
        event_hub = BaseHook.get_connection(params["event_hub_conn_id"])
        # Source: Microsoft Learn, Event Hubs REST API, "Send event".
        response = hook.get_session().post(
            f"https://{event_hub.host}/{event_hub.schema}/messages",
            json={"message": params["message"], "run": run_id},
            headers={
                "Authorization": f"Bearer {hook.get_token('https://eventhubs.azure.net/.default')}",
                "Content-Type": "application/atom+xml;type=entry;charset=utf-8",
            },
        )
        response.raise_for_status()
        return int(response.status_code)

    send_event()


example_event_hub_of_another_tenant()
