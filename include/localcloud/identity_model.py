"""What the local cloud hands out of its identity providers: where they are, their clients, and who there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

WEB_HOST: Final = "keys.keywatch.example"
"""The web portal's name: the gateway relays it to a port of loopback."""
API_HOST: Final = "api.keys.keywatch.example"
"""The like of its API."""
GATEWAY_DOMAIN: Final = ".keywatch.example"
"""Names below it that no service owns are the gateway's."""

B2C: Final = "b2c"
EXTERNAL: Final = "external"
OPENID: Final = "openid"
PROVIDERS: Final = (B2C, EXTERNAL, OPENID)

REDIRECT_URIS: Final = (f"https://{WEB_HOST}/getAToken", f"https://{WEB_HOST}/getATokenMFA")
POST_LOGOUT_REDIRECT_URI: Final = f"https://{WEB_HOST}/"
SCOPES: Final = ("Accounts.Read", "Accounts.Write")
"""What the API knows, without the prefix that a provider wants before it."""

PORTAL_CERTIFICATE: Final = "keywatch-portal"
"""In the vault, RSA-HSM, not exportable; registered on the web clients of `external` and `openid`."""
B2C_SECRET: Final = "portal-b2c-secret"  # noqa: S105 - a secret's name
OPENID_SECRET: Final = "portal-openid-secret"  # noqa: S105 - a secret's name

SIGN_UP_SIGN_IN: Final = "B2C_1_signupsignin1"
SIGN_UP_SIGN_IN_MFA: Final = "B2C_1_signupsignin1_mfa"
PROFILE_EDITING: Final = "B2C_1_profileediting1"
PASSWORD_RESET: Final = "B2C_1_passwordreset1"  # noqa: S105 - a policy's name


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in with a provider.

    Attributes:
        provider: b2c, external or openid.
        subject: the `sub` of access tokens. Of `external` it is another one in ID tokens.
        object_id: a GUID; the `oid` of tokens, where the provider has that claim.
        email: what is typed in.
        password: the same.
        name: for people.
    """

    provider: str
    subject: str
    object_id: str
    email: str
    password: str = field(repr=False)
    name: str = ""


@dataclass(frozen=True)
class ProviderAccess:
    """One provider, and what is registered with it for the portal.

    Attributes:
        name: b2c, external or openid.
        host: its own.
        issuer: the `iss` of its tokens.
        authority: what MSAL is told: of B2C still without the policy, of `openid` the issuer.
        tenant_id: a GUID; empty if there are no tenants.
        tenant_domain: the tenant's name, likewise.
        client_id: of the web client.
        api_client_id: of the API's registration; of `openid` the API's identifier.
        audience: the `aud` of access tokens.
        scope_prefix: comes before each of `SCOPES` in a request.
        certificate_name: of the certificate in the vault that the web client proves itself by, if it does so.
        secret_name: of the vault's secret with the client secret of the web client or, of `openid`, the second one.
        secret_client_id: of the client that has that secret.
    """

    name: str
    host: str
    issuer: str
    authority: str
    tenant_id: str
    tenant_domain: str
    client_id: str
    api_client_id: str
    audience: str
    scope_prefix: str
    certificate_name: str | None = None
    secret_name: str | None = None
    secret_client_id: str | None = None

    @property
    def scopes(self) -> list[str]:
        """What to ask for to get an access token of the API."""
        return [f"{self.scope_prefix}{scope}" for scope in SCOPES]


@dataclass(frozen=True)
class IdentityAccess:
    """All providers, and the people whom each knows from the start."""

    b2c: ProviderAccess
    external: ProviderAccess
    openid: ProviderAccess
    people: tuple[Person, ...]

    def provider(self, name: str) -> ProviderAccess:
        """Give a provider.

        Raises:
            ValueError: there is none of that name.
        """
        check_provider(name)
        found: ProviderAccess = getattr(self, name)
        return found

    def person(self, provider: str, email: str) -> Person:
        """Give somebody whom a provider knows from the start.

        Raises:
            ValueError: it knows nobody with that address.
        """
        for each in self.people:
            if (each.provider, each.email) == (provider, email):
                return each
        known = ", ".join(each.email for each in self.people if each.provider == provider)
        raise ValueError(f"{provider} does not know {email} from the start; it knows {known}")

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> Self:
        """Build from parsed JSON.

        Raises:
            ValueError: it is not such JSON.
        """
        names = {each.name for each in fields(cls)}
        if set(values) != names:
            raise ValueError(f"{cls.__name__} has other fields: {', '.join(sorted(set(values) ^ names))}")
        providers = {name: ProviderAccess(**values[name]) for name in PROVIDERS}
        return cls(**providers, people=tuple(Person(**each) for each in values["people"]))


def check_provider(name: str) -> None:
    """Check the name of a provider.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in PROVIDERS:
        raise ValueError(f"There is no provider {name}; providers: {', '.join(PROVIDERS)}")
