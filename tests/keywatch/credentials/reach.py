"""Certificates and credentials that reach the local cloud."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from keywatch.credentials.application import Application
from keywatch.credentials.certificate import CertificateSource
from keywatch.credentials.exported import ExportedCertificate
from keywatch.credentials.hsm import HsmCertificate
from keywatch.credentials.identity import IdentityKind, identity_credential
from keywatch.credentials.pem import PemFile
from keywatch.credentials.token import AssertionCredential
from keywatch.credentials.vault import Vault
from keywatch.transport import AZURE_CLOUDS
from localcloud import LocalCloud
from tests.keywatch.reach import transport_to

CLOUD: Final = AZURE_CLOUDS["AzureCloud"]
ARM: Final = "https://management.azure.com/.default"
MONITOR: Final = "https://monitor.azure.com/.default"
EVENT_HUBS: Final = "https://eventhubs.azure.net/.default"
VAULT: Final = "https://vault.azure.net/.default"
AUDIT: Final = "keywatch-audit"
PUBLISHER: Final = "event-publisher"


def vault(cloud: LocalCloud, identity: str | None = None, *, attempts: int = 3, url: str | None = None) -> Vault:
    """Describe the vault, as the machine's own identity or a user-assigned one reaches it."""
    transport = transport_to(cloud, attempts=attempts)
    client_id = cloud.azure.identities[identity].client_id if identity else None
    reached_by = identity_credential(IdentityKind.MANAGED, CLOUD, transport, client_id=client_id)
    return Vault(url or cloud.azure.vault_url, reached_by, CLOUD.vault_hosts, transport)


def hsm(cloud: LocalCloud, name: str = AUDIT, version: str | None = None, *, attempts: int = 3) -> HsmCertificate:
    """Describe a certificate whose key stays in the vault."""
    return HsmCertificate(vault(cloud, attempts=attempts), name, version)


def exported(cloud: LocalCloud, name: str = PUBLISHER, version: str | None = None) -> ExportedCertificate:
    """Describe a certificate whose key is fetched from the vault."""
    return ExportedCertificate(vault(cloud, "certificate-reader"), name, version)


def pem(cloud: LocalCloud) -> PemFile:
    """Describe the worker's own certificate."""
    return PemFile(Path(cloud.azure.pem_file))


def application(cloud: LocalCloud, name: str = "keywatch", *, send_chain: bool = False) -> Application:
    """Describe an application of the local cloud."""
    found = cloud.azure.applications[name]
    return Application(found.tenant_id, found.client_id, CLOUD, send_chain=send_chain)


def credential(
    cloud: LocalCloud,
    source: CertificateSource | None = None,
    name: str = "keywatch",
    *,
    attempts: int = 3,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AssertionCredential:
    """Make a credential; unless told otherwise the one whose key is on the HSM."""
    transport = transport_to(cloud, attempts=attempts)
    used = source or hsm(cloud, attempts=attempts)
    return AssertionCredential(application(cloud, name), used, transport, clock=clock)


def asked(cloud: LocalCloud) -> Counter[str | None]:
    """Count what was asked of the local cloud with success, by action."""
    return Counter(record.action for record in cloud.requests() if record.status in (200, 204))


def signed(cloud: LocalCloud) -> int:
    """Count the signatures that the vault has made."""
    return asked(cloud)["keys/sign"]
