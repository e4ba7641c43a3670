"""An OpenID provider as companies run them: clients with certificates or secrets, and `acr` for how people signed in.

Sources: OpenID Connect Core 1.0; RFC 9068 (access tokens); RFC 6750; RFC 9207. The paths are Keycloak's.
"""

from __future__ import annotations

import hmac
import secrets
import uuid
from collections.abc import Mapping
from typing import Any, Final

from localcloud.azure.directory import Credentials
from localcloud.http1 import Request
from localcloud.identity.flavour import Flavour, Forgotten, Issue, Route, Style
from localcloud.identity.messages import JWT_BEARER, basic_of
from localcloud.identity.openid_words import WORDS
from localcloud.identity.people import Account
from localcloud.identity.private_key_jwt import ALGORITHMS, AssertionRefusedError, AssertionVerifier
from localcloud.identity.refusals import Flaw
from localcloud.identity.requests import Client, Demand
from localcloud.identity.scopes import OPENID_SCOPES, Scopes
from localcloud.identity_model import (
    OPENID,
    OPENID_SECRET,
    PORTAL_CERTIFICATE,
    POST_LOGOUT_REDIRECT_URI,
    REDIRECT_URIS,
    SCOPES,
    ProviderAccess,
)
from localcloud.json_web_token import JsonWebToken, MalformedTokenError

HOST: Final = "sso.keywatch.example"
ISSUER: Final = f"https://{HOST}/realms/keys"
ENDPOINTS: Final = f"{ISSUER}/protocol/openid-connect"
AUDIENCE: Final = "keywatch-api"
CLIENT_ID: Final = "keywatch-portal"
SECRET_CLIENT_ID: Final = "keywatch-portal-secret"  # noqa: S105 - a client's id
PASSWORD: Final = "1"  # noqa: S105 - an authentication context class
PASSWORD_AND_CODE: Final = "2"  # noqa: S105 - the same
ACTIONS: Final = {
    "/realms/keys/.well-known/openid-configuration": "openid-configuration",
    "/realms/keys/protocol/openid-connect/auth": "authorize",
    "/realms/keys/protocol/openid-connect/token": "token",
    "/realms/keys/protocol/openid-connect/certs": "keys",
    "/realms/keys/protocol/openid-connect/logout": "logout",
}


