"""What a Premium key vault holds: certificates with their keys and secrets, in versions, and plain secrets."""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from localcloud.azure.certificate_authority import CertificateAuthority, Issuance, PrivateKey, Validity
from localcloud.azure_model import CertificateVersion
from localcloud.model import utc_text

PKCS12: Final = "application/x-pkcs12"
PEM: Final = "application/x-pem-file"
CONTENT_TYPES: Final = (PKCS12, PEM)
RSA_SIZES: Final = (2048, 3072, 4096)
CURVES: Final[dict[int, tuple[str, ec.EllipticCurve]]] = {
    256: ("P-256", ec.SECP256R1()),
    384: ("P-384", ec.SECP384R1()),
    521: ("P-521", ec.SECP521R1()),
}
"""Key Vault's names for the curves, by their size in bits."""


@dataclass(frozen=True)
class Policy:
    """How a certificate's keys are made; checked when it is.

    Attributes:
        key_type: RSA, RSA-HSM, EC or EC-HSM.
        key_size: bits; of an elliptic curve 256, 384 or 521.
        exportable: whether the secret holds the private key.
        content_type: of the secret.
    """

    key_type: str = "RSA-HSM"
    key_size: int = 2048
    exportable: bool = False
    content_type: str = PKCS12

    def __post_init__(self) -> None:
        family, _, hsm = self.key_type.partition("-")
        if family not in ("RSA", "EC") or hsm not in ("", "HSM"):
            raise ValueError(f"There is no key type {self.key_type}; RSA, RSA-HSM, EC and EC-HSM")
        if self.key_size not in (RSA_SIZES if family == "RSA" else CURVES):
            raise ValueError(f"There is no {family} key of {self.key_size} bits")
        if self.exportable and hsm:
            raise ValueError("A key on an HSM is never exportable")
        if self.content_type not in CONTENT_TYPES:
            raise ValueError(f"A certificate's secret is one of {', '.join(CONTENT_TYPES)}, not {self.content_type}")

    @property
    def is_rsa(self) -> bool:
        """Whether the key is an RSA key."""
        return self.key_type.startswith("RSA")

    def make_key(self) -> PrivateKey:
        """Make a key pair."""
        if self.is_rsa:
            return rsa.generate_private_key(65537, self.key_size)
        return ec.generate_private_key(CURVES[self.key_size][1])


@dataclass(frozen=True)
class Period:
    """A certificate's validity, in days: when it begins, counted from now, and how long it lasts."""

    valid_from_days: float = -1
    valid_days: float = 365

    def dates(self) -> Validity:
        """Give the first and the last second."""
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=self.valid_from_days)
        return Validity(start, start + timedelta(days=self.valid_days))


@dataclass(frozen=True)
class Attributes:
    """What an object of the vault says of itself; times are Unix times in seconds."""

    enabled: bool
    created: int
    updated: int
    not_before: int | None = None
    expires: int | None = None

    @property
    def has_begun(self) -> bool:
        """Whether not_before has come."""
        return self.not_before is None or self.not_before <= time.time()

    @property
    def has_ended(self) -> bool:
        """Whether expires has passed."""
        return self.expires is not None and self.expires <= time.time()


@dataclass(frozen=True)
class Certificate:
    """A version of a certificate, with its key and the authorities above it, the nearest first."""

    name: str
    version: str
    policy: Policy
    attributes: Attributes
    certificate: x509.Certificate = field(repr=False)
    chain: tuple[x509.Certificate, ...] = field(repr=False)
    key: PrivateKey = field(repr=False)

    @property
    def der(self) -> bytes:
        """The certificate itself."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def content_type(self) -> str:
        """What the secret's value is."""
        return self.policy.content_type

    @property
    def value(self) -> str:
        """The secret's value: the certificate, its chain and, if it is exportable, its key under a blank password."""
        key = self.key if self.policy.exportable else None
        if self.policy.content_type == PEM:
            private = b"" if key is None else pem_of(key)
            chain = (each.public_bytes(serialization.Encoding.PEM) for each in (self.certificate, *self.chain))
            return (private + b"".join(chain)).decode("ascii")
        if key is None:
            store = pkcs12.serialize_java_truststore(
                [pkcs12.PKCS12Certificate(each, None) for each in (self.certificate, *self.chain)],
                serialization.NoEncryption(),
            )
        else:
            store = pkcs12.serialize_key_and_certificates(
                self.name.encode(), key, self.certificate, self.chain, serialization.NoEncryption()
            )
        return base64.b64encode(store).decode("ascii")

    def described(self, vault_url: str) -> CertificateVersion:
        """Tell its public part."""
        return CertificateVersion(
            name=self.name,
            version=self.version,
            thumbprint_sha256=self.certificate.fingerprint(hashes.SHA256()).hex().upper(),
            thumbprint_sha1=self.certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - Key Vault's x5t
            expires=utc_text(self.certificate.not_valid_after_utc),
            key_id=f"{vault_url}/keys/{self.name}/{self.version}",
            cer_base64=base64.b64encode(self.der).decode("ascii"),
        )


