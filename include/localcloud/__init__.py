"""The local cloud: stand-ins for AWS and Azure on loopback, with real TLS and real signature checks.

It is an HTTPS proxy. A client reaches it with two settings, the proxy and its certificate authority, and none of its
own code knows. It shares no code with what it tests: it is written from the protocols' documentation, a second time.
"""

from localcloud.client import LocalCloud, LocalCloudError
from localcloud.model import (
    AwsAccess,
    Fault,
    FaultKind,
    LogsIngestionAccess,
    RequestRecord,
    Seed,
    SeededKey,
    SeededUser,
    Workspace,
)

__all__ = [
    "AwsAccess",
    "Fault",
    "FaultKind",
    "LocalCloud",
    "LocalCloudError",
    "LogsIngestionAccess",
    "RequestRecord",
    "Seed",
    "SeededKey",
    "SeededUser",
    "Workspace",
]
