"""All identity providers, put together: who there is, and what lies in the vault for the portal."""

from __future__ import annotations

import secrets
import time
from typing import Final

from localcloud.azure.cloud import Azure
from localcloud.azure.directory import Credentials
from localcloud.azure.vault import Period, Policy, Vault
from localcloud.identity.b2c import B2CTenant
from localcloud.identity.external import ExternalTenant
from localcloud.identity.flavour import Flavour
from localcloud.identity.logout_endpoint import LogoutStyle
from localcloud.identity.openid import OpenIdProvider
from localcloud.identity.people import Account
from localcloud.identity.provider import Provider
from localcloud.identity_model import (
    B2C,
    B2C_SECRET,
    EXTERNAL,
    OPENID,
    OPENID_SECRET,
    PORTAL_CERTIFICATE,
    IdentityAccess,
    Person,
    check_provider,
)

SEEDED: Final = (
    ("payments.owner@keywatch.example", "Payments owner"),
    ("platform.owner@keywatch.example", "Platform owner"),
)
"""Whom every provider knows, each with a second factor."""
PASSWORD_BYTES: Final = 18


class Identities:
    """Three providers. Use it from one thread.

    Args:
        azure: holds the portal's certificate and secrets in its vault.
    """

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self.b2c = B2CTenant()
        self.external = ExternalTenant(azure.certificates)
        self.openid = OpenIdProvider()
        self._flavours: dict[str, Flavour] = {B2C: self.b2c, EXTERNAL: self.external, OPENID: self.openid}
        self._seed = {name: [_seeded(*each) for each in SEEDED] for name in self._flavours}
        self.services = (
            Provider(self.b2c, LogoutStyle.FOLLOWS),
            Provider(self.external, LogoutStyle.REGISTERED),
            Provider(self.openid, LogoutStyle.ASKS),
        )
        azure.vault.create_certificate(PORTAL_CERTIFICATE, Policy(), Period(), created=int(time.time()) - 86_400)
        azure.vault.put_secret(B2C_SECRET, self.b2c.secret)
        azure.vault.put_secret(OPENID_SECRET, self.openid.secret)
        azure.vault.keep()
        self.reset()

    def reset(self) -> None:
        """Bring everything back to the start; addresses, client ids, passwords and first keys stay."""
        for each in self.services:
            each.reset()
        for name, flavour in self._flavours.items():
            for email, password, title, object_id in self._seed[name]:
                flavour.people.add(Account(email, password, title, object_id=object_id))
        first = self._azure.vault.certificates(PORTAL_CERTIFICATE)[0].certificate
        for credentials in (self.external.credentials, self.openid.credentials):
            credentials.certificates[:] = [first]

    @property
    def vault(self) -> Vault:
        """Where the portal's certificate is."""
        return self._azure.vault

    def flavour(self, name: str) -> Flavour:
        """Give a provider.

        Raises:
            ValueError: there is none of that name.
        """
        check_provider(name)
        return self._flavours[name]

    def credentials(self, name: str) -> Credentials:
        """Give the certificates that a provider has registered on the web client, to read or change.

        Raises:
            ValueError: there is no such provider, or it takes no certificates.
        """
        registered = {EXTERNAL: self.external.credentials, OPENID: self.openid.credentials}
        if name not in registered:
            raise ValueError(f"{name} takes no certificates; providers that do: {', '.join(registered)}")
        return registered[name]

    def person(self, name: str, account: Account) -> Person:
        """Tell who somebody is to a provider."""
        flavour = self.flavour(name)
        subject = flavour.subject(account, flavour.scopes.audience)
        return Person(name, subject, account.object_id, account.email, account.password, account.name)

    def access(self) -> IdentityAccess:
        """Tell where everything is, and who there is from the start."""
        people = [
            self.person(name, Account(email, password, title, object_id=object_id))
            for name, seeded in self._seed.items()
            for email, password, title, object_id in seeded
        ]
        return IdentityAccess(self.b2c.access(), self.external.access(), self.openid.access(), tuple(people))


def new_password() -> str:
    """Make a password."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def _seeded(email: str, name: str) -> tuple[str, str, str, str]:
    account = Account(email, new_password(), name)
    return account.email, account.password, account.name, account.object_id
