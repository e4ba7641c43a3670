"""An application registered in Entra."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from keywatch.errors import ConfigurationError, HostNotAllowedError
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

    def check_token_endpoint(self, url: str) -> None:
        """Refuse an endpoint that is not the tenant's own: an assertion for another would be as good as a signature.

        Raises:
            HostNotAllowedError: It is not; nothing has been signed.
        """
        self.hosts.require(url)
        tenant = re.escape(self.tenant_id) if GUID.fullmatch(self.tenant_id) else rf"({GUID.pattern}|{TENANT.pattern})"
        own = rf"https://{re.escape(self.cloud.authority_host)}/{tenant}/oauth2/v2\.0/token"
        if not self.lab and not re.fullmatch(own, url, re.IGNORECASE):
            raise HostNotAllowedError(
                f"The description of tenant {self.tenant_id} names a token endpoint that is not the tenant's, so "
                "nothing was signed. See who answers in Entra's place: transport.proxy on the connection."
            )

    @property
    def probe_scope(self) -> str:
        """A scope that every tenant has a service behind, to see whether tokens can be had."""
        return f"https://{self.cloud.resource_manager}/.default"

    @property
    def hosts(self) -> AllowedHosts:
        """Where its assertions may go."""
        return self.cloud.authority_hosts.in_lab(self.lab)
