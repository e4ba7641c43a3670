"""The hosts that a credential may be sent to, per cloud.

Whoever may edit or test a connection could otherwise have a signature made for them and sent elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from keywatch.errors import ConfigurationError, HostNotAllowedError

PLAIN_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(?::\d+)?")
"""A host name, perhaps with a port. Where there is more, a backslash or a user, HTTP clients differ on the host."""


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The hosts of one cloud.

    Attributes:
        cloud: The cloud's name, for messages.
        domains: Host names; a leading dot means any name below that domain, a `*` any one label.
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
        if parts.scheme != "https":
            raise HostNotAllowedError(
                f"{parts.scheme or 'no scheme'}://{host} is not HTTPS, so nothing was sent. Use an https:// URL."
            )
        if not PLAIN_HOST.fullmatch(parts.netloc):
            raise HostNotAllowedError(
                f"A URL of {self.cloud} names more than a host and a port, so nothing was signed or sent. Correct it."
            )
        if not any(self._matches(host, domain) for domain in self.domains):
            raise HostNotAllowedError(
                f"{host} is not a host of {self.cloud}, so nothing was signed or sent. Remove the host from the "
                "connection, choose the right cloud there or, in a laboratory, set lab: true on the connection "
                "and [keywatch] allow_lab = True in Airflow's configuration."
            )

    def in_lab(self, lab: bool) -> AllowedHosts:  # noqa: FBT001 - reads as a sentence
        """Return the same hosts, with the laboratory's permission or without it."""
        return replace(self, lab=lab)

    @staticmethod
    def _matches(host: str, domain: str) -> bool:
        if domain.startswith("."):
            return host.endswith(domain)
        labels, wanted = host.split("."), domain.split(".")
        return len(labels) == len(wanted) and all(
            want in ("*", label) for label, want in zip(labels, wanted, strict=True)
        )


@dataclass(frozen=True, slots=True)
class AzureCloud:
    """One Azure cloud, named as the Azure CLI names it.

    Attributes:
        name: `AzureCloud`, `AzureUSGovernment` or `AzureChinaCloud`.
        data_collector_domain: Below which each Log Analytics workspace has its Data Collector host.
    """

    name: str
    data_collector_domain: str

    @property
    def data_collector_hosts(self) -> AllowedHosts:
        """The hosts of every workspace of this cloud."""
        return AllowedHosts(self.name, (f".{self.data_collector_domain}",))


AZURE_CLOUDS: Final = {
    cloud.name: cloud
    for cloud in (
        AzureCloud("AzureCloud", "ods.opinsights.azure.com"),
        AzureCloud("AzureUSGovernment", "ods.opinsights.azure.us"),
        AzureCloud("AzureChinaCloud", "ods.opinsights.azure.cn"),
    )
}

AWS_HOSTS: Final = AllowedHosts(
    "AWS",
    tuple(
        f"{service}{region}.{domain}"
        for service in ("iam", "iam-fips", "sts", "sts-fips")
        for region in ("", ".*")
        for domain in ("amazonaws.com", "amazonaws.com.cn", "api.aws")
    ),
)
"""The endpoints of the services that Keywatch asks. Not all of `amazonaws.com`: anybody may rent a name there."""


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
