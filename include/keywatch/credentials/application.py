"""An application registered in Entra."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from keywatch.errors import ConfigurationError
from keywatch.transport import AllowedHosts, AzureCloud

GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
TENANT: Final = re.compile(rf"{GUID.pattern}|([A-Za-z0-9-]+\.)+[A-Za-z]{{2,}}")


@dataclass(frozen=True, slots=True)
class Application:
    """The application, registered in Entra, that tokens are for.

    Attributes:
        tenant_id: The tenant that it acts in, a GUID or a domain.
        client_id: Its client id, a GUID.
        cloud: The Azure cloud of that tenant.
        send_chain: Whether assertions show the certificate and its chain (subject name and issuer trust).
        lab: Whether assertions may go to other hosts. Only for laboratories.

    Raises:
        ConfigurationError: The tenant is neither a GUID nor a domain, or the client id is not a GUID.
    """

    tenant_id: str
    client_id: str
    cloud: AzureCloud
    send_chain: bool = False
    lab: bool = False

    def __post_init__(self) -> None:
        if not TENANT.fullmatch(self.tenant_id):
            raise ConfigurationError("The connection's tenant is neither a GUID nor a domain. Copy the Directory ID.")
        if not GUID.fullmatch(self.client_id):
            raise ConfigurationError("The connection's client id is not a GUID. Copy the Application (client) ID.")

    @property
    def authority(self) -> str:
        """The tenant's address at Entra."""
        return f"https://{self.cloud.authority_host}/{self.tenant_id}"

    @property
    def probe_scope(self) -> str:
        """A scope that every tenant has a service behind, to see whether tokens can be had."""
        return f"https://{self.cloud.resource_manager}/.default"

    @property
    def hosts(self) -> AllowedHosts:
        """Where its assertions may go."""
        return self.cloud.authority_hosts.in_lab(self.lab)
