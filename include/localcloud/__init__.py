"""The local cloud: stand-ins for AWS and Azure on loopback, with real TLS and real signature checks.

It is an HTTPS proxy. A client reaches it with two settings, the proxy and its certificate authority, and none of its
own code knows. It shares no code with what it tests: it is written from the protocols' documentation, a second time.
"""

from localcloud.azure_model import Application, AzureAccess, CertificateVersion, ManagedIdentity
from localcloud.client import LocalCloud, LocalCloudError
from localcloud.model import (
    AwsAccess,
    Fault,
    FaultKind,
    LogsIngestionAccess,
    OrganizationAccount,
    RequestRecord,
    Seed,
    SeededKey,
    SeededUser,
    Workspace,
)
from localcloud.resources_model import Listing, Paging, SeededEvent, SeededMachine, Subscription

__all__ = [
    "Application",
    "AwsAccess",
    "AzureAccess",
    "CertificateVersion",
    "Fault",
    "FaultKind",
    "Listing",
    "LocalCloud",
    "LocalCloudError",
    "LogsIngestionAccess",
    "ManagedIdentity",
    "OrganizationAccount",
    "Paging",
    "RequestRecord",
    "Seed",
    "SeededEvent",
    "SeededKey",
    "SeededMachine",
    "SeededUser",
    "Subscription",
    "Workspace",
]
