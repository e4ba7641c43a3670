"""Azure AD B2C: one tenant with four user flows, whose clients have secrets.

Sources: Microsoft Learn, "OpenID Connect sign-in", "OAuth 2.0 authorization code flow" and "Overview of tokens" of
Azure AD B2C. Unverified: the names of the claims `emails`, `name` and `newUser`, that access
tokens have `auth_time`, and that a code after a password of a session leaves it as it was.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

from localcloud.http1 import Request
from localcloud.identity.b2c_words import WORDS
from localcloud.identity.flavour import Flavour, Forgotten, Issue, Route, Style
from localcloud.identity.people import Account
from localcloud.identity.refusals import Flaw
from localcloud.identity.requests import Client, Demand, Purpose
from localcloud.identity.scopes import Scopes
from localcloud.identity_model import (
    B2C,
    B2C_SECRET,
    PASSWORD_RESET,
    POST_LOGOUT_REDIRECT_URI,
    PROFILE_EDITING,
    REDIRECT_URIS,
    SIGN_UP_SIGN_IN,
    SIGN_UP_SIGN_IN_MFA,
    ProviderAccess,
)
from localcloud.json_web_token import to_base64url

SOCIAL: Final = "social.example"
"""An identity provider that people may come to B2C by."""

HOST: Final = "keywatchkeys.b2clogin.com"
DOMAIN: Final = "keywatchkeys.onmicrosoft.com"
PREFIX: Final = f"https://{DOMAIN}/keywatch-api/"
DEMANDS: Final = {
    SIGN_UP_SIGN_IN: Demand(),
    SIGN_UP_SIGN_IN_MFA: Demand(second_factor=True),
    PROFILE_EDITING: Demand(Purpose.EDIT_PROFILE),
    PASSWORD_RESET: Demand(Purpose.RESET_PASSWORD),
}
"""What each policy wants; multi-factor authentication is always on in one of them."""
POLICIES: Final = {each.lower(): each for each in DEMANDS}
ACTIONS: Final = {
    "v2.0/.well-known/openid-configuration": "openid-configuration",
    "discovery/v2.0/keys": "keys",
    "oauth2/v2.0/authorize": "authorize",
    "oauth2/v2.0/token": "token",
    "oauth2/v2.0/logout": "logout",
}
PATH: Final = re.compile(r"/(?P<tenant>[^/]+)/(?P<policy>[^/]+)/(?P<what>.+)")


class B2CTenant(Flavour):
    """The tenant keywatchkeys."""

    name = B2C
    style = Style("Azure AD B2C", sign_up=True, forgotten=Forgotten.ERROR)
    words = WORDS
    lifetime = (3600, 14 * 86_400)

    def __init__(self) -> None:
        self.tenant_id = str(uuid.uuid4())
        self._api_client_id = str(uuid.uuid4())
        self.secret = secrets.token_urlsafe(30)
        self._client = Client(str(uuid.uuid4()), REDIRECT_URIS, (POST_LOGOUT_REDIRECT_URI,), self.secret)
        scopes = Scopes(PREFIX, self._api_client_id, WORDS, own_client=True)
        super().__init__((HOST,), (self._client,), scopes)

    @property
    def issuer(self) -> str:
        """The `iss` of its tokens, which names no policy."""
        return f"https://{HOST}/{self.tenant_id}/v2.0/"

    def access(self) -> ProviderAccess:
        """Tell what the portal is configured with."""
        return ProviderAccess(
            name=B2C,
            host=HOST,
            issuer=self.issuer,
            authority=f"https://{HOST}/{DOMAIN}",
            tenant_id=self.tenant_id,
            tenant_domain=DOMAIN,
            client_id=self._client.client_id,
            api_client_id=self._api_client_id,
            audience=self._api_client_id,
            scope_prefix=PREFIX,
            secret_name=B2C_SECRET,
            secret_client_id=self._client.client_id,
        )

    def route(self, path: str) -> Route | None:
        """Tell what a path leads to; the case of tenant and policy does not matter."""
        parts = PATH.fullmatch(path)
        if parts is None or parts["tenant"].lower() not in (self.tenant_id, DOMAIN):
            return None
        policy, action = POLICIES.get(parts["policy"].lower()), ACTIONS.get(parts["what"])
        return Route(action, policy) if policy and action else None

    def configuration(self, route: Route) -> dict[str, Any]:
        """Write the document of a policy."""
        base = f"https://{HOST}/{DOMAIN}/{route.policy.lower()}"
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "claims_supported": ["oid", "newUser", "name", "emails", "tfp", "sub", "iss", "iat", "exp", "aud", "nonce"],
        }

    def demand(self, route: Route, values: Mapping[str, str]) -> Demand:
        """Tell what the policy wants; the parameter `claims` says nothing to B2C."""
        del values
        return DEMANDS[route.policy]

    def authenticate(self, request: Request, form: Mapping[str, str]) -> Client:
        """Check the client's secret, which is taken from the form alone; B2C takes no assertion.

        Raises:
            RefusedError: the client is unknown, or does not send its secret.
        """
        if "client_id" not in form:
            raise WORDS.refusal(Flaw.MISSING, "client_id")
        client = self.clients.get(form["client_id"])
        if client is None:
            raise WORDS.refusal(Flaw.UNKNOWN_CLIENT, form["client_id"])
        if "client_assertion" in form or "client_assertion_type" in form:
            route = self.route(request.path)
            raise WORDS.refusal(Flaw.ASSERTION, route.policy if route else "")
        if "client_secret" not in form:
            raise WORDS.refusal(Flaw.CREDENTIAL_MISSING)
        if not hmac.compare_digest(self.secret.encode(), form["client_secret"].encode()):
            raise WORDS.refusal(Flaw.SECRET)
        return client

    def subject(self, account: Account, audience: str) -> str:
        """Give the object id."""
        del audience
        return account.object_id

    def id_claims(self, issue: Issue) -> dict[str, Any]:
        """Give what a user flow is configured to tell."""
        grant, account = issue.grant, issue.account
        claims: dict[str, Any] = {
            "ver": "1.0",
            "auth_time": grant.auth_time,
            "oid": account.object_id,
            "name": account.name,
            "emails": [account.email],
            "tfp": grant.policy.lower(),
        }
        if not account.email_verified:  # as of who comes by another identity provider, which vouches for nothing
            claims["idp"] = SOCIAL
        return claims | ({"newUser": True} if grant.new_user else {})

    def access_claims(self, issue: Issue) -> dict[str, Any]:
        """Give the same, the client and the scopes."""
        scopes = {"scp": " ".join(issue.wanted.names)} if issue.wanted.names else {}
        return self.id_claims(issue) | scopes | {"azp": issue.grant.client_id}

    def token_extras(self, issue: Issue, *, client_info: bool) -> dict[str, Any]:
        """Give what B2C tells beside: when a token begins and ends, and who it is for."""
        now = int(time.time())
        extras: dict[str, Any] = {"not_before": now, "id_token_expires_in": self.lifetimes.access}
        if issue.wanted.audience is not None:
            extras |= {"expires_on": now + self.lifetimes.access, "resource": issue.wanted.audience}
        if "offline_access" in issue.grant.scopes:
            extras["refresh_token_expires_in"] = self.lifetimes.refresh
        if client_info:
            uid = f"{issue.account.object_id}-{issue.grant.policy.lower()}"
            extras["client_info"] = to_base64url(json.dumps({"uid": uid, "utid": self.tenant_id}).encode())
        return extras