@dataclass(frozen=True)
class PlainSecret:
    """A version of a secret that belongs to no certificate."""

    name: str
    version: str
    attributes: Attributes
    value: str = field(repr=False)
    content_type: str | None = None


class Vault:
    """Certificates and secrets by name, each a list of versions, the newest last."""

    def __init__(self, url: str, authority: CertificateAuthority) -> None:
        self.url = url
        self._authority = authority
        self._certificates: dict[str, list[Certificate]] = {}
        self._secrets: dict[str, list[PlainSecret]] = {}
        self.keep()

    def keep(self) -> None:
        """Remember what there is now, for `reset`."""
        self._kept = ({name: [*each] for name, each in self._certificates.items()}, _copied(self._secrets))

    def reset(self) -> None:
        """Bring back what `keep` remembered."""
        certificates, plain = self._kept
        self._certificates = {name: [*each] for name, each in certificates.items()}
        self._secrets = _copied(plain)

    def certificates(self, name: str) -> list[Certificate]:
        """Give the versions of a certificate; none if there is no such certificate."""
        return self._certificates.get(name, [])

    def plain_secrets(self, name: str) -> list[PlainSecret]:
        """Give the versions of a secret that is no certificate's; none if there is no such secret."""
        return self._secrets.get(name, [])

    def names(self, kind: str) -> list[str]:
        """List the names of all certificates, keys or secrets."""
        return sorted({*self._certificates, *(self._secrets if kind == "secrets" else ())})

    def create_certificate(
        self,
        name: str,
        policy: Policy,
        period: Period,
        *,
        enabled: bool = True,
        created: int | None = None,
        issuance: Issuance | None = None,
    ) -> Certificate:
        """Make a certificate, or a new version of one, which is younger by a second or more.

        Args:
            name: the certificate's.
            policy: how its key is made.
            period: its validity.
            enabled: whether it may be used.
            created: when, as a Unix time; None is now.
            issuance: who issues it, and how; None is the authority, as usual.

        Raises:
            ValueError: a plain secret has that name.
        """
        if name in self._secrets:
            raise ValueError(f"{name} is a secret of its own")
        validity = period.dates()
        key = policy.make_key()
        certificate, chain = self._authority.issue_as(issuance or Issuance(), name, key, validity)
        youngest = max((each.attributes.created for each in self.certificates(name)), default=0)
        born = max(int(time.time()) if created is None else created, youngest + 1)
        made = Certificate(
            name=name,
            version=secrets.token_hex(16),
            policy=policy,
            attributes=Attributes(
                enabled, born, born, int(validity.not_before.timestamp()), int(validity.not_after.timestamp())
            ),
            certificate=certificate,
            chain=chain,
            key=key,
        )
        self._certificates.setdefault(name, []).append(made)
        return made

    def put_secret(self, name: str, value: str, content_type: str | None = None) -> None:
        """Set a plain secret, or a new version of it.

        Raises:
            ValueError: a certificate has that name.
        """
        if name in self._certificates:
            raise ValueError(f"{name} is a certificate, whose secret only the certificate changes")
        now = int(time.time())
        made = PlainSecret(name, secrets.token_hex(16), Attributes(True, now, now), value, content_type)  # noqa: FBT003
        self._secrets.setdefault(name, []).append(made)

    def set_enabled(self, name: str, version: str, *, enabled: bool) -> None:
        """Enable or disable a version, with its key and secret.

        Raises:
            ValueError: there is no such version.
        """
        chosen = self.version(name, version)
        attributes = replace(chosen.attributes, enabled=enabled, updated=int(time.time()))
        versions = self._certificates[name]
        versions[versions.index(chosen)] = replace(chosen, attributes=attributes)

    def delete_certificate(self, name: str) -> None:
        """Delete a certificate with all its versions.

        Raises:
            ValueError: there is no such certificate.
        """
        if self._certificates.pop(name, None) is None:
            raise ValueError(f"There is no certificate {name}")

    def version(self, name: str, version: str) -> Certificate:
        """Give a version of a certificate.

        Raises:
            ValueError: there is none.
        """
        for each in self.certificates(name):
            if each.version == version:
                return each
        raise ValueError(f"There is no version {version} of a certificate {name}")


def pem_of(key: PrivateKey) -> bytes:
    """Write a private key as PEM, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _copied(plain: dict[str, list[PlainSecret]]) -> dict[str, list[PlainSecret]]:
    return {name: [*each] for name, each in plain.items()}
