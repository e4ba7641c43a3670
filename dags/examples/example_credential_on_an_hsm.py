"""### A DAG whose private key never leaves the HSM.

The connection of type `keyvault_certificate` has source `hsm`, the default: the worker's managed identity asks the
vault for the certificate and for a signature, and Entra gives a token for it. Nothing on the worker could sign a second
time. The stock Azure client takes the hook's credential as it takes any other.

**Before the first run.** Grant the managed identity Key Vault Reader and Key Vault Crypto User on the vault, and the
application whatever role it is to act with; here, Reader on a subscription.

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
            "keyvault_certificate_default",
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
def example_credential_on_an_hsm() -> None:
    """Wire the example."""

    @task
    def list_resource_groups(params: Any = None) -> list[str]:
        from azure.mgmt.resource.resources import ResourceManagementClient

        from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook

        hook = KeyVaultCertificateHook(params["certificate_conn_id"])
        client = ResourceManagementClient(hook.get_credential(), params["subscription_id"], **hook.client_arguments())
        return sorted(str(group.name) for group in client.resource_groups.list())

    list_resource_groups()


example_credential_on_an_hsm()
