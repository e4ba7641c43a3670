"""What Airflow learns of Keywatch through the entry point `apache_airflow_provider`."""

from __future__ import annotations

from typing import Any

from keywatch_airflow.forms import DATA_COLLECTOR, KEY_VAULT_CERTIFICATE, LOGS_INGESTION


def get_provider_info() -> dict[str, Any]:
    """Describe the connection types, their forms and the configuration options."""
    return {
        "package-name": "keywatch",
        "name": "Keywatch",
        "description": "A daily, signed audit of every IAM access key in an AWS organisation.",
        "connection-types": [KEY_VAULT_CERTIFICATE, LOGS_INGESTION, DATA_COLLECTOR],
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
                    "report_database": {
                        "description": (
                            "The file of the page's report store, where tasks and API server share a disk. With any "
                            "executor but LocalExecutor it is the PostgreSQL of connection keywatch_report instead."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": None,
                        "default": "{AIRFLOW_HOME}/keywatch_report.db",
                    },
                    "policy": {
                        "description": (
                            "The policy's file, YAML: rules, exceptions, owners by pattern, who is told, who may "
                            "approve. A path that every worker reaches, or an ObjectStoragePath. Empty: the one that "
                            "comes with Keywatch."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/opt/airflow/policy.yaml",
                        "default": "",
                    },
                    "owners": {
                        "description": (
                            "The table of owners that DAG access_key_owners imports, CSV: account,user,owner. A path "
                            "that every worker reaches, or an ObjectStoragePath."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "s3://aws_default@security/owners.csv",
                        "default": "",
                    },
                    "transport": {
                        "description": (
                            "How every connection gets to its hosts, in what it leaves open itself: a JSON object as "
                            "in the connections' field Transport. What this leaves open too is as the worker's "
                            "environment says."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": '{"proxy": "http://proxy.example:8080", "extra_ca_bundle": "/etc/ssl/proxy.pem"}',
                        "default": "",
                        "sensitive": True,
                    },
                    "notifier": {
                        "description": "Who is told of what needs somebody: the class of an Airflow notifier.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
                        "default": "",
                    },
                    "notifier_arguments": {
                        "description": "The notifier's arguments, a JSON object.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": '{"to": "cloud-security@contoso.com"}',
                        "default": "{{}}",
                    },
                    "report_deadline_hours": {
                        "description": (
                            "Hours after which a run of access_key_report that is not done is late, and the notifier "
                            "is told, such as 6; fractions are fine, 0 means never. The DAG processor reads it."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "6",
                        "default": "0",
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
