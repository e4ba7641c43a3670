"""What the control interface changes in identity providers: one function for each verb of `POST /identity/<verb>`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

from cryptography import x509

from localcloud.identity.identities import Identities, new_password
from localcloud.identity.people import Account

Body = dict[str, Any]


def add_person(identities: Identities, body: Body) -> Body:
    """Let somebody in."""
    flavour = identities.flavour(body["provider"])
    password = new_password() if body["password"] is None else body["password"]
    account = Account(body["email"], password, body["name"], body["email_verified"], body["second_factor"])
    return dataclasses.asdict(identities.person(body["provider"], flavour.people.add(account)))


def delete_person(identities: Identities, body: Body) -> None:
    """Forget somebody."""
    identities.flavour(body["provider"]).people.delete(body["email"])


def change_email(identities: Identities, body: Body) -> None:
    """Give somebody another address."""
    people = identities.flavour(body["provider"]).people
    people.change_email(body["email"], body["new"], verified=body["verified"])


def code_of(identities: Identities, body: Body) -> str:
    """Give the code that reaches somebody now."""
    return identities.flavour(body["provider"]).people.code(body["email"])


def rotate_signing_keys(identities: Identities, body: Body) -> None:
    """Sign with a new key."""
    identities.flavour(body["provider"]).keys.rotate()


def retire_signing_keys(identities: Identities, body: Body) -> None:
    """Publish the current key alone."""
    identities.flavour(body["provider"]).keys.retire()


def set_identity_lifetimes(identities: Identities, body: Body) -> None:
    """Let tokens live so long; None leaves it."""
    lifetimes = identities.flavour(body["provider"]).lifetimes
    lifetimes.access = lifetimes.access if body["access"] is None else int(body["access"])
    lifetimes.refresh = lifetimes.refresh if body["refresh"] is None else int(body["refresh"])


def age_sign_ins(identities: Identities, body: Body) -> None:
    """Let everything that people have signed in for be older."""
    identities.flavour(body["provider"]).grants.age(int(body["seconds"]))


def issue_token(identities: Identities, body: Body) -> str:
    """Sign whatever is given."""
    keys = identities.flavour(body["provider"]).keys
    chosen = {"current": keys.current, "other": keys.other}.get(body["key"])
    if chosen is None:
        raise ValueError(f"There is no key {body['key']}; keys: current, other")
    return keys.sign(body["claims"], body["header"], chosen)


def signing_jwks(identities: Identities, body: Body) -> Body:
    """Give the published keys."""
    return identities.flavour(body["provider"]).keys.document()


def register_portal_certificate(identities: Identities, body: Body) -> None:
    """Register a version of a certificate on a provider's web client."""
    registered = identities.credentials(body["provider"]).certificates
    certificate = _certificate(identities, body)
    if certificate not in registered:
        registered.append(certificate)


def unregister_portal_certificate(identities: Identities, body: Body) -> None:
    """Take it away again."""
    registered = identities.credentials(body["provider"]).certificates
    certificate = _certificate(identities, body)
    if certificate not in registered:
        raise ValueError(f"Version {body['version']} of {body['name']} is not registered with {body['provider']}")
    registered.remove(certificate)


def _certificate(identities: Identities, body: Body) -> x509.Certificate:
    return identities.vault.version(body["name"], body["version"]).certificate


VERBS: Final[dict[str, Callable[[Identities, Body], Any]]] = {
    each.__name__: each
    for each in (
        add_person,
        delete_person,
        change_email,
        code_of,
        rotate_signing_keys,
        retire_signing_keys,
        set_identity_lifetimes,
        age_sign_ins,
        issue_token,
        signing_jwks,
        register_portal_certificate,
        unregister_portal_certificate,
    )
}
"""By name."""
