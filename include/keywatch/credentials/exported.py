"""A certificate of Key Vault whose private key may leave it: fetched as a secret, held in memory alone."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from azure.keyvault.secrets import KeyVaultSecret

from keywatch.credentials.certificate import CertificateVersion, SigningCertificate
from keywatch.credentials.key_material import read_key_material
from keywatch.credentials.vault_certificate import VaultCertificate
from keywatch.errors import CertificateUnavailableError
from keywatch.transport.foreign_text import printable

PKCS12 = "application/x-pkcs12"
PEM = "application/x-pem-file"


@dataclass(frozen=True, slots=True)
class ExportedCertificate(VaultCertificate):
    """A certificate source: certificate, chain and private key through the vault's secret interface.

    Source: Microsoft Learn, "Export certificates from Azure Key Vault".
    """

    def versions(self) -> tuple[CertificateVersion, ...]:
        """List its versions, newest first.

        Raises:
            CertificateUnavailableError: There is no such certificate or pinned version.
            KeywatchError: The vault cannot be asked, or refuses.
        """
        return self.chosen(self.vault.secret_versions(self.certificate))

    def load(self, version: CertificateVersion) -> SigningCertificate:
        """Fetch one version with its private key.

        Raises:
            CertificateUnavailableError: The certificate is not exportable.
            CertificateUnusableError: Its key is not RSA.
            KeywatchError: The vault cannot be asked, or refuses.
        """
        secret = self.vault.secret(self.certificate, version.version)
        found = read_key_material(
            _decoded(secret, self.name),
            None,
            self.name,
            "It was made as not exportable: choose source hsm on the connection, which signs in the vault; or let a "
            "new version be issued under a policy that marks the key as exportable.",
        )
        return SigningCertificate(
            certificate=found.certificate,
            chain=found.chain,
            private_key=found.private_key,
            key_id=secret.properties.key_id or secret.id or "",
            version=version.version,
        )


def _decoded(secret: KeyVaultSecret, name: str) -> bytes:
    value, content_type = secret.value or "", secret.properties.content_type
    if content_type == PEM:
        return value.encode("utf-8", "replace")
    if content_type != PKCS12:
        raise CertificateUnavailableError(
            f"{name} is a secret of content type {printable(content_type)}, no certificate. Correct the name on the "
            "connection."
        )
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        # Not chained: the cause's traceback could show the value.
        raise CertificateUnavailableError(
            f"{name} is not the base64 of a PKCS#12. Import it into the vault again."
        ) from None
