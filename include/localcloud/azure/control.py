"""What the control interface changes in Azure: one function for each verb of `POST /azure/<verb>`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import serialization

from localcloud.azure.certificate_authority import Issuance
from localcloud.azure.cloud import Azure
from localcloud.azure.vault import Period, Policy

if TYPE_CHECKING:
    from cryptography import x509

Body = dict[str, Any]


def create_certificate(azure: Azure, body: Body) -> Body:
    """Make a certificate; what its policy leaves open is as in the version before it."""
    name, changes = body["name"], {key: value for key, value in body["policy"].items() if value is not None}
    if str(changes.get("key_type")).startswith("EC"):
        changes.setdefault("key_size", 256)
    versions = azure.vault.certificates(name)
    policy = dataclasses.replace(versions[-1].policy if versions else Policy(), **changes)
    period = Period(body["valid_from_days"], body["valid_days"])
    issuance = Issuance(body["issuer"], body["subject"], body["signature_hash"])
    made = azure.vault.create_certificate(name, policy, period, enabled=body["enabled"], issuance=issuance)
    return dataclasses.asdict(made.described(azure.vault.url))


def intermediate_ca_pem(azure: Azure, _: Body) -> str:
    """Give the certificate of the authority below the authority."""
    certificate = azure.certificates.intermediate.certificate
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def certificate_versions(azure: Azure, body: Body) -> list[Body]:
    """List the versions of a certificate, the newest last."""
    return [dataclasses.asdict(each.described(azure.vault.url)) for each in azure.vault.certificates(body["name"])]


def set_enabled(azure: Azure, body: Body) -> None:
    """Enable or disable a version."""
    azure.vault.set_enabled(body["name"], body["version"], enabled=body["enabled"])


def delete_certificate(azure: Azure, body: Body) -> None:
    """Delete a certificate."""
    azure.vault.delete_certificate(body["name"])


def put_secret(azure: Azure, body: Body) -> None:
    """Set a plain secret."""
    azure.vault.put_secret(body["name"], body["value"], body["content_type"])


def register(azure: Azure, body: Body) -> None:
    """Register a certificate on an application."""
    registered = azure.directory.credentials(body["application"]).certificates
    certificate = _certificate(azure, body)
    if certificate not in registered:
        registered.append(certificate)


def unregister(azure: Azure, body: Body) -> None:
    """Take a certificate from an application."""
    registered = azure.directory.credentials(body["application"]).certificates
    certificate = _certificate(azure, body)
    if certificate not in registered:
        raise ValueError(f"Version {body['version']} of {body['name']} is not registered on {body['application']}")
    registered.remove(certificate)


def trust_issuer(azure: Azure, body: Body) -> None:
    """Let an application trust a subject of the local cloud's authority."""
    azure.directory.credentials(body["application"]).subjects.add(body["subject"])


def grant(azure: Azure, body: Body) -> None:
    """Assign a role."""
    azure.grant(body["name"], body["role"], body["scope"])


def revoke(azure: Azure, body: Body) -> None:
    """Take a role away."""
    azure.revoke(body["name"], body["role"], body["scope"])


def set_token_lifetime(azure: Azure, body: Body) -> None:
    """Let tokens issued from now on live so many seconds."""
    azure.authority.lifetime = int(body["seconds"])


def events(azure: Azure, _: Body) -> list[Body]:
    """List the events that were sent."""
    return azure.event_hubs.events


def _certificate(azure: Azure, body: Body) -> x509.Certificate:
    return azure.vault.version(body["name"], body["version"]).certificate


VERBS: Final[dict[str, Callable[[Azure, Body], Any]]] = {
    each.__name__: each
    for each in (
        create_certificate,
        intermediate_ca_pem,
        certificate_versions,
        set_enabled,
        delete_certificate,
        put_secret,
        register,
        unregister,
        trust_issuer,
        grant,
        revoke,
        set_token_lifetime,
        events,
    )
}
"""By name."""
