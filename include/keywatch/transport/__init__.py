"""How Keywatch reaches the clouds: one description of TLS, proxies and time-outs, obeyed alike by every SDK."""

from keywatch.transport.hosts import (
    AWS_HOSTS,
    AWS_SERVICE_HOSTS,
    AZURE_CLOUDS,
    ROLES_ANYWHERE_HOSTS,
    AllowedHosts,
    AzureCloud,
    azure_cloud,
)
from keywatch.transport.settings import Transport

__all__ = [
    "AWS_HOSTS",
    "AWS_SERVICE_HOSTS",
    "AZURE_CLOUDS",
    "ROLES_ANYWHERE_HOSTS",
    "AllowedHosts",
    "AzureCloud",
    "Transport",
    "azure_cloud",
]
