"""Any OpenID provider, such as Keycloak or Okta, with an authentication context class (`acr`) as the step-up.

Source: OpenID Connect Core 1.0 and Discovery 1.0; RFC 9068 (access tokens); RFC 9470 (step-up).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from keywatch.errors import SignInError
from keywatch.portal.provider.claims import text
from keywatch.portal.provider.model import Authority, Identity, Journey, Subject
from keywatch.portal.tokens.rules import Claims, StepUp, TokenRules
from keywatch.transport import AllowedHosts


@dataclass(frozen=True, slots=True)
class OpenIdProvider:
    """An OpenID provider.

    Attributes:
        issuer: Its issuer URL, whose discovery document names the rest.
        client_id: The web app's registration.
        audience: The API, as access tokens name it.
        acr: The authentication context class that means multi-factor authentication.
        scopes: The claim of access tokens that holds the scopes: `scope` by RFC 9068, or `scp`.
        scope_prefix: What the API's scopes begin with.
        further_hosts: Hosts of endpoints that are not on the issuer's.
        profile_page: Where people edit their profile.
        password_page: Where people reset their password, if it is not on the sign-in page.
    """

    issuer: str
    client_id: str
    audience: str
    acr: str
    scopes: str = "scope"
    scope_prefix: str = ""
    further_hosts: tuple[str, ...] = ()
    profile_page: str | None = None
    password_page: str | None = None

    name = "OpenID Connect"

    @property
    def hosts(self) -> AllowedHosts:
        """Where codes, secrets and assertions may be sent."""
        return AllowedHosts(f"the OpenID provider {self.issuer}", (urlsplit(self.issuer).netloc, *self.further_hosts))

    @property
    def origins(self) -> tuple[str, ...]:
        """Where a browser is sent."""
        return tuple(f"https://{host}" for host in self.hosts.domains)

    @property
    def metadata_url(self) -> str:
        """The document that names the keys."""
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"

    @property
    def access_token(self) -> TokenRules:
        """What the API accepts."""
        return TokenRules(self.issuer, self.audience, scopes=self.scopes)

    @property
    def step_up(self) -> StepUp:
        """The authentication context class, just now."""
        return StepUp("acr", self.acr)

    def challenge(self) -> Mapping[str, str]:
        """Ask for the authentication context class (RFC 9470, section 3)."""
        return {
            "error": "insufficient_user_authentication",
            "error_description": "Sign in again with multi-factor authentication.",
            "acr_values": self.acr,
            "max_age": str(self.step_up.max_age),
        }

    def step_up_request(self, challenge: Mapping[str, str]) -> Mapping[str, str]:
        """Hand on what is asked for.

        Raises:
            SignInError: The challenge names another class than the one that this web app is set up for.
        """
        if challenge.get("acr_values") != self.acr:
            raise SignInError(
                "The API asks for another kind of sign-in than this web app knows. See that web app and API have the "
                "same acr in their configuration."
            )
        return {"acr_values": self.acr}

    @property
    def further_scopes(self) -> tuple[str, ...]:
        """What else is asked for at sign-in."""
        return ("email",)

    def scope(self, name: str) -> str:
        """Give a scope of the API."""
        return f"{self.scope_prefix}{name}"

    def authority(self, journey: Journey) -> Authority | None:
        """Say whom to ask: profile and password are no journeys of an application."""
        signs_in = journey in (Journey.SIGN_IN, Journey.STEP_UP)
        return Authority(oidc_authority=self.issuer.rstrip("/")) if signs_in else None

    def page(self, journey: Journey) -> str | None:
        """Give the address of a page for a journey."""
        return {Journey.EDIT_PROFILE: self.profile_page, Journey.RESET_PASSWORD: self.password_page}.get(journey)

    def id_token(self, journey: Journey) -> TokenRules:
        """Say what the web app accepts: at the end of a step-up, a token of that authentication context class."""
        stepped_up = {"acr": frozenset({self.acr.lower()})} if journey is Journey.STEP_UP else {}
        return TokenRules(self.issuer, self.client_id, allowed=stepped_up)

    def subject(self, claims: Claims) -> Subject:
        """Tell who somebody is: `sub` is never given to another (OpenID Connect Core, section 5.7)."""
        return Subject(self.issuer, text(claims, "sub"))

    def identity(self, claims: Claims) -> Identity:
        """Tell what the provider says of somebody."""
        return Identity(
            self.subject(claims),
            text(claims, "name") or text(claims, "preferred_username"),
            text(claims, "email") or None,
            email_verified=claims.get("email_verified") is True,
        )
