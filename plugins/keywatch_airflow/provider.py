"""What Airflow learns of Keywatch through the entry point `apache_airflow_provider`."""

from __future__ import annotations

from typing import Any

TRANSPORT_FIELD = {
    "label": "Transport",
    "description": (
        'How to get there, as JSON. Empty: as the worker\'s environment says. For example {"proxy": '
        '"http://proxy.example:8080", "ca_bundle": "/etc/ssl/corporate.pem", "no_proxy": "10.0.0.0/8"}. '
        "Also: connect_timeout, read_timeout (seconds), attempts, backoff, max_backoff (seconds)."
    ),
    "schema": {"type": ["object", "null"]},
}
CLOUD_FIELD = {
    "label": "Cloud",
    "description": "The Azure cloud that the workspace is in.",
    "schema": {
        "type": ["string", "null"],
        "enum": ["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"],
        "default": "AzureCloud",
    },
}
LAB_FIELD = {
    "label": "Laboratory",
    "description": "Allow any host, and unverified TLS. Works only where [keywatch] allow_lab is True.",
    "schema": {"type": ["boolean", "null"], "default": False},
}


def get_provider_info() -> dict[str, Any]:
    """Describe the connection types, their forms and the configuration options."""
    return {
        "package-name": "keywatch",
        "name": "Keywatch",
        "description": "A daily, signed audit of every IAM access key in an AWS organisation.",
        "connection-types": [
            {
                "connection-type": "azure_data_collector",
                "hook-class-name": "keywatch_airflow.hooks.data_collector.DataCollectorHook",
                "hook-name": "Azure Log Analytics (Data Collector)",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port", "extra"],
                    "relabeling": {
                        "login": "Workspace ID",
                        "password": "Shared key",
                        "host": "Host (leave empty)",
                    },
                    "placeholders": {
                        "login": "GUID, from the workspace's Overview page",
                        "password": "primary or secondary key, from the workspace's Agents page",
                        "host": "made of workspace ID and cloud",
                    },
                },
                "conn-fields": {
                    "log_type": {
                        "label": "Log type of the keys",
                        "description": "The table without _CL. Empty: AWS_Access_Key_Report.",
                        "schema": {"type": ["string", "null"], "pattern": "^[A-Za-z][A-Za-z0-9_]{0,99}$"},
                    },
                    "audit_log_type": {
                        "label": "Log type of the audit",
                        "description": "The table without _CL. Empty: AWS_Access_Key_Audit.",
                        "schema": {"type": ["string", "null"], "pattern": "^[A-Za-z][A-Za-z0-9_]{0,99}$"},
                    },
                    "cloud": CLOUD_FIELD,
                    "transport": TRANSPORT_FIELD,
                    "lab": LAB_FIELD,
                },
            },
        ],
        "config": {
            "keywatch": {
                "description": "Keywatch's own settings.",
                "options": {
                    "staging": {
                        "description": (
                            "Where runs stage their files, as an ObjectStoragePath that every worker reaches: "
                            "file:///..., s3://<conn_id>@bucket/..., abfs://<conn_id>@container/...."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://aws_default@keywatch-staging/",
                        "default": "file://{AIRFLOW_HOME}/keywatch",
                    },
                    "staging_retention_days": {
                        "description": "Days that a run's staged files are kept. Dead letters stay longer.",
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": None,
                        "default": "7",
                    },
                    "allow_lab": {
                        "description": (
                            "Whether connections with lab: true may reach any host and skip TLS verification. "
                            "Never in production."
                        ),
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": None,
                        "default": "False",
                    },
                },
            },
        },
    }
