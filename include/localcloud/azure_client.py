"""What `LocalCloud` can change in Azure and find out about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from localcloud.azure_model import KEYWATCH, AzureAccess, CertificateVersion
from localcloud.model import from_json


class AzureControls(ABC):
    """The methods about Azure. What is refused raises `LocalCloudError` in words that say why."""

    @property
    @abstractmethod
    def azure(self) -> AzureAccess:
        """Tenants, applications, identities, subscriptions, the vault and the event hub."""

    @abstractmethod
    def _ask(
        self, method: str, path: str, query: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 - JSON
        """Ask the control interface."""

    def identity_environment(self, kind: str = "app_service") -> dict[str, str]:
        """Give the environment variables by which azure-identity finds who it is.

        Args:
            kind: `app_service` or `imds` for managed identities, `workload` for a Kubernetes service account.

        Raises:
            ValueError: there is no such kind.
        """
        azure = self.azure
        kinds = {
            "app_service": {
                "IDENTITY_ENDPOINT": f"{azure.identity_url}/msi/token",
                "IDENTITY_HEADER": azure.identity_header,
            },
            "imds": {"AZURE_POD_IDENTITY_AUTHORITY_HOST": azure.identity_url},
            "workload": {
                "AZURE_TENANT_ID": azure.tenant_id,
                "AZURE_CLIENT_ID": azure.applications[KEYWATCH].client_id,
                "AZURE_FEDERATED_TOKEN_FILE": str(azure.federated_token_file),
            },
        }
        if kind not in kinds:
            raise ValueError(f"There is no kind of identity {kind}; kinds: {', '.join(kinds)}")
        return kinds[kind]

    def create_certificate(
        self,
        name: str,
        *,
        key_type: str | None = None,
        key_size: int | None = None,
        exportable: bool | None = None,
        content_type: str | None = None,
        valid_from_days: float = -1,
        valid_days: float = 365,
        enabled: bool = True,
        issuer: str = "authority",
        subject: str | None = None,
        signature_hash: str = "sha256",
    ) -> CertificateVersion:
        """Make a certificate in the vault, or a new version of one; it is registered nowhere.

        Args:
            name: the certificate's.
            key_type: RSA, RSA-HSM, EC or EC-HSM; None is as in the version before it, at first RSA-HSM.
            key_size: in bits, of an elliptic curve 256, 384 or 521; None likewise, at first 2048 or 256.
            exportable: whether the secret holds the private key; None likewise, at first not.
            content_type: of the secret: application/x-pkcs12 or application/x-pem-file; None likewise.
            valid_from_days: when its validity begins, in days from now.
            valid_days: how long that lasts.
            enabled: whether it may be used.
            issuer: `authority`, `self`, `stranger` (an authority that nobody trusts), `intermediate` (one below the
                authority) or `ca` (the authority makes it a certificate authority's own).
            subject: its common name; None is `name`.
            signature_hash: sha256 or sha384.
        """
        policy = {
            "key_type": key_type,
            "key_size": key_size,
            "exportable": exportable,
            "content_type": content_type,
        }
        made = self._change(
            "create_certificate",
            name=name,
            policy=policy,
            valid_from_days=valid_from_days,
            valid_days=valid_days,
            enabled=enabled,
            issuer=issuer,
            subject=subject,
            signature_hash=signature_hash,
        )
        return from_json(CertificateVersion, made)

    def intermediate_ca_pem(self) -> str:
        """Give the certificate of the issuer `intermediate`, as PEM."""
        return str(self._change("intermediate_ca_pem"))

    def certificate_versions(self, name: str) -> list[CertificateVersion]:
        """List the versions of a certificate in the vault, the newest last; none if there is no such certificate."""
        return [from_json(CertificateVersion, each) for each in self._change("certificate_versions", name=name)]

    def set_enabled(self, name: str, version: str, enabled: bool) -> None:  # noqa: FBT001 - reads well at the call
        """Enable or disable a version of a certificate, with its key and secret."""
        self._change("set_enabled", name=name, version=version, enabled=enabled)

    def delete_certificate(self, name: str) -> None:
        """Delete a certificate with all its versions."""
        self._change("delete_certificate", name=name)

    def put_secret(self, name: str, value: str, content_type: str | None = None) -> None:
        """Set a secret that is no certificate's, or a new version of it."""
        self._change("put_secret", name=name, value=value, content_type=content_type)

    def register(self, application_name: str, certificate_version: CertificateVersion) -> None:
        """Register a version of a certificate on an application, whose assertions it may then sign."""
        self._change_registration("register", application_name, certificate_version)

    def unregister(self, application_name: str, certificate_version: CertificateVersion) -> None:
        """Take a version of a certificate from an application."""
        self._change_registration("unregister", application_name, certificate_version)

    def trust_issuer(self, application_name: str, subject_name: str) -> None:
        """Let an application trust, by `x5c`, every certificate from the vault with that common name."""
        self._change("trust_issuer", application=application_name, subject=subject_name)

    def grant(self, name: str, role: str, scope: str) -> None:
        """Assign a role to an application or a managed identity.

        Args:
            name: of an application or an identity.
            role: such as `Key Vault Crypto User`.
            scope: `/vault`, `/vault/keys/<name>` (or secrets, certificates), `/dcr`, `/eventhub`, `/subscription` (the
                first one) or `/subscription/<id>` (or its name).
        """
        self._change("grant", name=name, role=role, scope=scope)

    def revoke(self, name: str, role: str, scope: str) -> None:
        """Take a role away that was granted over exactly that scope."""
        self._change("revoke", name=name, role=role, scope=scope)

    def set_token_lifetime(self, seconds: int) -> None:
        """Let access tokens that are issued from now on live so long; 0 makes them expired at once."""
        self._change("set_token_lifetime", seconds=seconds)

    def events(self) -> list[dict[str, Any]]:
        """Give the events that the hub has accepted, oldest first.

        Each has `body`, `content_type`, `sender` (a client id), `broker_properties`, `partition_key` and `time`.
        """
        return list(self._change("events"))

    def _change_registration(self, verb: str, application: str, certificate: CertificateVersion) -> None:
        self._change(verb, application=application, name=certificate.name, version=certificate.version)

    def _change(self, verb: str, **body: Any) -> Any:  # noqa: ANN401 - JSON
        return self._ask("POST", f"/azure/{verb}", body=body)
