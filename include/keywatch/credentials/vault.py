"""One Azure Key Vault, through the official clients.

Every call is tried again by our own back-off, and what goes wrong comes out as an error that says what to do.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final, TypeVar

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from azure.core.paging import ItemPaged
from azure.keyvault.certificates import CertificateClient, KeyVaultCertificate
from azure.keyvault.keys import KeyVaultKey
from azure.keyvault.keys.crypto import CryptographyClient, KeyVaultRSAPrivateKey
from azure.keyvault.secrets import KeyVaultSecret, SecretClient
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from keywatch.credentials.certificate import CertificateVersion
from keywatch.credentials.vault_errors import Operation, vault_error
from keywatch.errors import CertificateUnavailableError, ConfigurationError, ServiceUnavailableError
from keywatch.transport import AllowedHosts, Transport
from keywatch.transport.azure_core import NO_RETRIES, scrubbed
from keywatch.transport.http import azure_core_arguments
from keywatch.transport.retry import retrying
from keywatch.transport.wire_logs import keep_wire_logs_quiet

log = logging.getLogger(__name__)

T = TypeVar("T")

NAME: Final = re.compile(r"[0-9A-Za-z-]{1,127}")
VERSION: Final = re.compile(r"[0-9A-Za-z]{1,64}")
MOST_PAGES: Final = 400
"""Pages of a list that are followed: a certificate of 25 versions a page would be ten thousand renewals old."""

NO_ANSWER: Final = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What the SDK raises over JSON that it did not expect."""


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
        return self._ask(
            Operation.READ_CERTIFICATE,
            name,
            lambda: self._versions(client.list_properties_of_certificate_versions(name), f"certificate {name}"),
        )

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
        return self._ask(
            Operation.READ_SECRET,
            name,
            lambda: self._versions(client.list_properties_of_secret_versions(name), f"secret {name}"),
        )

    def secret(self, name: str, version: str | None = None) -> KeyVaultSecret:
        """Fetch a secret, the newest version if none is named.

        Raises:
            CertificateUnavailableError: There is no such secret or version.
            KeywatchError: The vault cannot be asked, or refuses.
        """
        client = self._client(SecretClient)
        return self._ask(Operation.READ_SECRET, name, lambda: client.get_secret(name, version))

    def private_key(self, key_id: str, certificate: str, public_key: RSAPublicKey) -> KeyVaultRSAPrivateKey:
        """Return a key of the vault as a private key whose signatures are made there.

        The public half comes from the certificate, so the vault is not asked for it: the right `keys/sign` suffices,
        and key and certificate cannot be of different versions.

        Args:
            key_id: The key's URL, with its version, as the vault names it.
            certificate: The certificate's name, which is the key's too.
            public_key: The certificate's key.

        Raises:
            CertificateUnavailableError: The key is not this certificate's key in this vault.
        """
        if not re.fullmatch(
            rf"{re.escape(self.url)}/keys/{re.escape(certificate)}/[0-9A-Za-z]+", key_id, re.IGNORECASE
        ):
            raise CertificateUnavailableError(
                f"{self.host} names another key for certificate {certificate} than its own, so nothing is signed. "
                "Issue a new version of the certificate in this vault."
            )
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
        """Reach this vault alone: the identity's token would follow a link to any other."""
        own = replace(self.hosts, domains=(self.host,))
        return azure_core_arguments(self.transport, own) | NO_RETRIES

    def _ask(self, operation: Operation, name: str, call: Callable[[], T]) -> T:
        def ask() -> T:
            try:
                return call()
            except AzureError as error:
                raise vault_error(error, self.host, operation, name) from scrubbed(error)
            except NO_ANSWER as error:
                raise ServiceUnavailableError(
                    f"{self.host}, or whoever gives this machine's identity, answered {operation.verb} {name} with "
                    f"something that no vault says ({type(error).__name__}). Check transport.proxy on the connection."
                ) from None  # the cause may repeat what was said

        return retrying(self.transport, log, "key_vault")(ask)

    def _versions(self, listed: ItemPaged[Any], what: str) -> tuple[CertificateVersion, ...]:
        versions = [
            CertificateVersion(
                version=each.version,
                created=each.created_on,
                not_before=each.not_before,
                expires=each.expires_on,
                enabled=bool(each.enabled),
            )
            for page in islice(listed.by_page(), MOST_PAGES)
            for each in page
            if VERSION.fullmatch(each.version or "") and each.created_on
        ]
        if not versions:
            raise CertificateUnavailableError(f"There is no {what} in {self.host}. Correct its name on the connection.")
        return tuple(sorted(versions, key=lambda each: each.created, reverse=True))


def check_name(name: str) -> str:
    """Return the name of a vault's object if it can be one.

    Source: Microsoft Learn, "Azure Key Vault keys, secrets and certificates overview", object names.

    Raises:
        ConfigurationError: It cannot.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            "A name in a vault is 1 to 127 letters, digits and hyphens. Correct the certificate's or secret's name."
        )
    return name


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
