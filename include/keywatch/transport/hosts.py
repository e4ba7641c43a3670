"""The hosts that a credential may be sent to, per cloud.

Whoever may edit or test a connection could otherwise have a signature made for them and sent elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from keywatch.errors import ConfigurationError, HostNotAllowedError

PLAIN_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?")
"""A host name, perhaps with a port. Where there is more, a backslash or a user, HTTP clients differ on the host."""


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The hosts of one cloud.

    Attributes:
        cloud: The cloud's name, for messages.
        domains: Host names; a leading dot means any name below that domain, a `*` any one label. One with a port
            means that port, the others 443.
        lab: Whether every host is allowed. Only for laboratories.
    """

    cloud: str
    domains: tuple[str, ...]
    lab: bool = False

    def require(self, url: str) -> None:
        """Refuse a URL that leaves the cloud or does not use TLS.

        Raises:
            HostNotAllowedError: The host is not one of the cloud's, or the scheme is not https.
        """
        if self.lab:
            return
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise HostNotAllowedError(f"A URL cannot be read, so nothing was sent: {error}. Correct it.") from error
        host = (parts.hostname or "").lower()
        place = parts.netloc.lower().removesuffix(":443")
        if parts.scheme != "https":
            raise HostNotAllowedError(
                f"{parts.scheme or 'no scheme'}://{host} is not HTTPS, so nothing was sent. Use an https:// URL."
            )
        if not PLAIN_HOST.fullmatch(parts.netloc):
            raise HostNotAllowedError(
                f"A URL of {self.cloud} names more than a host and a port, so nothing was signed or sent. Correct it."
            )
        if not any(self._matches(place, domain) for domain in self.domains):
            raise HostNotAllowedError(
                f"{place} is not a host of {self.cloud}, so nothing was signed or sent. Remove the host from the "
                "connection, choose the right cloud there or, in a laboratory, set lab: true on the connection "
                "and [keywatch] allow_lab = True in Airflow's configuration."
            )

    def in_lab(self, lab: bool) -> AllowedHosts:  # noqa: FBT001 - reads as a sentence
        """Return the same hosts, with the laboratory's permission or without it."""
        return replace(self, lab=lab)

    @staticmethod
    def _matches(place: str, domain: str) -> bool:
        if domain.startswith("."):
            return place.endswith(domain)
        labels, wanted = place.split("."), domain.split(".")
        return len(labels) == len(wanted) and all(
            want in ("*", label) for label, want in zip(labels, wanted, strict=True)
        )


@dataclass(frozen=True, slots=True)
class AzureCloud:
    """One Azure cloud, named as the Azure CLI names it.

    Attributes:
        name: `AzureCloud`, `AzureUSGovernment` or `AzureChinaCloud`.
        authority_host: Entra's host, where tokens are asked for.
        vault_domains: Below which each Key Vault and each Managed HSM has its host.
        ingestion_domain: Below which each endpoint of the Logs Ingestion API has its host.
        data_collector_domain: Below which each Log Analytics workspace has its Data Collector host.
        monitor_scope: What a token for the Logs Ingestion API is asked for.
        resource_manager: Azure Resource Manager's host.
        service_domains: Below which further services have their hosts.
    """

    name: str
    authority_host: str
    vault_domains: tuple[str, str]
    ingestion_domain: str
    data_collector_domain: str
    monitor_scope: str
    resource_manager: str
    service_domains: tuple[str, ...]

    @property
    def authority_hosts(self) -> AllowedHosts:
        """Entra: the one place where assertions are sent."""
        return AllowedHosts(self.name, (self.authority_host,))

    @property
    def vault_hosts(self) -> AllowedHosts:
        """Every vault of this cloud."""
        return AllowedHosts(self.name, tuple(f"*.{domain}" for domain in self.vault_domains))

    @property
    def ingestion_hosts(self) -> AllowedHosts:
        """Every endpoint of this cloud's Logs Ingestion API."""
        return AllowedHosts(self.name, (f".{self.ingestion_domain}",))

    @property
    def data_collector_hosts(self) -> AllowedHosts:
        """The hosts of every workspace of this cloud."""
        return AllowedHosts(self.name, (f".{self.data_collector_domain}",))

    @property
    def service_hosts(self) -> AllowedHosts:
        """The hosts of the Azure services that tokens are usually shown to."""
        below = (*self.vault_domains, self.ingestion_domain, *self.service_domains)
        return AllowedHosts(self.name, (self.resource_manager, *(f".{domain}" for domain in below)))


