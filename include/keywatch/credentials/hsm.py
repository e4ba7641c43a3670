"""A certificate of Key Vault whose private key never leaves it: the vault, or its HSM, makes the signatures."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from keywatch.credentials.certificate import CertificateVersion, SigningCertificate, rsa_public_key
from keywatch.credentials.vault_certificate import VaultCertificate
from keywatch.errors import CertificateUnavailableError


@dataclass(frozen=True, slots=True)
class HsmCertificate(VaultCertificate):
    """A certificate source: the certificate through the vault's certificate interface, signatures through its keys.

    That interface gives no chain, so `x5c` holds the certificate alone.
    """

    def versions(self) -> tuple[CertificateVersion, ...]:
        """List its versions, newest first.

        Raises:
            CertificateUnavailableError: There is no such certificate or pinned version.
            KeywatchError: The vault cannot be asked, or refuses.
        """
        return self.chosen(self.vault.certificate_versions(self.certificate))

    def load(self, version: CertificateVersion) -> SigningCertificate:
        """Fetch one version; its key stays, and is the one that the vault keeps for this very version.

        Raises:
            CertificateUnavailableError: The vault answers without a certificate or a key.
            CertificateUnusableError: Its key is not RSA.
            KeywatchError: The vault cannot be asked, or refuses.
        """
        found = self.vault.certificate(self.certificate, version.version)
        if not found.cer or not found.key_id:
            raise CertificateUnavailableError(f"{self.name} is not complete: finish its issue in the vault.")
        try:
            certificate = x509.load_der_x509_certificate(bytes(found.cer))
        except ValueError as error:
            raise CertificateUnavailableError(
                f"{self.name}: what the vault gives is no certificate. Issue a new version in the vault."
            ) from error
        public_key = rsa_public_key(certificate, self.name)
        return SigningCertificate(
            certificate=certificate,
            chain=(),
            private_key=self.vault.private_key(found.key_id, self.certificate, public_key),
            key_id=found.key_id,
            version=version.version,
        )
