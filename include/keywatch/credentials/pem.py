"""A certificate and its private key in a file, for workers that are in no cloud."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keywatch.credentials.certificate import CertificateVersion, SigningCertificate
from keywatch.credentials.key_material import KeyMaterial, read_key_material
from keywatch.errors import CertificateUnavailableError, ConfigurationError


@dataclass(frozen=True, slots=True)
class PemFile:
    """A certificate source: one PEM or PKCS#12 (PFX) file, which is read anew whenever its versions are asked for.

    Attributes:
        file: Its path.
        passphrase: Where the passphrase is: `env:NAME` or `file:/path`; None if the key is not encrypted.
    """

    file: Path
    passphrase: str | None = None

    @property
    def name(self) -> str:
        """The file, for messages."""
        return f"Certificate file {self.file}"

    def versions(self) -> tuple[CertificateVersion, ...]:
        """Describe the certificate that the file holds now; its version is its serial number in hex.

        Raises:
            CertificateUnavailableError: The file cannot be read as certificate and key.
            CertificateUnusableError: The key is not RSA.
            ConfigurationError: The passphrase is not a reference, or leads nowhere.
        """
        own = self._read().certificate
        return (
            CertificateVersion(
                version=f"{own.serial_number:x}",
                created=own.not_valid_before_utc,
                not_before=own.not_valid_before_utc,
                expires=own.not_valid_after_utc,
            ),
        )

    def load(self, version: CertificateVersion) -> SigningCertificate:  # noqa: ARG002 - a file holds one version
        """Read certificate and key, whichever version the file holds by now.

        Raises:
            CertificateUnavailableError: The file cannot be read as certificate and key.
            CertificateUnusableError: The key is not RSA.
            ConfigurationError: The passphrase is not a reference, or leads nowhere.
        """
        found = self._read()
        return SigningCertificate(
            certificate=found.certificate,
            chain=found.chain,
            private_key=found.private_key,
            key_id=str(self.file),
            version=f"{found.certificate.serial_number:x}",
        )

    def _read(self) -> KeyMaterial:
        try:
            data = self.file.read_bytes()
        except OSError as error:
            raise CertificateUnavailableError(
                f"{self.name} cannot be read: {error.strerror}. Put it where this worker's user can read it."
            ) from error
        passphrase = None if self.passphrase is None else resolve_passphrase(self.passphrase)
        return read_key_material(data, passphrase, self.name, "Append the private key to the file, or name a PFX file.")


def resolve_passphrase(reference: str, environ: Mapping[str, str] = os.environ) -> bytes:
    """Follow a reference to a passphrase.

    Args:
        reference: `env:NAME` or `file:/path`; a file's last line break is no part of the passphrase.
        environ: The environment.

    Raises:
        ConfigurationError: It is no such reference, or leads nowhere. The message does not repeat it, since it may
            be the passphrase itself.
    """
    kind, _, place = reference.partition(":")
    if kind == "env" and place:
        try:
            return environ[place].encode("utf-8")
        except KeyError:
            raise ConfigurationError(
                f"The passphrase's environment variable {place} is not set on this worker. Set it, or correct the "
                "reference on the connection."
            ) from None
    if kind == "file" and place:
        try:
            return Path(place).read_bytes().removesuffix(b"\n").removesuffix(b"\r")
        except OSError as error:
            raise ConfigurationError(
                f"The passphrase's file {place} cannot be read: {error.strerror}. Correct the reference on the "
                "connection, or the file's owner and mode."
            ) from error
    raise ConfigurationError(
        "The passphrase is given as a reference, never itself: env:NAME for an environment variable of the worker, or "
        "file:/path. Correct it on the connection, and change the passphrase if it stood there."
    )
