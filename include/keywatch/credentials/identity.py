"""Who this machine is: the identity that reaches a vault."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from azure.core.credentials import TokenCredential

from keywatch.errors import ConfigurationError, IdentityError
from keywatch.transport import AzureCloud, Transport
from keywatch.transport.azure_core import NO_RETRIES
from keywatch.transport.http import azure_core_transport, identity_session


class IdentityKind(StrEnum):
    """How the identity is found."""

    MANAGED = "managed_identity"
    WORKLOAD = "workload_identity"
    DEFAULT = "default"


def identity_kind(value: str | None) -> IdentityKind:
    """Read a kind; None and the empty string mean a managed identity.

    Raises:
        ConfigurationError: There is no such kind.
    """
    try:
        return IdentityKind(value or IdentityKind.MANAGED)
    except ValueError as error:
        raise ConfigurationError(
            f"The vault cannot be reached by {value!r}. Choose one of: {', '.join(IdentityKind)}."
        ) from error


def identity_credential(
    kind: IdentityKind, cloud: AzureCloud, transport: Transport, *, client_id: str | None = None, lab: bool = False
) -> TokenCredential:
    """Make the credential of this machine's own identity, by azure-identity.

    Args:
        kind: How the identity is found.
        cloud: Whose Entra a workload identity asks.
        transport: How to get to Entra. A managed identity's endpoint is on the machine and reached directly.
        client_id: A user-assigned identity, or a workload identity's application; None means the machine's own.
        lab: Whether other hosts may be asked. Only for laboratories.

    Raises:
        ConfigurationError: The transport cannot be resolved.
        IdentityError: The environment does not describe a workload identity.
    """
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential, WorkloadIdentityCredential

    session = identity_session(transport, cloud.authority_hosts.in_lab(lab))
    network = azure_core_transport(session, transport)
    chosen: dict[str, Any] = {"client_id": client_id} if client_id else {}
    match kind:
        case IdentityKind.MANAGED:
            return ManagedIdentityCredential(transport=network, **NO_RETRIES, **chosen)
        case IdentityKind.WORKLOAD:
            try:
                return WorkloadIdentityCredential(
                    transport=network, authority=cloud.authority_host, **NO_RETRIES, **chosen
                )
            except ValueError as error:
                raise IdentityError(
                    "This machine has no workload identity: AZURE_TENANT_ID, AZURE_CLIENT_ID and "
                    "AZURE_FEDERATED_TOKEN_FILE must be set, as AKS does for a service account with the label "
                    "azure.workload.identity/use."
                ) from error
        case IdentityKind.DEFAULT:
            managed = {"managed_identity_client_id": client_id} if client_id else {}
            return DefaultAzureCredential(transport=network, authority=cloud.authority_host, **NO_RETRIES, **managed)
