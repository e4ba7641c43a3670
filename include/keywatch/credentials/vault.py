"""One Azure Key Vault, through the official clients.

Every call is tried again by our own back-off, and what goes wrong comes out as an error that says what to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from azure.keyvault.certificates import CertificateClient, KeyVaultCertificate
from azure.keyvault.keys import KeyVaultKey
from azure.keyvault.keys.crypto import CryptographyClient, KeyVaultRSAPrivateKey
from azure.keyvault.secrets import KeyVaultSecret, SecretClient
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from keywatch.credentials.certificate import CertificateVersion
from keywatch.credentials.vault_errors import Operation, vault_error
from keywatch.errors import CertificateUnavailableError, HostNotAllowedError
from keywatch.transport import AllowedHosts, Transport
from keywatch.transport.azure_core import NO_RETRIES
from keywatch.transport.http import azure_core_arguments
from keywatch.transport.retry import retrying
from keywatch.transport.wire_logs import keep_wire_logs_quiet

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Vault:
    """A vault, and who asks it.

    Attributes:
        url: `https://<name>.vault.azure.net`, without a path.
        credential: The identity that reaches it.
        hosts: Where that identity's tokens may go.
        transport: How to get there.
    """

    url: str
    credential: TokenCredential = field(repr=False)
    hosts: AllowedHosts
    transport: Transport

    @property
    def host(self) -> str:
        """The vault's host, for messages."""
        return self.url.removeprefix("https://")

    def certificate_versions(self, name: str) -> tuple[CertificateVersion, ...]:
        """List a certificate's versions, newest first.

        Raises:
            CertificateUnavailableError: There is no such certificate.
            KeywatchError: The vault cannot be asked, or refuses.
        """
        client = self._client(CertificateClient)
        found = self._ask(
            Operation.READ_CERTIFICATE, name, lambda: list(client.list_properties_of_certificate_versions(name))
        )
        return self._versions(found, f"certificate {name}")

    def certificate(self, name: str, version: str) -> KeyVaultCertificate:
        """Fetch one version of a certificate: its DER and its key's id.

        Raises:
            CertificateUnavailableError: There is no such version.
            KeywatchError: The vault cannot be asked, or refuses.
        """
        client = self._client(CertificateClient)
        return self._ask(Operation.READ_CERTIFICATE, name, lambda: client.get_certificate_version(name, version))

    def secret_versions(self, name: str) -> tuple[CertificateVersion, ...]:
        """List a secret's versions, newest first.

        Raises:
            CertificateUnavailableError: There is no such secret.
            KeywatchError: The vault cannot be asked, or refuses.
        """
        client = self._client(SecretClient)
        found = self._ask(Operation.READ_SECRET, name, lambda: list(client.list_properties_of_secret_versions(name)))
        return self._versions(found, f"secret {name}")

    def secret(self, name: str, version: str | None = None) -> KeyVaultSecret:
        """Fetch a secret, the newest version if none is named.

        Raises:
            CertificateUnavailableError: There is no such secret or version.
            KeywatchError: The vault cannot be asked, or refuses.
        """
        client = self._client(SecretClient)
        return self._ask(Operation.READ_SECRET, name, lambda: client.get_secret(name, version))

    def private_key(self, key_id: str, public_key: RSAPublicKey) -> KeyVaultRSAPrivateKey:
        """Return a key of the vault as a private key whose signatures are made there.

        The public half comes from the certificate, so the vault is not asked for it: the right `keys/sign` suffices,
        and key and certificate cannot be of different versions.

        Args:
            key_id: The key's URL, with its version.
            public_key: The certificate's key.

        Raises:
            HostNotAllowedError: The key is not in this vault.
        """
        if not key_id.startswith(f"{self.url}/keys/"):
            raise HostNotAllowedError(f"The certificate's key is not in {self.host}, so nothing is signed.")
        numbers = public_key.public_numbers()
        key = KeyVaultKey(
            key_id,
            {"kty": "RSA", "n": _big_endian(numbers.n), "e": _big_endian(numbers.e), "key_ops": ["sign", "verify"]},
        )
        keep_wire_logs_quiet()
        return CryptographyClient(key, self.credential, **self._arguments()).create_rsa_private_key()

    def _client(self, kind: Callable[..., T]) -> T:
        self.hosts.require(self.url)
        keep_wire_logs_quiet()
        return kind(vault_url=self.url, credential=self.credential, **self._arguments())

    def _arguments(self) -> dict[str, Any]:
        return azure_core_arguments(self.transport, self.hosts) | NO_RETRIES

    def _ask(self, operation: Operation, name: str, call: Callable[[], T]) -> T:
        def ask() -> T:
            try:
                return call()
            except AzureError as error:
                raise vault_error(error, self.host, operation, name) from error

        return retrying(self.transport, log)(ask)

    def _versions(self, found: list[Any], what: str) -> tuple[CertificateVersion, ...]:
        if not found:
            raise CertificateUnavailableError(f"There is no {what} in {self.host}. Correct its name on the connection.")
        versions = [
            CertificateVersion(
                version=each.version,
                created=each.created_on,
                not_before=each.not_before,
                expires=each.expires_on,
                enabled=bool(each.enabled),
            )
            for each in found
        ]
        return tuple(sorted(versions, key=lambda each: each.created, reverse=True))


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