class OpenIdProvider(Flavour):
    """The realm keys.

    Attributes:
        credentials: the certificates that are registered on the client that has no secret.
        secret: of the other client.
    """

    name = OPENID
    style = Style(
        "Keywatch single sign-on",
        sign_up=False,
        forgotten=Forgotten.NOTHING,
        pkce_required=True,
        honours_max_age=True,
        names_issuer=True,
    )
    words = WORDS
    lifetime = (300, 14 * 86_400)

    def __init__(self) -> None:
        self.credentials = Credentials()
        self.secret = secrets.token_urlsafe(30)
        self._assertions = AssertionVerifier((f"{ENDPOINTS}/token", ISSUER))
        clients = (
            Client(CLIENT_ID, REDIRECT_URIS, (POST_LOGOUT_REDIRECT_URI,)),
            Client(SECRET_CLIENT_ID, REDIRECT_URIS, (POST_LOGOUT_REDIRECT_URI,), self.secret),
        )
        super().__init__((HOST,), clients, Scopes("", AUDIENCE, WORDS))

    def reset(self) -> None:
        """Forget which assertions were taken as well."""
        super().reset()
        self._assertions.reset()

    @property
    def issuer(self) -> str:
        """The `iss` of its tokens."""
        return ISSUER

    def access(self) -> ProviderAccess:
        """Tell what the portal is configured with."""
        return ProviderAccess(
            name=OPENID,
            host=HOST,
            issuer=ISSUER,
            authority=ISSUER,
            tenant_id="",
            tenant_domain="",
            client_id=CLIENT_ID,
            api_client_id=AUDIENCE,
            audience=AUDIENCE,
            scope_prefix="",
            certificate_name=PORTAL_CERTIFICATE,
            secret_name=OPENID_SECRET,
            secret_client_id=SECRET_CLIENT_ID,
        )

    def route(self, path: str) -> Route | None:
        """Tell what a path leads to."""
        action = ACTIONS.get(path)
        return Route(action) if action else None

    def configuration(self, route: Route) -> dict[str, Any]:
        """Write the realm's document."""
        del route
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ENDPOINTS}/auth",
            "token_endpoint": f"{ENDPOINTS}/token",
            "end_session_endpoint": f"{ENDPOINTS}/logout",
            "jwks_uri": f"{ENDPOINTS}/certs",
            "acr_values_supported": [PASSWORD, PASSWORD_AND_CODE],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "response_types_supported": ["code"],
            "scopes_supported": [*OPENID_SCOPES, *SCOPES],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post", "client_secret_basic"],
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "code_challenge_methods_supported": ["S256"],
            "claims_parameter_supported": False,
            "authorization_response_iss_parameter_supported": True,
        }

    def demand(self, route: Route, values: Mapping[str, str]) -> Demand:
        """Take the first of `acr_values` that there is; others are as good as none (a voluntary claim)."""
        del route
        known = [each for each in values.get("acr_values", "").split() if each in (PASSWORD, PASSWORD_AND_CODE)]
        acr = known[0] if known else PASSWORD
        return Demand(second_factor=acr == PASSWORD_AND_CODE, acr=acr)

    def authenticate(self, request: Request, form: Mapping[str, str]) -> Client:
        """Check the client's proof: of one client an assertion, of the other its secret, and never two of them.

        Raises:
            RefusedError: the client is unknown, or does not prove itself in its own way.
        """
        basic = basic_of(request)
        given = [basic is not None, "client_secret" in form, "client_assertion" in form]
        if sum(given) > 1:
            raise WORDS.refusal(Flaw.ASSERTION_TYPE, "Prove the client in one way only.")
        if basic is not None and form.get("client_id", basic[0]) != basic[0]:
            raise WORDS.refusal(Flaw.UNKNOWN_CLIENT, basic[0])
        assertion = form.get("client_assertion")
        named = form.get("client_id") or (basic[0] if basic else _subject(assertion))
        client = self.clients.get(named)
        if client is None:
            raise WORDS.refusal(Flaw.UNKNOWN_CLIENT, named)
        if assertion is not None:
            self._check_assertion(assertion, client, form)
            return client
        secret = basic[1] if basic else form.get("client_secret")
        if secret is None:
            raise WORDS.refusal(Flaw.CREDENTIAL_MISSING)
        if client.secret is None or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            raise WORDS.refusal(Flaw.SECRET)
        return client

    def _check_assertion(self, assertion: str, client: Client, form: Mapping[str, str]) -> None:
        if form.get("client_assertion_type") != JWT_BEARER:
            raise WORDS.refusal(Flaw.ASSERTION_TYPE, f"client_assertion_type is to be {JWT_BEARER}.")
        certificates = self.credentials.certificates if client.secret is None else ()
        try:
            self._assertions.verify(assertion, client.client_id, certificates)
        except AssertionRefusedError as error:
            raise WORDS.refusal(Flaw.ASSERTION, str(error)) from None

    def subject(self, account: Account, audience: str) -> str:
        """Give an identifier that is the same for all."""
        del audience
        return account.object_id

    def id_claims(self, issue: Issue) -> dict[str, Any]:
        """Give who it is and how they signed in."""
        grant, account = issue.grant, issue.account
        claims = {"acr": grant.acr, "auth_time": grant.auth_time, "azp": grant.client_id, "jti": str(uuid.uuid4())}
        if "email" in grant.scopes:
            claims |= {"email": account.email, "email_verified": account.email_verified}
        if "profile" in grant.scopes:
            claims |= {"name": account.name, "preferred_username": account.email}
        return claims

    def access_claims(self, issue: Issue) -> dict[str, Any]:
        """Give the claims of RFC 9068, section 2.2."""
        grant = issue.grant
        return {
            "acr": grant.acr,
            "auth_time": grant.auth_time,
            "azp": grant.client_id,
            "client_id": grant.client_id,
            "jti": str(uuid.uuid4()),
            "scope": " ".join(issue.wanted.scopes),
        }

    def access_header(self) -> dict[str, str]:
        """Give the type of RFC 9068, section 2.1."""
        return {"typ": "at+jwt"}


def _subject(assertion: str | None) -> str:
    """Read whom an assertion is about, which names the client where no parameter does (RFC 7521, section 4.2)."""
    try:
        return str(JsonWebToken.parse(assertion or "").claims.get("sub", ""))
    except MalformedTokenError:
        return ""
