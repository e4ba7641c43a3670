"""An Airflow home whose connections lead to the local cloud; only their transport differs from production ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcloud.client import LocalCloud

PROJECT = Path(__file__).resolve().parents[2]
"""The checkout: its `dags` and `plugins` are used."""


def connections(cloud: LocalCloud) -> dict[str, dict[str, Any]]:
    """Return the connections of every DAG, in Airflow's JSON form, by connection id. None holds a secret."""
    return _aws_connections(cloud) | _azure_connections(cloud)


def _aws_connections(cloud: LocalCloud) -> dict[str, dict[str, Any]]:
    way = {
        "region_name": cloud.aws.region,
        "verify": str(cloud.ca_bundle),
        "config_kwargs": {"proxies": {"https": cloud.proxy_url}},
    }
    return {
        "aws_default": {
            "conn_type": "aws",
            "description": "The audit account of the local cloud, entered with the certificate on the vault's HSM",
            "extra": {
                **way,
                "certificate_conn_id": "keyvault_certificate_default",
                "roles_anywhere": {
                    "trust_anchor_arn": cloud.aws.trust_anchor_arn,
                    "profile_arn": cloud.aws.profile_arn,
                    "role_arn": cloud.aws.audit_role_arn,
                    "session_name": "keywatch",
                },
            },
        },
        "aws_deactivation": {
            "conn_type": "aws",
            "description": "The same account, entered with another certificate to deactivate access keys",
            "extra": {
                **way,
                "certificate_conn_id": "keyvault_certificate_deactivation",
                "roles_anywhere": {
                    "trust_anchor_arn": cloud.aws.trust_anchor_arn,
                    "profile_arn": cloud.aws.deactivation_profile_arn,
                    "role_arn": cloud.aws.deactivation_role_arn,
                    "session_name": "keywatch-deactivate",
                },
            },
        },
    }


def _azure_connections(cloud: LocalCloud) -> dict[str, dict[str, Any]]:
    azure = cloud.azure
    transport = {"proxy": cloud.proxy_url, "ca_bundle": str(cloud.ca_bundle), "attempts": 4, "backoff": 0.2}
    return {
        "keyvault_certificate_default": {
            "conn_type": "keyvault_certificate",
            "description": "Application keywatch: its certificate's key is on the vault's HSM",
            "login": azure.applications["keywatch"].client_id,
            "host": azure.vault_url,
            "extra": {
                "tenant_id": azure.tenant_id,
                "certificate": "keywatch-audit",
                "source": "hsm",
                "transport": transport,
            },
        },
        "keyvault_certificate_deactivation": {
            "conn_type": "keyvault_certificate",
            "description": "Application keywatch-deactivation: its certificate's key is on the vault's HSM",
            "login": azure.applications["keywatch-deactivation"].client_id,
            "host": azure.vault_url,
            "extra": {
                "tenant_id": azure.tenant_id,
                "certificate": "keywatch-deactivate",
                "source": "hsm",
                "transport": transport,
            },
        },
        "azure_logs_ingestion_default": {
            "conn_type": "azure_logs_ingestion",
            "description": "The data collection rule of the local cloud's first workspace",
            "host": cloud.logs_ingestion.endpoint,
            "extra": {"rule_id": cloud.logs_ingestion.rule_id, "transport": transport},
        },
        "azure_data_collector_default": {
            "conn_type": "azure_data_collector",
            "description": "The local cloud's second workspace, whose shared key is a secret in the vault",
            "login": cloud.second_workspace.id,
            "extra": {"key_secret": f"{azure.vault_url}/secrets/workspace-key", "transport": transport},
        },
        "event_hub": {
            "conn_type": "http",
            "description": "The Event Hub of the other tenant",
            "host": azure.event_hub_namespace.removeprefix("https://"),
            "schema": azure.event_hub,
        },
        "on_premises_certificate": {
            "conn_type": "keyvault_certificate",
            "description": "A worker's own certificate, in a file",
            "login": azure.applications["on-premises"].client_id,
            "extra": {
                "tenant_id": azure.tenant_id,
                "source": "pem",
                "file": str(azure.pem_file),
                "transport": transport,
            },
        },
        "event_publisher_certificate": {
            "conn_type": "keyvault_certificate",
            "description": "An application of another tenant, whose key this tenant's vault may export",
            "login": azure.applications["event-publisher"].client_id,
            "host": azure.vault_url,
            "extra": {
                "tenant_id": azure.other_tenant_id,
                "certificate": "event-publisher",
                "source": "exported",
                "vault_identity_client_id": azure.identities["certificate-reader"].client_id,
                "transport": transport,
            },
        },
    }


def airflow_environment(
    home: Path, connections: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the environment for Airflow's commands.

    Args:
        home: `AIRFLOW_HOME`; absolute.
        connections: In Airflow's JSON form, by connection id. They live in the environment alone.
        environ: What else is in the environment; Airflow settings of another installation are left out.
    """
    inherited = {name: value for name, value in environ.items() if not name.startswith("AIRFLOW_")}
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__AWS__SESSION_FACTORY": "keywatch_airflow.aws_session.SessionFactory",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "1",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    connection_settings = {
        f"AIRFLOW_CONN_{conn_id.upper()}": json.dumps(connection) for conn_id, connection in connections.items()
    }
    return {**inherited, **settings, **connection_settings, "PATH": f"{Path(sys.executable).parent}:{environ['PATH']}"}


def airflow(env: Mapping[str, str], *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - subprocess.run's options
    """Run one Airflow command of this Python's installation to its end."""
    command = [str(Path(sys.executable).parent / "airflow"), *arguments]
    return subprocess.run(command, env=dict(env), check=False, text=True, **options)
