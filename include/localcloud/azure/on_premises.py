"""A worker outside Azure, which has its certificate and private key in files."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from localcloud.azure.certificate_authority import CertificateAuthority
from localcloud.azure.vault import pem_of
from localcloud.private_files import write_private

PEM_FILE: Final = "on-premises.pem"
PFX_FILE: Final = "on-premises.pfx"
VALID: Final = timedelta(days=365)


class OnPremisesWorker:
    """Has a certificate of the local cloud's authority.

    Attributes:
        certificate: the public part.
        passphrase: of the PKCS#12 file.
    """

    def __init__(self, name: str, authority: CertificateAuthority) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        self._issuer = authority.certificate
        yesterday = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        self.certificate = authority.issue(name, self._key.public_key(), yesterday, yesterday + VALID)
        self.passphrase = secrets.token_urlsafe(16)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write key, certificate and issuer as PEM and as PKCS#12, and give the two files' paths."""
        chain = (each.public_bytes(serialization.Encoding.PEM) for each in (self.certificate, self._issuer))
        passphrase = serialization.BestAvailableEncryption(self.passphrase.encode("ascii"))
        pfx = pkcs12.serialize_key_and_certificates(
            b"on-premises", self._key, self.certificate, [self._issuer], passphrase
        )
        files = folder / PEM_FILE, folder / PFX_FILE
        write_private(files[0], pem_of(self._key) + b"".join(chain))
        write_private(files[1], pfx)
        return files
