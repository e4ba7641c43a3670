"""Azure's identity side, put together: who there is, what they may do, and what the vault begins with."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

from localcloud.access_tokens import LIFETIME, Authority
from localcloud.azure.certificate_authority import CertificateAuthority
from localcloud.azure.directory import Directory
from localcloud.azure.entra import Entra
from localcloud.azure.event_hubs import DOMAIN as EVENT_HUBS_DOMAIN
from localcloud.azure.event_hubs import EventHubs
from localcloud.azure.federation import Cluster
from localcloud.azure.key_vault import DOMAIN as VAULT_DOMAIN
from localcloud.azure.key_vault import KeyVault
from localcloud.azure.managed_identity import ManagedIdentities
from localcloud.azure.on_premises import OnPremisesWorker
from localcloud.azure.resource_manager import ResourceManager
from localcloud.azure.resources import Resources
from localcloud.azure.roles import AZURE_READER, EVENT_HUB_SCOPE, RULE_SCOPE, SUBSCRIPTION_SCOPE, VAULT_SCOPE
from localcloud.azure.subscriptions import PAYMENTS, SANDBOX
from localcloud.azure.vault import PEM, Period, Policy, Vault
from localcloud.azure_model import (
    AUDIT_CERTIFICATE,
    DEACTIVATION_CERTIFICATE,
    EVENT_PUBLISHER,
    KEYWATCH,
    KEYWATCH_DEACTIVATION,
    ON_PREMISES,
    PUBLISHER_CERTIFICATE,
    PUBLISHER_PEM_CERTIFICATE,
    READER,
    WORKER,
    WORKSPACE_KEY,
    AzureAccess,
)
from localcloud.identity_model import B2C_SECRET, OPENID_SECRET
from localcloud.model import Seed
from localcloud.private_files import write_private

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from localcloud.service import Service

RESOURCE_GROUP: Final = "cloud-security"
EVENT_HUB: Final = "access-keys"
FEDERATED_TOKEN_FILE: Final = "federated-token"  # noqa: S105 - a file's name
DAY: Final = 86_400
FIRST_CERTIFICATES: Final = {
    AUDIT_CERTIFICATE: (KEYWATCH, Policy()),
    DEACTIVATION_CERTIFICATE: (KEYWATCH_DEACTIVATION, Policy()),
    PUBLISHER_CERTIFICATE: (EVENT_PUBLISHER, Policy("RSA", exportable=True)),
    PUBLISHER_PEM_CERTIFICATE: (EVENT_PUBLISHER, Policy("RSA", exportable=True, content_type=PEM)),
}
"""Made a day before the start: the application that each is registered on, and its policy."""
FIRST_GRANTS: Final = (
    (WORKER, "Key Vault Reader", VAULT_SCOPE),
    (WORKER, "Key Vault Crypto User", VAULT_SCOPE),
    (WORKER, "Key Vault Secrets User", f"{VAULT_SCOPE}/secrets/{WORKSPACE_KEY}"),
    (WORKER, "Key Vault Secrets User", f"{VAULT_SCOPE}/secrets/{B2C_SECRET}"),
    (WORKER, "Key Vault Secrets User", f"{VAULT_SCOPE}/secrets/{OPENID_SECRET}"),
    (READER, "Key Vault Reader", VAULT_SCOPE),
    (READER, "Key Vault Secrets User", f"{VAULT_SCOPE}/secrets/{PUBLISHER_CERTIFICATE}"),
    (READER, "Key Vault Secrets User", f"{VAULT_SCOPE}/secrets/{PUBLISHER_PEM_CERTIFICATE}"),
    (KEYWATCH, "Monitoring Metrics Publisher", RULE_SCOPE),
    (EVENT_PUBLISHER, "Azure Event Hubs Data Sender", EVENT_HUB_SCOPE),
    (ON_PREMISES, "Reader", SUBSCRIPTION_SCOPE),
    (KEYWATCH, AZURE_READER, SUBSCRIPTION_SCOPE),
    (KEYWATCH, AZURE_READER, f"{SUBSCRIPTION_SCOPE}/{PAYMENTS}"),
    (KEYWATCH, AZURE_READER, f"{SUBSCRIPTION_SCOPE}/{SANDBOX}"),
)


class Azure:
    """Tenants, a vault, managed identities, subscriptions and an event hub. Use it from one thread.

    Args:
        workspace_key: the second workspace's shared key, kept as a secret in the vault.
        seed: how much there is in the subscriptions.
        now: the moment that ages count from.
    """

    def __init__(self, workspace_key: str, seed: Seed, now: datetime) -> None:
        self.directory = Directory()
        self.authority = Authority(self.directory.home.id)
        self.certificates = CertificateAuthority()
        self.vault = Vault(f"https://keywatch-{secrets.token_hex(3)}{VAULT_DOMAIN}", self.certificates)
        self._cluster = Cluster()
        self._files: tuple[Path, ...] = ()
        self._worker = OnPremisesWorker(ON_PREMISES, self.certificates)
        self.resources = Resources(seed, now)
        self._namespace = f"keywatch-{secrets.token_hex(3)}{EVENT_HUBS_DOMAIN}"
        self.event_hubs = EventHubs(self._namespace, EVENT_HUB, self.directory.other.id, self.authority)
        self.identities = ManagedIdentities(self.directory, self.authority)
        self.services: tuple[Service, ...] = (
            Entra(self.directory, self.authority, self.certificates, self._cluster),
            KeyVault(self.vault, self.authority),
            ResourceManager(self.resources, RESOURCE_GROUP, self.authority),
            self.event_hubs,
        )
        for name, (_, policy) in FIRST_CERTIFICATES.items():
            self.vault.create_certificate(name, policy, Period(), created=int(time.time()) - DAY)
        self.vault.put_secret(WORKSPACE_KEY, workspace_key)
        self.vault.keep()
        self.reset()

    def reset(self) -> None:
        """Bring everything back to the start; ids, addresses and the first certificates stay."""
        self.authority.lifetime = LIFETIME
        self.event_hubs.events.clear()
        self.resources.reset()
        self.vault.reset()
        self.directory.clear()
        self.directory.credentials(ON_PREMISES).certificates.append(self._worker.certificate)
        self.directory.credentials(KEYWATCH).federated = True
        for name, (application, _) in FIRST_CERTIFICATES.items():
            first = self.vault.certificates(name)[0]
            self.directory.credentials(application).certificates.append(first.certificate)
        self.authority.assignments.clear()
        for name, role, scope in FIRST_GRANTS:
            self.grant(name, role, scope)

    def grant(self, name: str, role: str, scope: str) -> None:
        """Assign a role to an application or a managed identity.

        Raises:
            ValueError: there is no such role, scope, application or identity.
        """
        where = self.resources.subscriptions.resolve(scope)
        self.authority.assignments.grant(self.directory.object_id(name), role, where)

    def revoke(self, name: str, role: str, scope: str) -> None:
        """Take a role away.

        Raises:
            ValueError: it was not granted over exactly that scope.
        """
        where = self.resources.subscriptions.resolve(scope)
        self.authority.assignments.revoke(self.directory.object_id(name), role, where)

    def close(self) -> None:
        """Remove the files that `access` wrote."""
        for file in self._files:
            file.unlink(missing_ok=True)

    def access(self, folder: Path, identity_url: str) -> AzureAccess:
        """Write what lies on a worker's disk, and tell where everything is.

        Args:
            folder: for the on-premises worker's certificate and the service account's token.
            identity_url: where managed identities get tokens.
        """
        pem_file, pfx_file = self._worker.write(folder)
        token_file = folder / FEDERATED_TOKEN_FILE
        write_private(token_file, self._cluster.token().encode("ascii"))
        self._files = (pem_file, pfx_file, token_file)
        return AzureAccess(
            tenant_id=self.directory.home.id,
            tenant_domain=self.directory.home.domain,
            other_tenant_id=self.directory.other.id,
            subscription_id=self.resources.subscriptions.seeded[0],
            subscription_ids=self.resources.subscriptions.seeded,
            resource_group=RESOURCE_GROUP,
            vault_url=self.vault.url,
            applications=self.directory.applications,
            identities=self.directory.identities,
            pem_file=pem_file,
            pfx_file=pfx_file,
            pfx_passphrase=self._worker.passphrase,
            event_hub_namespace=f"https://{self._namespace}",
            event_hub=EVENT_HUB,
            federated_token_file=token_file,
            identity_url=identity_url,
            identity_header=self.identities.header,
        )