AZURE_CLOUDS: Final = {
    cloud.name: cloud
    for cloud in (
        AzureCloud(
            name="AzureCloud",
            authority_host="login.microsoftonline.com",
            vault_domains=("vault.azure.net", "managedhsm.azure.net"),
            ingestion_domain="ingest.monitor.azure.com",
            data_collector_domain="ods.opinsights.azure.com",
            monitor_scope="https://monitor.azure.com/.default",
            resource_manager="management.azure.com",
            service_domains=("servicebus.windows.net", "core.windows.net", "loganalytics.azure.com"),
        ),
        AzureCloud(
            name="AzureUSGovernment",
            authority_host="login.microsoftonline.us",
            vault_domains=("vault.usgovcloudapi.net", "managedhsm.usgovcloudapi.net"),
            ingestion_domain="ingest.monitor.azure.us",
            data_collector_domain="ods.opinsights.azure.us",
            monitor_scope="https://monitor.azure.us/.default",
            resource_manager="management.usgovcloudapi.net",
            service_domains=("servicebus.usgovcloudapi.net", "core.usgovcloudapi.net", "loganalytics.us"),
        ),
        AzureCloud(
            name="AzureChinaCloud",
            authority_host="login.partner.microsoftonline.cn",
            vault_domains=("vault.azure.cn", "managedhsm.azure.cn"),
            ingestion_domain="ingest.monitor.azure.cn",
            data_collector_domain="ods.opinsights.azure.cn",
            monitor_scope="https://monitor.azure.cn/.default",
            resource_manager="management.chinacloudapi.cn",
            service_domains=("servicebus.chinacloudapi.cn", "core.chinacloudapi.cn", "loganalytics.azure.cn"),
        ),
    )
}
"""The sovereign clouds' ingestion domains are unverified: no page of the documentation names them."""

AWS_REGION: Final = r"[a-z]{2}(?:-[a-z]+)+-[0-9]"
AWS_DOMAINS: Final = ("amazonaws.com", "amazonaws.com.cn", "api.aws")

AWS_HOSTS: Final = AllowedHosts(
    "AWS",
    tuple(
        f"{service}{region}.{domain}"
        for service in ("iam", "iam-fips", "organizations", "organizations-fips", "sts", "sts-fips")
        for region in ("", ".*")
        for domain in AWS_DOMAINS
    ),
)
"""The endpoints of the services that Keywatch asks. Not all of `amazonaws.com`: anybody may rent a name there."""

ROLES_ANYWHERE_HOSTS: Final = AllowedHosts(
    "AWS",
    tuple(f"{service}.*.{domain}" for service in ("rolesanywhere", "rolesanywhere-fips") for domain in AWS_DOMAINS),
)
"""Where a certificate's signature is traded for an AWS session."""

AWS_SERVICE_HOSTS: Final = AllowedHosts("AWS", tuple(f".{domain}" for domain in AWS_DOMAINS))
"""Every AWS service, and whoever rents a name below these domains: see `require_aws_endpoint`."""

AWS_ENDPOINT: Final = re.compile(
    rf"((?!vpce-)[a-z0-9-]+(\.{AWS_REGION})?|vpce-[0-9a-z-]+\.(?!vpce-)[a-z0-9-]+\.{AWS_REGION}\.vpce)"
    rf"\.({'|'.join(map(re.escape, AWS_DOMAINS))})"
)
"""`<service>[.<region>]`, or a VPC endpoint of one. What can be rented (an API, a machine) has other labels."""


def require_aws_endpoint(url: str, *, lab: bool) -> None:
    """Refuse a URL that is not the endpoint of an AWS service.

    Raises:
        HostNotAllowedError: It is not, or it does not use TLS.
    """
    AWS_SERVICE_HOSTS.in_lab(lab).require(url)
    host = (urlsplit(url).hostname or "").lower()
    if not lab and not AWS_ENDPOINT.fullmatch(host):
        raise HostNotAllowedError(
            f"{host} is not the endpoint of an AWS service, but a name that anybody may rent, so nothing was signed or "
            "sent. Remove it from the connection."
        )


def azure_cloud(name: str | None) -> AzureCloud:
    """Find a cloud by its name; None means the public one.

    Raises:
        ConfigurationError: There is no cloud of that name.
    """
    try:
        return AZURE_CLOUDS[name or "AzureCloud"]
    except KeyError as error:
        raise ConfigurationError(
            f"There is no Azure cloud {name!r}. Set the connection's cloud to one of: {', '.join(AZURE_CLOUDS)}."
        ) from error
