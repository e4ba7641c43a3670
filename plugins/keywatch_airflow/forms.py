"""The forms of Keywatch's connection types, as Airflow's UI shows them."""

from __future__ import annotations

from typing import Any

TRANSPORT_FIELD = {
    "label": "Transport",
    "description": (
        "How to get there, as JSON; what is left out is as [keywatch] transport says, then the worker's environment. "
        'For example {"proxy": "http://proxy.example:8080", "extra_ca_bundle": "/etc/ssl/proxy.pem", "no_proxy": '
        '"10.0.0.0/8"}. Also: ca_bundle (instead of the public authorities), connect_timeout, read_timeout (seconds), '
        "attempts, backoff, max_backoff (seconds), trace (docs/debugging.md)."
    ),
    "schema": {"type": ["object", "null"]},
}
LAB_FIELD = {
    "label": "Laboratory",
    "description": "Allow any host, and unverified TLS. Works only where [keywatch] allow_lab is True.",
    "schema": {"type": ["boolean", "null"], "default": False},
}
LOG_TYPE_PATTERN = "^[A-Za-z][A-Za-z0-9_]{0,99}$"
STREAM_PATTERN = "^Custom-[A-Za-z0-9_]{1,100}$"
TABLES = {
    "": ("keys", "AWS_Access_Key_Report"),
    "audit_": ("audit", "AWS_Access_Key_Audit"),
    "finding_": ("findings", "AWS_Access_Key_Finding"),
    "deactivation_": ("deactivations", "AWS_Access_Key_Deactivation"),
    "certificate_": ("certificates", "Azure_Certificate"),
    "activity_": ("activity log", "Azure_Activity"),
    "virtual_machine_": ("virtual machines", "Azure_Virtual_Machine"),
    "subscription_": ("audit of subscriptions", "Azure_Subscription_Audit"),
}
"""What each table is called in a form, and its own name, by the prefix of the fields that rename it."""


def _text(label: str, description: str, **schema: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON schema
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _stream(of_what: str, table: str) -> dict[str, Any]:
    return _text(f"Stream of the {of_what}", f"Empty: Custom-{table}.", pattern=STREAM_PATTERN)


def _log_type(of_what: str, table: str) -> dict[str, Any]:
    return _text(f"Log type of the {of_what}", f"The table without _CL. Empty: {table}.", pattern=LOG_TYPE_PATTERN)


def _choice(label: str, description: str, *choices: str) -> dict[str, Any]:
    return _text(label, description, enum=list(choices), default=choices[0])


def _cloud(description: str) -> dict[str, Any]:
    return _choice("Cloud", description, "AzureCloud", "AzureUSGovernment", "AzureChinaCloud")


def _identity_fields() -> dict[str, Any]:
    return {
        "vault_identity": _choice(
            "Reach the vault by",
            "The identity of the machine that tasks run on, or on a laptop the default chain (such as az login).",
            "managed_identity",
            "workload_identity",
            "default",
        ),
        "vault_identity_client_id": _text(
            "Identity's client id", "Of a user-assigned managed identity. Empty: the machine's own."
        ),
    }


KEY_VAULT_CERTIFICATE: dict[str, Any] = {
    "connection-type": "keyvault_certificate",
    "hook-class-name": "keywatch_airflow.hooks.key_vault_certificate.KeyVaultCertificateHook",
    "hook-name": "Azure Key Vault certificate",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port", "password", "extra"],
        "relabeling": {"login": "Client ID", "host": "Vault URL"},
        "placeholders": {
            "login": "GUID of the application that the certificate is registered on",
            "host": "https://contoso.vault.azure.net; empty for source pem",
        },
    },
    "conn-fields": {
        "tenant_id": _text("Tenant", "GUID or domain of the tenant that the application acts in."),
        "certificate": _text("Certificate", "Its name in the vault.", pattern="^[A-Za-z0-9-]{1,127}$"),
        "version": _text("Version", "Empty: the newest that Entra knows, so that rotations are followed."),
        "source": _choice(
            "Source",
            "hsm: the vault signs, the key never leaves it. exported: the key is fetched into memory. pem: a file of "
            "the worker.",
            "hsm",
            "exported",
            "pem",
        ),
        **_identity_fields(),
        "file": _text("File", "Source pem: path of a PEM or PFX file with certificate and private key."),
        "passphrase": _text(
            "Passphrase reference",
            "Source pem: where the passphrase is, env:NAME or file:/path; never the passphrase itself.",
            pattern="^(env|file):.+$",
        ),
        "send_chain": {
            "label": "Send chain",
            "description": "Show the certificate in assertions (x5c), for trust by subject name and issuer.",
            "schema": {"type": ["boolean", "null"], "default": False},
        },
        "cloud": _cloud("The Azure cloud of vault and tenant."),
        "transport": TRANSPORT_FIELD,
        "lab": LAB_FIELD,
    },
}

LOGS_INGESTION: dict[str, Any] = {
    "connection-type": "azure_logs_ingestion",
    "hook-class-name": "keywatch_airflow.hooks.logs_ingestion.LogsIngestionHook",
    "hook-name": "Azure Log Analytics (Logs Ingestion)",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port", "login", "password", "extra"],
        "relabeling": {"host": "Endpoint"},
        "placeholders": {"host": "https://<name>.<region>.ingest.monitor.azure.com, from the rule's JSON view"},
    },
    "conn-fields": {
        "rule_id": _text("Rule id", "immutableId of the data collection rule, dcr-...", pattern="^dcr-[0-9a-f]{32}$"),
        "certificate_conn_id": _text(
            "Certificate connection", "Of type keyvault_certificate. Empty: keyvault_certificate_default."
        ),
        "packing": _choice(
            "Packing",
            "documented: 1 MB a request before compression. wire: 1 MB after it, several times as many rows.",
            "documented",
            "wire",
        ),
        **{f"{prefix}stream": _stream(of_what, table) for prefix, (of_what, table) in TABLES.items()},
        "transport": TRANSPORT_FIELD,
        "lab": LAB_FIELD,
    },
}

DATA_COLLECTOR: dict[str, Any] = {
    "connection-type": "azure_data_collector",
    "hook-class-name": "keywatch_airflow.hooks.data_collector.DataCollectorHook",
    "hook-name": "Azure Log Analytics (Data Collector)",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port", "extra"],
        "relabeling": {"login": "Workspace ID", "password": "Shared key", "host": "Host (leave empty)"},
        "placeholders": {
            "login": "GUID, from the workspace's Overview page",
            "password": "empty if a vault keeps it; or from the workspace's Agents page",
            "host": "made of workspace ID and cloud",
        },
    },
    "conn-fields": {
        "key_secret": _text(
            "Shared key's secret",
            "URL of the Key Vault secret that holds the shared key: https://contoso.vault.azure.net/secrets/<name>.",
        ),
        **_identity_fields(),
        **{f"{prefix}log_type": _log_type(of_what, table) for prefix, (of_what, table) in TABLES.items()},
        "cloud": _cloud("The Azure cloud that the workspace is in."),
        "transport": TRANSPORT_FIELD,
        "lab": LAB_FIELD,
    },
}
