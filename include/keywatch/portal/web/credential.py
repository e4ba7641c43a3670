"""How the web app proves itself to the provider: a certificate that signs in the vault, or a secret that lies there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from keywatch.credentials.assertion import client_assertion
from keywatch.credentials.certificate import CertificateSource, CertificateVersion
from keywatch.credentials.exported import ExportedCertificate
from keywatch.credentials.hsm import HsmCertificate
from keywatch.credentials.identity import identity_credential, identity_kind
from keywatch.credentials.rotation import Rotation
from keywatch.credentials.vault import Vault
from keywatch.errors import (
    CertificateUnavailableError,
    CertificateUnusableError,
    ConfigurationError,
    TokenRefusedError,
)
from keywatch.portal.settings import Settings
from keywatch.transport import AllowedHosts, azure_cloud

T = TypeVar("T")

MsalCredential: TypeAlias = "str | dict[str, Any]"
"""As MSAL takes it: a secret, or what makes an assertion."""

Attempt: TypeAlias = Callable[[str, MsalCredential], T]
"""Tries one version of a credential, named first; raises `TokenRefusedError` if the provider does not know it."""

OF_ONE_VERSION: Final = (TokenRefusedError, CertificateUnavailableError, CertificateUnusableError)
SOURCES: Final[dict[str, Callable[[Vault, str], CertificateSource]]] = {
    "hsm": HsmCertificate,
    "exported": ExportedCertificate,
}


class ClientCredential(Protocol):
    """What the web app proves itself by, in all its versions. Threads may share it."""

    def try_each(self, attempt: Attempt[T]) -> T:
        """Return what the first version gives with which an attempt succeeds.

        Raises:
            TokenRefusedError: The provider knows none of them.
            KeywatchError: The vault cannot be asked; or whatever else an attempt raises.
        """
        ...


class Certificate:
    """A certificate: every request is signed anew (RFC 7523).

    Args:
        source: Where it is.
        client_id: The web app's registration.
        hosts: The provider's, where assertions may go.
    """

    def __init__(self, source: CertificateSource, client_id: str, hosts: AllowedHosts) -> None:
        self._rotation = Rotation(source)
        self._client_id = client_id
        self._hosts = hosts

    def try_each(self, attempt: Attempt[T]) -> T:
        """Try the newest version first.

        Raises:
            KeywatchError: As in `ClientCredential`.
        """

        def one(version: CertificateVersion) -> T:
            return attempt(
                version.version, {"client_assertion": lambda context: self._sign(version, context["token_endpoint"])}
            )

        return self._rotation.try_each(one, OF_ONE_VERSION)

    def _sign(self, version: CertificateVersion, endpoint: str) -> str:
        self._hosts.require(endpoint)
        signing = self._rotation.load(version)
        return client_assertion(signing, client_id=self._client_id, audience=endpoint, now=datetime.now(UTC))


class Secret:
    """A client secret, read from the vault when it is first needed, and again when it is refused.

    Args:
        vault: Where it is.
        name: Its name there.
    """

    def __init__(self, vault: Vault, name: str) -> None:
        self._vault = vault
        self._name = name
        self._lock = threading.Lock()
        self._known: tuple[str, str] | None = None

    def try_each(self, attempt: Attempt[T]) -> T:
        """Try the known version, and the newest one if that is refused.

        Raises:
            KeywatchError: As in `ClientCredential`.
        """
        version, value = self._known or self._read(None)
        try:
            return attempt(version, value)
        except TokenRefusedError:
            newest, value = self._read(version)
            if newest == version:
                raise
            return attempt(newest, value)

    def _read(self, refused: str | None) -> tuple[str, str]:
        """Read the newest version, unless somebody else has while this one waited."""
        with self._lock:
            if self._known and self._known[0] != refused:
                return self._known
            secret = self._vault.secret(self._name)
            if not secret.value:
                raise CertificateUnavailableError(
                    f"Secret {self._name} in {self._vault.host} is empty. Put the client secret of the web app there."
                )
            self._known = (secret.properties.version or "", secret.value)
            return self._known


def credential_of(settings: Settings) -> ClientCredential:
    """Find the credential that a configuration names. Nothing is asked yet.

    Raises:
        ConfigurationError: It names no vault.
        HostNotAllowedError: The vault is outside its cloud.
    """
    section = settings.vault
    if section is None:
        raise ConfigurationError("The web app needs section vault, where its certificate or secret is. Add it.")
    cloud = azure_cloud(section.cloud)
    cloud.vault_hosts.require(section.url)
    identity = identity_credential(
        identity_kind(section.identity), cloud, settings.transport, client_id=section.identity_client_id
    )
    vault = Vault(section.url, identity, cloud.vault_hosts, settings.transport)
    if settings.certificate is None:
        return Secret(vault, settings.secret or "")
    source = SOURCES[section.source](vault, settings.certificate)
    return Certificate(source, settings.provider.client_id, settings.provider.hosts)
