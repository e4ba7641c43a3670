"""### An on-premises DAG that calls Azure Resource Manager.

The worker is in no cloud, so it has a certificate in a file: a connection of type `keyvault_certificate` with source
`pem`. The stock Azure client takes the hook's credential as it takes any other.

**Before the first run.** Register the certificate on an application, and grant that application the role Reader on the
subscription.

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
            "on_premises_certificate",
            type="string",
            title="Certificate connection",
            description="Of type keyvault_certificate.",
        ),
        "subscription_id": Param(
            "00000000-0000-0000-0000-000000000000",
            type="string",
            format="uuid",
            title="Subscription",
            description="Whose resource groups are listed.",
        ),
    },
)
def example_azure_resource_manager_with_pem() -> None:
    """Wire the example."""

    @task
    def list_resource_groups(params: Any = None) -> list[str]:
        from azure.mgmt.resource.resources import ResourceManagementClient

        from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook

        hook = KeyVaultCertificateHook(params["certificate_conn_id"])
        client = ResourceManagementClient(hook.get_credential(), params["subscription_id"], **hook.client_arguments())
        return sorted(str(group.name) for group in client.resource_groups.list())

    list_resource_groups()


example_azure_resource_manager_with_pem()
