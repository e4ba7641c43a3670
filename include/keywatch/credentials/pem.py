"""A certificate and its private key in a file, for workers that are in no cloud."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from keywatch.credentials.certificate import CertificateVersion, SigningCertificate
from keywatch.credentials.key_material import KeyMaterial, read_key_material
from keywatch.errors import CertificateUnavailableError, ConfigurationError

LARGEST_FILE: Final = 1_000_000
VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class PemFile:
    """A certificate source: one PEM or PKCS#12 (PFX) file, which is read anew whenever its versions are asked for.

    Attributes:
        file: Its path.
        passphrase: Where the passphrase is: `env:NAME` or `file:/path`; None if the key is not encrypted.
    """

    file: Path
    passphrase: str | None = field(default=None, repr=False)  # perhaps the passphrase itself, by mistake

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
            data = read_small_file(self.file)
        except (OSError, ValueError) as error:
            raise CertificateUnavailableError(
                f"{self.name} cannot be read: {reason_of(error)}. Put it where this worker's user can read it."
            ) from error
        passphrase = None if self.passphrase is None else resolve_passphrase(self.passphrase)
        return read_key_material(data, passphrase, self.name, "Append the private key to the file, or name a PFX file.")


def read_small_file(path: Path) -> bytes:
    """Read a file that is one, and no larger than keys are: no device, no pipe.

    Raises:
        OSError: It cannot be read.
        ValueError: It is something else than a file, or too large.
    """
    if not path.is_file():
        path.stat()  # says what is wrong, if it is not there
        raise ValueError("it is not a regular file")
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"it is larger than {LARGEST_FILE} bytes")
    return path.read_bytes()


def reason_of(error: OSError | ValueError) -> str:
    """Say what is wrong with a file."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def resolve_passphrase(reference: str, environ: Mapping[str, str] = os.environ) -> bytes:
    """Follow a reference to a passphrase.

    Args:
        reference: `env:NAME` or `file:/path`; a file's last line break is no part of the passphrase.
        environ: The environment.

    Raises:
        ConfigurationError: It is no such reference, or leads nowhere. The message repeats the name of a variable or
            a file, and nothing else, since it may be the passphrase itself.
    """
    kind, _, place = reference.partition(":")
    if kind == "env" and VARIABLE.fullmatch(place):
        try:
            return environ[place].encode("utf-8")
        except KeyError:
            raise ConfigurationError(
                f"The passphrase's environment variable {place} is not set on this worker. Set it, or correct the "
                "reference on the connection."
            ) from None
    if kind == "file" and place.startswith("/"):
        try:
            return read_small_file(Path(place)).removesuffix(b"\n").removesuffix(b"\r")
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"The passphrase's file {place} cannot be read: {reason_of(error)}. Correct the reference on the "
                "connection, or the file's owner and mode."
            ) from error
    raise ConfigurationError(
        "The passphrase is given as a reference, never itself: env:NAME for an environment variable of the worker, or "
        "file:/path. Correct it on the connection, and change the passphrase if it stood there."
    )
