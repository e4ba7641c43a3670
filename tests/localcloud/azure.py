"""A hand-made client of the local cloud's Azure: it can send what no SDK would."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from localcloud import Application, CertificateVersion, LocalCloud

KEY_VAULT: Final = "https://vault.azure.net"
MANAGEMENT: Final = "https://management.azure.com"
MONITOR: Final = "https://monitor.azure.com"
EVENT_HUBS: Final = "https://eventhubs.azure.net"
VERSION: Final = {"api-version": "2025-07-01"}
JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}


def encoded(data: bytes | Mapping[str, Any]) -> str:
    """Write bytes, or an object as JSON, in base64url without padding."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Read base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims_of(token: str) -> dict[str, Any]:
    """Read a token's claims without checking anything."""
    return dict(json.loads(decoded(token.split(".")[1])))


@dataclass(frozen=True)
class Signer:
    """A private key and its certificate; makes assertions that are right unless told otherwise."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def thumbprint(self) -> str:
        """The `x5t#S256` of the certificate."""
        return encoded(hashlib.sha256(self.der).digest())

    @property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def signature(self, algorithm: str, data: bytes) -> bytes:
        """Sign with RS or PS and 256, 384 or 512; what is none of these is signed as PS256."""
        used = HASHES.get(algorithm[2:], hashes.SHA256())
        pss = padding.PSS(padding.MGF1(used), used.digest_size)
        return self.key.sign(data, padding.PKCS1v15() if algorithm.startswith("RS") else pss, used)

    def assertion(self, application: Application, header: Mapping[str, Any] | None = None, **changes: object) -> str:
        """Make an assertion; a header parameter or claim given as None is left out."""
        now = int(time.time())
        joined = {"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint, **(header or {})}
        claims: dict[str, object] = {
            "aud": f"https://login.microsoftonline.com/{application.tenant_id}/oauth2/v2.0/token",
            "iss": application.client_id,
            "sub": application.client_id,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            **changes,
        }
        parts = ({name: value for name, value in part.items() if value is not None} for part in (joined, claims))
        signed = ".".join(encoded(part) for part in parts)
        return f"{signed}.{encoded(self.signature(str(joined['alg']), signed.encode()))}"


@dataclass(frozen=True)
class Azure:
    """Requests to the local cloud's Azure, by way of its proxy."""

    cloud: LocalCloud
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def sdk(self) -> dict[str, Any]:
        """The options by which an Azure SDK's client gets through the proxy."""
        return {"proxies": {"https": self.cloud.proxy_url}, "connection_verify": str(self.cloud.ca_bundle)}

    @property
    def on_premises(self) -> Application:
        """The application whose private key lies in a file."""
        return self.cloud.azure.applications["on-premises"]

    @cached_property
    def worker(self) -> Signer:
        """That private key and its certificate."""
        pem = self.cloud.azure.pem_file.read_bytes()
        key = serialization.load_pem_private_key(pem, None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return Signer(key, x509.load_pem_x509_certificate(pem))

    def exported(self, certificate: CertificateVersion) -> Signer:
        """Export a certificate from the vault, with its key, as the identity that may."""
        self.cloud.grant("certificate-reader", "Key Vault Secrets User", f"/vault/secrets/{certificate.name}")
        secret = self.vault("GET", f"secrets/{certificate.name}/{certificate.version}", "certificate-reader")
        key, leaf, _ = pkcs12.load_key_and_certificates(base64.b64decode(secret.json()["value"]), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        assert leaf is not None
        return Signer(key, leaf)

    def token_request(self, tenant: str | None = None, **form: str | None) -> requests.Response:
        """Ask for a token of application on-premises; a parameter given as None is left out."""
        values = {
            "grant_type": "client_credentials",
            "client_id": self.on_premises.client_id,
            "scope": f"{MANAGEMENT}/.default",
            "client_assertion_type": JWT_BEARER,
        } | form
        return self.session.post(
            f"https://login.microsoftonline.com/{tenant or self.cloud.azure.tenant_id}/oauth2/v2.0/token",
            data={name: value for name, value in values.items() if value is not None},
            timeout=30,
        )

    def sign_in(self, assertion: str, **form: str | None) -> tuple[int, int | None]:
        """Present an assertion, and give the status and Entra's error code."""
        response = self.token_request(client_assertion=assertion, **form)
        return response.status_code, None if response.ok else response.json()["error_codes"][0]

    def identity_token(self, identity: str = "airflow-worker", resource: str = KEY_VAULT) -> str:
        """Get a managed identity's token."""
        client_id = self.cloud.azure.identities[identity].client_id
        response = requests.get(
            f"{self.cloud.azure.identity_url}/metadata/identity/oauth2/token",
            {"api-version": "2018-02-01", "resource": resource, "client_id": client_id},
            headers={"Metadata": "true"},
            proxies={"http": ""},
            timeout=30,
        )
        return str(response.json()["access_token"])

    def vault(
        self, method: str, path: str, identity: str = "airflow-worker", body: object = None, **query: str
    ) -> requests.Response:
        """Ask the vault, as a managed identity."""
        return self.ask(
            method, f"{self.cloud.azure.vault_url}/{path}", self.identity_token(identity), body, VERSION | query
        )

    def ask(
        self,
        method: str,
        url: str,
        token: str | None,
        body: object = None,
        query: Mapping[str, str] | None = None,
        **headers: str,
    ) -> requests.Response:
        """Send a request with a token."""
        given = headers | ({} if token is None else {"Authorization": f"Bearer {token}"})
        return self.session.request(method, url, json=body, params=query, headers=given, timeout=30)


def error_of(response: requests.Response) -> tuple[int, str, str | None]:
    """Read the status, code and inner code of a refusal."""
    error = response.json()["error"]
    return response.status_code, error["code"], error.get("innererror", {}).get("code")
