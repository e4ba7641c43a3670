"""What the local cloud hands out of Azure: who there is, where the vault is, which certificates it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

AUDIT_CERTIFICATE: Final = "keywatch-audit"
"""RSA-HSM, not exportable; registered on application keywatch."""
DEACTIVATION_CERTIFICATE: Final = "keywatch-deactivate"
"""The like of it; registered on application keywatch-deactivation."""
PUBLISHER_CERTIFICATE: Final = "event-publisher"
"""RSA, exportable as PKCS#12; registered on application event-publisher, in the other tenant."""
PUBLISHER_PEM_CERTIFICATE: Final = "event-publisher-pem"
"""The like of it, exportable as PEM."""
WORKSPACE_KEY: Final = "workspace-key"
"""The secret that holds the second workspace's shared key."""
KEYWATCH: Final = "keywatch"
KEYWATCH_DEACTIVATION: Final = "keywatch-deactivation"
"""Has no role on anything in Azure: its certificate is for AWS."""
ON_PREMISES: Final = "on-premises"
EVENT_PUBLISHER: Final = "event-publisher"
WORKER: Final = "airflow-worker"
"""The system-assigned identity: what a request without a client id gets."""
READER: Final = "certificate-reader"
"""The user-assigned identity: chosen by its client id."""


@dataclass(frozen=True)
class Application:
    """An application and its service principal, which roles are granted to; all ids are GUIDs."""

    name: str
    client_id: str
    tenant_id: str
    object_id: str


@dataclass(frozen=True)
class ManagedIdentity:
    """A managed identity of the home tenant; the ids are GUIDs."""

    name: str
    client_id: str
    object_id: str


@dataclass(frozen=True)
class CertificateVersion:
    """A version of a certificate in the vault; its key and its secret have the same name and version.

    Attributes:
        name: of the certificate.
        version: 32 hex digits.
        thumbprint_sha256: hex, upper case.
        thumbprint_sha1: hex, upper case, as the portal shows it.
        expires: ISO 8601 UTC.
        key_id: the key's URL, with the version.
        cer_base64: the certificate, DER.
    """

    name: str
    version: str
    thumbprint_sha256: str
    thumbprint_sha1: str
    expires: str
    key_id: str
    cer_base64: str = field(repr=False)


@dataclass(frozen=True)
class AzureAccess:
    """Where everything of Azure is, and who may sign in with what.

    Attributes:
        tenant_id: the home tenant: of the vault, the subscriptions and the managed identities.
        tenant_domain: its name; Entra takes either.
        other_tenant_id: the tenant of the event hub and of application event-publisher.
        subscription_id: the first one of the home tenant.
        subscription_ids: all that there are from the start, the first one among them.
        resource_group: in the first subscription.
        vault_url: a Premium vault, which has HSM keys.
        applications: by name.
        identities: by name.
        pem_file: private key and certificate of application on-premises.
        pfx_file: the same as PKCS#12.
        pfx_passphrase: of `pfx_file`.
        event_hub_namespace: its URL.
        event_hub: its name.
        federated_token_file: a Kubernetes service account's token, for application keywatch.
        identity_url: where managed identities get tokens, by plain HTTP on loopback.
        identity_header: what App Service's form of that endpoint wants to see.
    """

    tenant_id: str
    tenant_domain: str
    other_tenant_id: str
    subscription_id: str
    subscription_ids: tuple[str, ...]
    resource_group: str
    vault_url: str
    applications: dict[str, Application]
    identities: dict[str, ManagedIdentity]
    pem_file: Path
    pfx_file: Path
    pfx_passphrase: str = field(repr=False)
    event_hub_namespace: str
    event_hub: str
    federated_token_file: Path
    identity_url: str
    identity_header: str = field(repr=False)

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> Self:
        """Build from parsed JSON.

        Raises:
            ValueError: it is not such JSON.
        """
        names = {each.name for each in fields(cls)}
        if set(values) != names:
            raise ValueError(f"{cls.__name__} has other fields: {', '.join(sorted(set(values) ^ names))}")
        built: dict[str, Any] = {
            "applications": {name: Application(**each) for name, each in values["applications"].items()},
            "subscription_ids": tuple(values["subscription_ids"]),
            "identities": {name: ManagedIdentity(**each) for name, each in values["identities"].items()},
        }
        paths = {name: Path(values[name]) for name in ("pem_file", "pfx_file", "federated_token_file")}
        return cls(**{**values, **built, **paths})
