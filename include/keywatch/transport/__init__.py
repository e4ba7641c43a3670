"""How Keywatch reaches the clouds: one description of TLS, proxies and time-outs, obeyed alike by every SDK."""

from keywatch.transport.hosts import (
    AWS_HOSTS,
    AZURE_CLOUDS,
    ROLES_ANYWHERE_HOSTS,
    AllowedHosts,
    AzureCloud,
    azure_cloud,
    require_aws_endpoint,
)
from keywatch.transport.settings import Transport, layered

__all__ = [
    "AWS_HOSTS",
    "AZURE_CLOUDS",
    "ROLES_ANYWHERE_HOSTS",
    "AllowedHosts",
    "AzureCloud",
    "Transport",
    "azure_cloud",
    "layered",
    "require_aws_endpoint",
]
