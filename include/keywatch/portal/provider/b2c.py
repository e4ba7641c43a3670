"""Azure AD B2C: one authority for each policy, a client secret, and a second policy with MFA as the step-up.

Source: Microsoft Learn, "Overview of tokens in Azure Active Directory B2C", "OpenID Connect sign-in", "Tenants".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from keywatch.portal.provider.claims import first_text, text
from keywatch.portal.provider.model import Authority, Identity, Journey, Subject
from keywatch.portal.tokens.rules import Claims, StepUp, TokenRules
from keywatch.transport import AllowedHosts

POLICIES: Final[Mapping[Journey, str]] = MappingProxyType(
    {
        Journey.SIGN_IN: "B2C_1_signupsignin1",
        Journey.STEP_UP: "B2C_1_signupsignin1_mfa",
        Journey.EDIT_PROFILE: "B2C_1_profileediting1",
        Journey.RESET_PASSWORD: "B2C_1_passwordreset1",
    }
)
"""User flows by the names that they have in Microsoft's examples."""


@dataclass(frozen=True, slots=True)
class AzureAdB2c:
    """A tenant of Azure AD B2C.

    Attributes:
        tenant: Its name, the first label of `<tenant>.onmicrosoft.com`.
        tenant_id: Its GUID, as in the tokens' issuer.
        client_id: The web app's registration.
        api_client_id: The API's registration, the audience of access tokens.
        api_uri: The API's Application ID URI, which its scopes begin with.
        policies: The user flow or custom policy of each journey.
        domain: The host that signs people in: `<tenant>.b2clogin.com`, or a custom domain.
        local_accounts_only: Whether nobody can come by another identity provider, so that B2C itself has verified
            every address when its owner signed up.
    """

    tenant: str
    tenant_id: str
    client_id: str
    api_client_id: str
    api_uri: str
    policies: Mapping[Journey, str] = field(default_factory=lambda: POLICIES)
    domain: str = ""
    local_accounts_only: bool = False

    name = "Azure AD B2C"

    @property
    def host(self) -> str:
        """The host that signs people in."""
        return self.domain or f"{self.tenant}.b2clogin.com"

    @property
    def hosts(self) -> AllowedHosts:
        """Where codes and the secret may be sent."""
        return AllowedHosts(self.name, (self.host,))

    @property
    def origins(self) -> tuple[str, ...]:
        """Where a browser is sent."""
        return (f"https://{self.host}",)

    @property
    def metadata_url(self) -> str:
        """The document that names the keys: those of the sign-in policy are those of all."""
        return f"{self._policy_url(Journey.SIGN_IN)}/v2.0/.well-known/openid-configuration"

    @property
    def access_token(self) -> TokenRules:
        """What the API accepts: tokens of the two policies that sign in, and of no other."""
        signs_in = frozenset(self.policies[each].lower() for each in (Journey.SIGN_IN, Journey.STEP_UP))
        return TokenRules(self._issuer, self.api_client_id, allowed={"tfp": signs_in}, scopes="scp")

    @property
    def step_up(self) -> StepUp:
        """The policy with MFA, just now."""
        return StepUp("tfp", self.policies[Journey.STEP_UP])

    def challenge(self) -> Mapping[str, str]:
        """Name the policy, in the words of RFC 9470: a policy's id is an authentication context of B2C."""
        return {
            "error": "insufficient_user_authentication",
            "error_description": "Sign in again by the policy with multi-factor authentication.",
            "acr_values": self.step_up.value,
            "max_age": str(self.step_up.max_age),
        }

    def step_up_request(self, challenge: Mapping[str, str]) -> Mapping[str, str]:
        """Ask for nothing more: the policy says it all."""
        del challenge
        return {}

    @property
    def further_scopes(self) -> tuple[str, ...]:
        """What else is asked for at sign-in."""
        return ()

    def scope(self, name: str) -> str:
        """Give a scope of the API."""
        return f"{self.api_uri}/{name}"

    def authority(self, journey: Journey) -> Authority | None:
        """Say whom to ask: each journey is a policy."""
        return Authority(authority=self._policy_url(journey))

    def page(self, journey: Journey) -> str | None:
        """Give no page: each journey has an authority."""
        del journey
        return None

    def id_token(self, journey: Journey) -> TokenRules:
        """Say what the web app accepts: a token of the journey's own policy."""
        return TokenRules(self._issuer, self.client_id, allowed={"tfp": frozenset({self.policies[journey].lower()})})

    def subject(self, claims: Claims) -> Subject:
        """Tell who somebody is: `sub` is the object id."""
        return Subject(self._issuer, text(claims, "sub"))

    def identity(self, claims: Claims) -> Identity:
        """Tell what B2C says of somebody.

        B2C marks no address as verified, unless a custom policy says `email_verified`. It verifies those of local
        accounts when they sign up; of a tenant that has others too, no claim tells for certain. [unverified: that
        `idp` is there whenever it names another identity provider]
        """
        local = self.local_accounts_only and "idp" not in claims
        verified = claims["email_verified"] is True if "email_verified" in claims else local
        email = first_text(claims, "emails") or text(claims, "email")
        return Identity(self.subject(claims), text(claims, "name"), email or None, email_verified=verified)

    @property
    def _issuer(self) -> str:
        return f"https://{self.host}/{self.tenant_id}/v2.0/"

    def _policy_url(self, journey: Journey) -> str:
        return f"https://{self.host}/{self.tenant}.onmicrosoft.com/{self.policies[journey]}"
