"""Hook of connection type `keyvault_certificate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keywatch.credentials.application import Application
from keywatch.credentials.assertion import Algorithm, sign_jwt
from keywatch.credentials.certificate import CertificateSource, SigningCertificate
from keywatch.credentials.check import check_certificate
from keywatch.credentials.exported import ExportedCertificate
from keywatch.credentials.hsm import HsmCertificate
from keywatch.credentials.pem import PemFile
from keywatch.credentials.token import AssertionCredential
from keywatch.credentials.vault import Vault
from keywatch.errors import ConfigurationError
from keywatch.transport import AllowedHosts, AzureCloud, azure_cloud
from keywatch.transport.http import azure_core_arguments, requests_session
from keywatch_airflow.forms import KEY_VAULT_CERTIFICATE
from keywatch_airflow.hooks.connection import ConnectionHook
from keywatch_airflow.settings import flag_of, text_of, vault_of

if TYPE_CHECKING:
    import requests
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate


SOURCES: dict[str, Callable[[Vault, str, str | None], CertificateSource]] = {
    "hsm": HsmCertificate,
    "exported": ExportedCertificate,
}


class KeyVaultCertificateHook(ConnectionHook):
    """Turns a connection into a credential whose secret is a signature.

    The client id is the connection's login, the vault's URL its host. Extras: `tenant_id`, `certificate`, `version`,
    `source`, `vault_identity`, `vault_identity_client_id`, `file`, `passphrase`, `send_chain`, `cloud`, `transport`,
    `lab`.

    Args:
        conn_id: The connection.
    """

    default_conn_name = "keyvault_certificate_default"
    conn_type = "keyvault_certificate"
    hook_name = "Azure Key Vault certificate"
    form = KEY_VAULT_CERTIFICATE

    @cached_property
    def cloud(self) -> AzureCloud:
        """The Azure cloud that the connection names.

        Raises:
            ConfigurationError: There is no such cloud.
        """
        return azure_cloud(text_of(self.extra, "cloud"))

    @cached_property
    def application(self) -> Application:
        """The application that the certificate signs for.

        Raises:
            ConfigurationError: Tenant, client id or cloud are not usable.
        """
        return Application(
            tenant_id=self._tenant_id(),
            client_id=self.connection.login or "",
            cloud=self.cloud,
            send_chain=flag_of(self.extra, "send_chain"),
            lab=self.lab,
        )

    def _tenant_id(self) -> str:
        tenant_id = text_of(self.extra, "tenant_id")
        if tenant_id is None:
            raise ConfigurationError("The connection names no tenant. Enter its GUID or domain as tenant_id.")
        return tenant_id

    @cached_property
    def source(self) -> CertificateSource:
        """Where the certificate comes from.

        Raises:
            ConfigurationError: The connection does not describe one.
            HostNotAllowedError: The vault is outside the cloud.
        """
        kind = text_of(self.extra, "source") or "hsm"
        if kind == "pem":
            file = text_of(self.extra, "file")
            if file is None:
                raise ConfigurationError("Source pem needs the path of a PEM or PFX file. Enter it on the connection.")
            return PemFile(Path(file), text_of(self.extra, "passphrase"))
        if kind not in SOURCES:
            raise ConfigurationError(f"There is no source {kind!r}. Set it to hsm, exported or pem on the connection.")
        certificate = text_of(self.extra, "certificate")
        if certificate is None:
            raise ConfigurationError("The connection names no certificate. Enter its name in the vault.")
        vault = vault_of(self.connection.host, self.extra, cloud=self.cloud, transport=self.transport, lab=self.lab)
        return SOURCES[kind](vault, certificate, text_of(self.extra, "version"))

    @cached_property
    def credential(self) -> AssertionCredential:
        """The credential; its tokens stay in this process's memory.

        Raises:
            KeywatchError: The connection is not usable as it stands.
        """
        return AssertionCredential(self.application, self.source, self.transport)

    def get_conn(self) -> AssertionCredential:
        """Return the credential.

        Raises:
            KeywatchError: The connection is not usable as it stands.
        """
        return self.credential

    def get_credential(self) -> AssertionCredential:
        """Return an azure-core `TokenCredential`, for any Azure SDK client.

        Raises:
            KeywatchError: The connection is not usable as it stands.
        """
        return self.credential

    def get_token(self, scope: str) -> str:
        """Return a bearer token, for any API.

        Args:
            scope: The API's resource followed by `/.default`.

        Raises:
            KeywatchError: As `AssertionCredential.get_token`.
        """
        return self.credential.get_token(scope).token

    @property
    def certificate(self) -> Certificate:
        """The certificate that signs now.

        Raises:
            KeywatchError: It cannot be fetched, or not be used.
        """
        return self._signing.certificate

    @property
    def private_key(self) -> RSAPrivateKey:
        """The certificate's private key; one that stays in the vault signs there.

        Raises:
            KeywatchError: It cannot be fetched, or not be used.
        """
        return self._signing.private_key

    def sign_jwt(
        self, claims: Mapping[str, Any], *, headers: Mapping[str, Any] | None = None, algorithm: Algorithm = "PS256"
    ) -> str:
        """Sign claims, for any service that takes a JWT signed by a certificate.

        Args:
            claims: The payload.
            headers: Further header parameters, such as `kid`.
            algorithm: `PS256` or `RS256`.

        Raises:
            KeywatchError: The certificate cannot be fetched or used, or the vault refuses to sign.
        """
        return sign_jwt(self._signing, claims, headers=headers, algorithm=algorithm)

    def client_arguments(self) -> dict[str, Any]:
        """Make the keyword arguments that let an Azure SDK client obey the connection's transport and cloud.

        Raises:
            ConfigurationError: The transport cannot be resolved.
        """
        return azure_core_arguments(self.transport, self.cloud.service_hosts.in_lab(self.lab), largest=None)

    def get_session(self, *hosts: str) -> requests.Session:
        """Make a session that obeys the connection's transport, and reaches only the cloud's services or given hosts.

        Args:
            hosts: The hosts of somebody else's API, if it is for that.

        Raises:
            ConfigurationError: The transport cannot be resolved.
        """
        reachable = AllowedHosts(" or ".join(hosts), hosts) if hosts else self.cloud.service_hosts
        return requests_session(self.transport, reachable.in_lab(self.lab), largest=None)

    def test_connection(self) -> tuple[bool, str]:
        """Find the certificate, sign with it and fetch a token; says which step failed."""
        try:
            return True, check_certificate(self.credential, self.source, self.application.probe_scope)
        except Exception as error:  # noqa: BLE001 - the button shows whatever is wrong
            return False, str(error)

    @property
    def _signing(self) -> SigningCertificate:
        return self.credential.signing
