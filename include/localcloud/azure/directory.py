"""Microsoft Entra ID's directory: tenants, applications with their credentials, and managed identities."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from localcloud.access_tokens import Principal
from localcloud.azure_model import (
    EVENT_PUBLISHER,
    KEYWATCH,
    KEYWATCH_DEACTIVATION,
    ON_PREMISES,
    READER,
    WORKER,
    Application,
    ManagedIdentity,
)

FEDERATED_SUBJECT: Final = "system:serviceaccount:airflow:worker"
FEDERATED_AUDIENCE: Final = "api://AzureADTokenExchange"


@dataclass(frozen=True)
class Tenant:
    """A tenant: its id (a GUID), its domain and the name that messages call it."""

    id: str
    domain: str
    name: str


@dataclass
class Credentials:
    """What an application may sign in with.

    Attributes:
        certificates: the registered ones (`keyCredentials`).
        subjects: common names that a certificate of a trusted issuer may have (`trustedCertificateSubjects`).
        federated: whether the federated token's subject may sign in.
    """

    certificates: list[x509.Certificate] = field(default_factory=list)
    subjects: set[str] = field(default_factory=set)
    federated: bool = False

    def find(self, algorithm: hashes.HashAlgorithm, thumbprint: bytes) -> x509.Certificate | None:
        """Give the registered certificate with a thumbprint."""
        return next((each for each in self.certificates if each.fingerprint(algorithm) == thumbprint), None)


class Directory:
    """Two tenants, with made-up ids that stay the same through resets."""

    def __init__(self) -> None:
        self.home = Tenant(str(uuid.uuid4()), "contoso.onmicrosoft.com", "Contoso")
        self.other = Tenant(str(uuid.uuid4()), "fabrikam.onmicrosoft.com", "Fabrikam")
        homes = dict.fromkeys((KEYWATCH, KEYWATCH_DEACTIVATION, ON_PREMISES), self.home) | {EVENT_PUBLISHER: self.other}
        self.applications = {
            name: Application(name, str(uuid.uuid4()), tenant.id, str(uuid.uuid4())) for name, tenant in homes.items()
        }
        self.identities = {
            name: ManagedIdentity(name, str(uuid.uuid4()), str(uuid.uuid4())) for name in (WORKER, READER)
        }
        self.clear()

    def clear(self) -> None:
        """Take all credentials from all applications."""
        self._credentials = {name: Credentials() for name in self.applications}

    def tenant(self, named: str) -> Tenant | None:
        """Find a tenant by its id or domain."""
        return next((each for each in (self.home, self.other) if named.lower() in (each.id, each.domain)), None)

    def application(self, client_id: str, tenant: Tenant) -> Application | None:
        """Find an application of a tenant."""
        for each in self.applications.values():
            if each.client_id == client_id.lower() and each.tenant_id == tenant.id:
                return each
        return None

    def identity(self, client_id: str | None) -> ManagedIdentity | None:
        """Find the identity with a client id; without one, the system-assigned identity."""
        if client_id is None:
            return self.identities[WORKER]
        return next((each for each in self.identities.values() if each.client_id == client_id.lower()), None)

    def credentials(self, name: str) -> Credentials:
        """Give what an application may sign in with, to read or change.

        Raises:
            ValueError: there is no such application.
        """
        if name not in self._credentials:
            raise ValueError(f"There is no application {name}; applications: {', '.join(self._credentials)}")
        return self._credentials[name]

    def object_id(self, name: str) -> str:
        """Give the object id of an application or a managed identity.

        Raises:
            ValueError: there is neither.
        """
        found = self.applications.get(name) or self.identities.get(name)
        if found is None:
            raise ValueError(f"There is no {name}; there are {', '.join([*self.applications, *self.identities])}")
        return found.object_id

    def principal(self, who: Application | ManagedIdentity) -> Principal:
        """Give what tokens are issued to."""
        if isinstance(who, Application):
            return Principal(who.client_id, who.client_id, who.object_id, who.tenant_id)
        return Principal(who.name, who.client_id, who.object_id, self.home.id)
