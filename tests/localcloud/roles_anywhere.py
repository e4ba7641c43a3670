"""A hand-made client of IAM Roles Anywhere: it can sign and send what no library would."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from localcloud import LocalCloud
from tests.localcloud.azure import Azure
from tests.localcloud.conftest import Credentials

RSA: Final = "AWS4-X509-RSA-SHA256"
ECDSA: Final = "AWS4-X509-ECDSA-SHA256"
DENIED: Final = (403, "AccessDeniedException")
INVALID_SIGNATURE: Final = (*DENIED, "Invalid signature")
UNTRUSTED: Final = (*DENIED, "Untrusted signing certificate")
INSUFFICIENT: Final = (*DENIED, "Untrusted certificate. Insufficient certificate")
EXPIRED: Final = (*DENIED, "Untrusted certificate. The certificate has expired or is not yet valid")
LEAF: Final = "keywatch-audit"
"""The common name that the audit role trusts."""


@dataclass(frozen=True)
class Identity:
    """A private key, its certificate, and the certificates that are sent along."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def algorithm(self) -> str:
        """The signature's."""
        return RSA if isinstance(self.key, rsa.RSAPrivateKey) else ECDSA

    def sign(self, data: bytes) -> bytes:
        """Sign with SHA-256: PKCS#1 v1.5, or ECDSA in DER."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    @classmethod
    def in_vault(cls, azure: Azure, subject: str = LEAF, **options: Any) -> Identity:  # noqa: ANN401 - the control's own
        """Have the vault make a certificate, and export it."""
        kind: dict[str, Any] = {
            "key_type": "RSA",
            "exportable": True,
            "content_type": "application/x-pem-file",
        } | options
        made = azure.cloud.create_certificate("roles-anywhere", subject=subject, **kind)
        azure.cloud.grant("certificate-reader", "Key Vault Secrets User", f"/vault/secrets/{made.name}")
        answer = azure.vault("GET", f"secrets/{made.name}/{made.version}", "certificate-reader")
        pem = str(answer.json()["value"]).encode()
        key = serialization.load_pem_private_key(pem, None)
        assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
        return cls(key, x509.load_pem_x509_certificates(pem)[0])


def der64(certificate: x509.Certificate) -> str:
    """Write a certificate as the headers have it."""
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode("ascii")


@dataclass
class CreateSession:
    """A CreateSession request, right unless a field says otherwise.

    Attributes:
        cloud: whose endpoint is asked.
        identity: who signs.
        body: sent as JSON, or as it is.
        query: of the URL, signed as it is sent.
        date: when it is signed.
        region: of the credential scope.
        service: likewise.
        day: likewise; None is the date's.
        serial: in the credential; None is the certificate's.
        algorithm: None is the key's.
        unsigned: headers that are sent without being signed.
        extra: more headers, signed.
        missing: headers that are neither sent nor signed.
    """

    cloud: LocalCloud
    identity: Identity
    body: dict[str, Any] | bytes
    query: str = ""
    date: datetime = field(default_factory=lambda: datetime.now(UTC))
    region: str = "us-east-1"
    service: str = "rolesanywhere"
    day: str | None = None
    serial: str | None = None
    algorithm: str | None = None
    unsigned: tuple[str, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The endpoint."""
        return "rolesanywhere.us-east-1.amazonaws.com"

    @property
    def payload(self) -> bytes:
        """The body."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    @cached_property
    def headers(self) -> dict[str, str]:
        """All headers but the signature."""
        sent = {
            "content-type": "application/json",
            "host": self.host,
            "x-amz-date": f"{self.date:%Y%m%dT%H%M%SZ}",
            "x-amz-x509": der64(self.identity.certificate),
        }
        if self.identity.chain:
            sent["x-amz-x509-chain"] = ",".join(der64(each) for each in self.identity.chain)
        return {name: value for name, value in (sent | self.extra).items() if name not in self.missing}

    @cached_property
    def authorization(self) -> str:
        """The Authorization header, signed."""
        signed = sorted(set(self.headers) - set(self.unsigned))
        lines = "".join(f"{name}:{self.headers[name]}\n" for name in signed)
        names = ";".join(signed)
        digest = hashlib.sha256(self.payload).hexdigest()
        canonical = f"POST\n/sessions\n{self.query}\n{lines}\n{names}\n{digest}"
        algorithm = self.algorithm or self.identity.algorithm
        scope = f"{self.day or f'{self.date:%Y%m%d}'}/{self.region}/{self.service}/aws4_request"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"{algorithm}\n{self.date:%Y%m%dT%H%M%SZ}\n{scope}\n{hashed}"
        serial = self.serial or str(self.identity.certificate.serial_number)
        signature = self.identity.sign(text.encode()).hex()
        return f"{algorithm} Credential={serial}/{scope}, SignedHeaders={names}, Signature={signature}"

    def send(self, *, authorization: str | None = None, **changed: str) -> requests.Response:
        """Send it; the Authorization header, other headers or the body may differ from what was signed.

        Args:
            authorization: instead of the right one; nothing sends none.
            changed: headers by name with _ for -, or `body`.
        """
        body = changed.pop("body", None)
        given = self.authorization if authorization is None else authorization
        headers = self.headers | {name.replace("_", "-"): value for name, value in changed.items()}
        with requests.Session() as session:
            session.trust_env = False
            return session.post(
                f"https://{self.host}/sessions" + (f"?{self.query}" if self.query else ""),
                data=self.payload if body is None else body.encode(),
                headers=headers | ({"Authorization": given} if given else {}),
                proxies={"https": self.cloud.proxy_url},
                verify=str(self.cloud.ca_bundle),
                timeout=30,
            )

    def late(self, seconds: float) -> CreateSession:
        """Give one that is signed so much later."""
        return replace(self, date=self.date + timedelta(seconds=seconds))


def asked(cloud: LocalCloud, **changes: object) -> dict[str, Any]:
    """Give the parameters of a session of the audit role; one that is None is left out."""
    values: dict[str, Any] = {
        "durationSeconds": 3600,
        "profileArn": cloud.aws.profile_arn,
        "roleArn": cloud.aws.audit_role_arn,
        "trustAnchorArn": cloud.aws.trust_anchor_arn,
    }
    return {name: value for name, value in (values | changes).items() if value is not None}


def credentials_of(response: requests.Response) -> Credentials:
    """Read the credentials that a request was answered with."""
    assert response.status_code == 201, response.text
    given = response.json()["credentialSet"][0]["credentials"]
    return Credentials(given["accessKeyId"], given["secretAccessKey"], given["sessionToken"])


def refused(response: requests.Response) -> tuple[int, str, str]:
    """Read status, code and message of a refusal."""
    return response.status_code, response.headers["x-amzn-ErrorType"], response.json()["message"]


def unable(cloud: LocalCloud) -> tuple[int, str, str]:
    """Give the refusal of the audit role's trust policy."""
    return (*DENIED, f"Unable to assume role for {cloud.aws.audit_role_arn}.")
