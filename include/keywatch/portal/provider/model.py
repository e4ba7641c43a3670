"""What the portal needs to know of an identity provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from keywatch.portal.tokens.rules import Claims, StepUp, TokenRules
from keywatch.transport import AllowedHosts

READ: Final = "Accounts.Read"
WRITE: Final = "Accounts.Write"
"""The API's scopes."""


class Journey(StrEnum):
    """Why somebody is sent to the provider."""

    SIGN_IN = "sign_in"
    STEP_UP = "step_up"
    EDIT_PROFILE = "edit_profile"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a journey's name


@dataclass(frozen=True, slots=True)
class Subject:
    """Who somebody is, for good: the provider, and its identifier that never changes and is never given to another.

    Attributes:
        issuer: `iss` (RFC 7519).
        value: `sub`, or Entra's `oid`.
    """

    issuer: str
    value: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider says of somebody who has signed in.

    Attributes:
        subject: Who it is. Nothing else authorises.
        name: For display.
        email: For display, and to be compared with an invitation's.
        email_verified: Whether the provider says that the address is theirs.
    """

    subject: Subject
    name: str
    email: str | None = None
    email_verified: bool = False


@dataclass(frozen=True, slots=True)
class Authority:
    """Where MSAL finds a provider's endpoints: one of the two.

    Attributes:
        authority: Of a kind that MSAL knows, such as a policy of Azure AD B2C or a tenant of Entra.
        oidc_authority: The issuer of any OpenID provider.
    """

    authority: str | None = None
    oidc_authority: str | None = None


class Provider(Protocol):
    """One identity provider, with the portal's two registrations at it. Nothing of it is asked here."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def client_id(self) -> str:
        """The web app's registration."""
        ...

    @property
    def hosts(self) -> AllowedHosts:
        """Where codes, secrets and assertions may be sent."""
        ...

    @property
    def origins(self) -> tuple[str, ...]:
        """Where a browser is sent, as origins."""
        ...

    @property
    def metadata_url(self) -> str:
        """The document that names the keys of every token (OpenID Connect Discovery 1.0)."""
        ...

    @property
    def access_token(self) -> TokenRules:
        """What the API accepts."""
        ...

    @property
    def step_up(self) -> StepUp:
        """What an access token must say beside, before anything is changed."""
        ...

    def challenge(self) -> Mapping[str, str]:
        """Say what is wanted of who has not stepped up: the parameters of `WWW-Authenticate: Bearer`, in their order.

        Source: RFC 9470; for Entra, Microsoft Learn, "Claims challenges, claims requests, and client capabilities".
        """
        ...

    def step_up_request(self, challenge: Mapping[str, str]) -> Mapping[str, str]:
        """Say what an authorization request for a step-up asks for beside the usual: its further parameters.

        Args:
            challenge: What the API has answered, as `challenge` makes it.

        Raises:
            SignInError: The challenge is not one that this provider can meet.
        """
        ...

    @property
    def further_scopes(self) -> tuple[str, ...]:
        """Scopes of the provider's own that the claims of an ID token depend on."""
        ...

    def scope(self, name: str) -> str:
        """Give a scope of the API, such as `Accounts.Read`, as an authorization request names it."""
        ...

    def authority(self, journey: Journey) -> Authority | None:
        """Say whom to ask; None if the provider has no such journey of its own."""
        ...

    def page(self, journey: Journey) -> str | None:
        """Give the address of a provider's own page for a journey that it has no authority for; None if unknown."""
        ...

    def id_token(self, journey: Journey) -> TokenRules:
        """Say what the web app accepts at the end of a journey."""
        ...

    def subject(self, claims: Claims) -> Subject:
        """Tell by a validated token, of either kind, who somebody is."""
        ...

    def identity(self, claims: Claims) -> Identity:
        """Tell by a validated ID token what the provider says of somebody."""
        ...
