"""Microsoft Entra: External ID or a workforce tenant, with a certificate, and an authentication context as the step-up.

Source: Microsoft Learn, "Access token claims reference", "Developer guide to Conditional Access authentication
context", "Claims challenges, claims requests, and client capabilities".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from keywatch.errors import SignInError
from keywatch.portal.provider.claims import text
from keywatch.portal.provider.model import Authority, Identity, Journey, Subject
from keywatch.portal.tokens.rules import Claims, StepUp, TokenRules
from keywatch.transport import AllowedHosts

EXTERNAL: Final = ".ciamlogin.com"
"""Below which each tenant of External ID has its host."""

TRUE: Final = (True, 1, "1", "true")
"""How `xms_edov` says yes. [unverified: Microsoft shows both a number and a truth value]"""


@dataclass(frozen=True, slots=True)
class Entra:
    """A tenant of Microsoft Entra.

    Attributes:
        host: `<tenant>.ciamlogin.com` of External ID, or `login.microsoftonline.com`.
        tenant_id: Its GUID.
        client_id: The web app's registration.
        api_client_id: The API's registration, the audience of access tokens.
        api_uri: The API's Application ID URI, which its scopes begin with.
        authentication_context: The id of the context that Conditional Access protects by MFA: `c1` to `c99`.
        profile_page: Where people edit their profile, if there is such a page.
        password_page: Where people reset their password, if it is not on the sign-in page.
    """

    host: str
    tenant_id: str
    client_id: str
    api_client_id: str
    api_uri: str
    authentication_context: str
    profile_page: str | None = None
    password_page: str | None = None

    name = "Microsoft Entra"

    @property
    def hosts(self) -> AllowedHosts:
        """Where codes and assertions may be sent."""
        return AllowedHosts(self.name, (self.host,))

    @property
    def origins(self) -> tuple[str, ...]:
        """Where a browser is sent."""
        return (f"https://{self.host}",)

    @property
    def metadata_url(self) -> str:
        """The document that names the keys."""
        return f"{self._base}/v2.0/.well-known/openid-configuration"

    @property
    def access_token(self) -> TokenRules:
        """What the API accepts."""
        return TokenRules(
            self._issuer,
            self.api_client_id,
            required=frozenset({"oid"}),
            allowed={"tid": frozenset({self.tenant_id.lower()}), "ver": frozenset({"2.0"})},
            scopes="scp",
        )

    @property
    def step_up(self) -> StepUp:
        """The authentication context, just now."""
        return StepUp("acrs", self.authentication_context)

    def challenge(self) -> Mapping[str, str]:
        """Ask for the authentication context by a claims challenge."""
        wanted = {"access_token": {"acrs": {"essential": True, "value": self.authentication_context}}}
        return {
            "authorization_uri": f"{self._base}/oauth2/v2.0/authorize",
            "client_id": self.api_client_id,
            "error": "insufficient_claims",
            "claims": base64.b64encode(json.dumps(wanted, separators=(",", ":")).encode()).decode("ascii"),
            "cc_type": "authcontext",
        }

    def step_up_request(self, challenge: Mapping[str, str]) -> Mapping[str, str]:
        """Decode the claims that are asked for.

        Raises:
            SignInError: There are none, or they are no JSON object.
        """
        try:
            claims = base64.b64decode(challenge["claims"], validate=True).decode("ascii")
            usable = isinstance(json.loads(claims), dict)
        except (KeyError, ValueError, RecursionError, binascii.Error):
            usable = False
        if not usable:
            raise SignInError("The API asks for a step-up, and does not say which. See that web app and API agree.")
        return {"claims": claims}

    @property
    def further_scopes(self) -> tuple[str, ...]:
        """What else is asked for at sign-in."""
        return ("email",)

    def scope(self, name: str) -> str:
        """Give a scope of the API."""
        return f"{self.api_uri}/{name}"

    def authority(self, journey: Journey) -> Authority | None:
        """Say whom to ask: profile and password are no journeys of an application."""
        return Authority(authority=self._base) if journey in (Journey.SIGN_IN, Journey.STEP_UP) else None

    def page(self, journey: Journey) -> str | None:
        """Give the address of a page for a journey."""
        return {Journey.EDIT_PROFILE: self.profile_page, Journey.RESET_PASSWORD: self.password_page}.get(journey)

    def id_token(self, journey: Journey) -> TokenRules:
        """Say what the web app accepts."""
        del journey
        return TokenRules(
            self._issuer,
            self.client_id,
            required=frozenset({"oid"}),
            allowed={"tid": frozenset({self.tenant_id.lower()}), "ver": frozenset({"2.0"})},
        )

    def subject(self, claims: Claims) -> Subject:
        """Tell who somebody is: `sub` is another for each application, `oid` is not."""
        return Subject(self._issuer, text(claims, "oid"))

    def identity(self, claims: Claims) -> Identity:
        """Tell what Entra says of somebody: an address is verified if its domain's owner has been (`xms_edov`)."""
        verified = any(claims.get(name) in TRUE for name in ("xms_edov", "email_verified"))
        return Identity(
            self.subject(claims), text(claims, "name"), text(claims, "email") or None, email_verified=verified
        )

    @property
    def _base(self) -> str:
        return f"https://{self.host}/{self.tenant_id}"

    @property
    def _issuer(self) -> str:
        host = f"{self.tenant_id}{EXTERNAL}" if self.host.endswith(EXTERNAL) else self.host
        return f"https://{host}/{self.tenant_id}/v2.0"
