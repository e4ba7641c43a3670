"""What certificates of a vault have in common, wherever their private keys are."""

from __future__ import annotations

from dataclasses import dataclass

from keywatch.credentials.certificate import CertificateVersion
from keywatch.credentials.vault import Vault, check_name
from keywatch.errors import CertificateUnavailableError


@dataclass(frozen=True, slots=True)
class VaultCertificate:
    """A certificate in a vault.

    Attributes:
        vault: Where it is.
        certificate: Its name.
        pinned: The one version to use; None means the newest that works.

    Raises:
        ConfigurationError: The name cannot be that of a certificate.
    """

    vault: Vault
    certificate: str
    pinned: str | None = None

    def __post_init__(self) -> None:
        check_name(self.certificate)

    @property
    def name(self) -> str:
        """The certificate and its vault, for messages."""
        return f"Certificate {self.certificate} in {self.vault.host}"

    def chosen(self, versions: tuple[CertificateVersion, ...]) -> tuple[CertificateVersion, ...]:
        """Return the pinned version alone, or all if none is pinned.

        Raises:
            CertificateUnavailableError: The pinned version is not among them.
        """
        chosen = tuple(each for each in versions if self.pinned in (None, each.version))
        if not chosen:
            raise CertificateUnavailableError(
                f"{self.name} has no version {self.pinned}. Correct the version on the connection, or leave it empty "
                "to follow rotations."
            )
        return chosen
