"""Microsoft Entra External ID: one tenant, whose clients have certificates, with authentication contexts.

Sources: Microsoft Learn, "Authorization code flow", "Access token claims reference", "Claims challenges, claims
requests and client capabilities" and "Developer guide to Conditional Access authentication context". Unverified: that
`acrs` is there only if it was asked for, that `xms_edov` is a truth value, and that a code leaves `auth_time`.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from localcloud.azure.aadsts import AadstsError
from localcloud.azure.certificate_authority import CertificateAuthority
from localcloud.azure.client_assertions import Verifier
from localcloud.azure.directory import Credentials
from localcloud.http1 import Request
from localcloud.identity.external_words import WORDS
from localcloud.identity.flavour import Flavour, Forgotten, Issue, Route, Style
from localcloud.identity.grants import Grant
from localcloud.identity.messages import JWT_BEARER
from localcloud.identity.people import Account
from localcloud.identity.refusals import Flaw, RefusedError
from localcloud.identity.requests import Client, Demand
from localcloud.identity.scopes import Scopes
from localcloud.identity_model import (
    EXTERNAL,
    PORTAL_CERTIFICATE,
    POST_LOGOUT_REDIRECT_URI,
    REDIRECT_URIS,
    ProviderAccess,
)
from localcloud.json_web_token import to_base64url

HOST: Final = "keywatchexternal.ciamlogin.com"
DOMAIN: Final = "keywatchexternal.onmicrosoft.com"
CONTEXTS: Final = ("c1",)
"""The authentication contexts that a Conditional Access policy asks a second factor for."""
ACTIONS: Final = {
    "v2.0/.well-known/openid-configuration": "openid-configuration",
    "discovery/v2.0/keys": "keys",
    "oauth2/v2.0/authorize": "authorize",
    "oauth2/v2.0/token": "token",
    "oauth2/v2.0/logout": "logout",
}
PATH: Final = re.compile(r"/(?P<tenant>[^/]+)/(?P<what>.+)")


class ExternalTenant(Flavour):
    """The tenant keywatchexternal.

    Attributes:
        credentials: the certificates that are registered on the web client.
    """

    name = EXTERNAL
    style = Style("Microsoft Entra External ID", sign_up=True, forgotten=Forgotten.PAGES)
    words = WORDS
    lifetime = (3600, 90 * 86_400)

    def __init__(self, authority: CertificateAuthority) -> None:
        self.tenant_id = str(uuid.uuid4())
        self.credentials = Credentials()
        self._authority = authority
        self._api_client_id = str(uuid.uuid4())
        self._prefix = f"api://{self._api_client_id}/"
        self._client = Client(str(uuid.uuid4()), REDIRECT_URIS, (POST_LOGOUT_REDIRECT_URI,))
        hosts = (HOST, f"{self.tenant_id}.ciamlogin.com")
        super().__init__(hosts, (self._client,), Scopes(self._prefix, self._api_client_id, WORDS))

    @property
    def issuer(self) -> str:
        """The `iss` of its tokens, whose host is the tenant's id."""
        return f"https://{self.tenant_id}.ciamlogin.com/{self.tenant_id}/v2.0"

    def access(self) -> ProviderAccess:
        """Tell what the portal is configured with."""
        return ProviderAccess(
            name=EXTERNAL,
            host=HOST,
            issuer=self.issuer,
            authority=f"https://{HOST}/{self.tenant_id}",
            tenant_id=self.tenant_id,
            tenant_domain=DOMAIN,
            client_id=self._client.client_id,
            api_client_id=self._api_client_id,
            audience=self._api_client_id,
            scope_prefix=self._prefix,
            certificate_name=PORTAL_CERTIFICATE,
        )

    def route(self, path: str) -> Route | None:
        """Tell what a path leads to."""
        parts = PATH.fullmatch(path)
        if parts is None or parts["tenant"].lower() not in (self.tenant_id, DOMAIN):
            return None
        action = ACTIONS.get(parts["what"])
        return Route(action) if action else None

    def configuration(self, route: Route) -> dict[str, Any]:
        """Write the tenant's document."""
        del route
        base = f"https://{HOST}/{self.tenant_id}"
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": _token_endpoint(self.tenant_id),
            "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "claims_supported": [
                "sub",
                "iss",
                "aud",
                "exp",
                "iat",
                "auth_time",
                "acr",
                "nonce",
                "name",
                "tid",
                "email",
            ],
        }

    def demand(self, route: Route, values: Mapping[str, str]) -> Demand:
        """Read the parameter `claims`: a context wants a second factor.

        Raises:
            RefusedError: it is no such JSON, or there is no such context.
        """
        del route
        contexts, capabilities = _claims(values.get("claims"))
        return Demand(second_factor=bool(contexts), contexts=contexts, capabilities=capabilities)

    def authenticate(self, request: Request, form: Mapping[str, str]) -> Client:
        """Check the client's assertion as Entra ID does; the client has no secret.

        Raises:
            RefusedError: the client is unknown, or does not prove to hold the key of a registered certificate.
        """
        del request
        if "client_id" not in form:
            raise WORDS.refusal(Flaw.MISSING, "client_id")
        client = self.clients.get(form["client_id"].lower())
        if client is None:
            raise WORDS.refusal(Flaw.UNKNOWN_CLIENT, form["client_id"])
        if "client_assertion" not in form:
            raise WORDS.refusal(Flaw.SECRET if "client_secret" in form else Flaw.CREDENTIAL_MISSING, client.client_id)
        if form.get("client_assertion_type") != JWT_BEARER:
            raise WORDS.refusal(Flaw.ASSERTION_TYPE)
        audiences = [_token_endpoint(each) for each in (self.tenant_id, DOMAIN)]
        try:
            Verifier(client.client_id, self.credentials, self._authority).verify(form["client_assertion"], audiences)
        except AadstsError as error:
            code = f"AADSTS{error.code}"
            raise RefusedError(error.error, code, f"{code}: {error}", error.status) from None
        return client

    def check_token_request(self, form: Mapping[str, str], grant: Grant) -> None:
        """Check the parameter `claims`.

        Raises:
            RefusedError: it wants a context that the sign-in was not for.
        """
        contexts, _ = _claims(form.get("claims"))
        if set(contexts) - set(grant.contexts):
            raise WORDS.refusal(Flaw.INTERACTION_REQUIRED)

    def may_widen(self) -> bool:
        """Let a refresh ask for any of the API's scopes: an administrator has consented to all."""
        return True

    def subject(self, account: Account, audience: str) -> str:
        """Give an identifier that is another one for each application."""
        text = f"{self.tenant_id} {audience} {account.object_id}"
        return to_base64url(hashlib.sha256(text.encode()).digest())

    def id_claims(self, issue: Issue) -> dict[str, Any]:
        """Give the claims of version 2.0, and the optional ones `auth_time`, `email` and `xms_edov`."""
        account = issue.account
        return {
            "ver": "2.0",
            "tid": self.tenant_id,
            "oid": account.object_id,
            "auth_time": issue.grant.auth_time,
            "name": account.name,
            "preferred_username": account.email,
            "email": account.email,
            "xms_edov": account.email_verified,
            "uti": uuid.uuid4().hex,
        }

    def access_claims(self, issue: Issue) -> dict[str, Any]:
        """Give the same, the client, the scopes, and what `claims` asked for."""
        grant = issue.grant
        asked = {
            "acrs": list(grant.contexts),
            "xms_cc": list(grant.capabilities),
        }
        own = {"azp": grant.client_id, "azpacr": "2", "scp": " ".join(issue.wanted.names)}
        return self.id_claims(issue) | own | {name: value for name, value in asked.items() if value}

    def token_extras(self, issue: Issue, *, client_info: bool) -> dict[str, Any]:
        """Give what Entra tells beside."""
        seconds = self.lifetimes.access
        extras: dict[str, Any] = {"ext_expires_in": seconds} if issue.wanted.audience is not None else {}
        if client_info:
            who = {"uid": issue.account.object_id, "utid": self.tenant_id}
            extras["client_info"] = to_base64url(json.dumps(who).encode())
        return extras


def _token_endpoint(tenant: str) -> str:
    return f"https://{HOST}/{tenant}/oauth2/v2.0/token"


def _claims(text: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read which contexts an access token is to have, and what the client can do."""
    if text is None:
        return (), ()
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        raise WORDS.refusal(Flaw.CLAIMS) from None
    wanted = asked.get("access_token", {}) if isinstance(asked, dict) else None
    if not isinstance(wanted, dict):
        raise WORDS.refusal(Flaw.CLAIMS)
    contexts = _values(wanted.get("acrs"))
    for each in contexts:
        if each not in CONTEXTS:
            raise WORDS.refusal(Flaw.CONTEXT, each)
    return contexts, _values(wanted.get("xms_cc"))


def _values(claim: object) -> tuple[str, ...]:
    """Read a claim's one or several values (OpenID Connect Core 1.0, section 5.5.1)."""
    if claim is None:
        return ()
    if not isinstance(claim, dict):
        raise WORDS.refusal(Flaw.CLAIMS)
    values = claim.get("values", [claim["value"]] if "value" in claim else [])
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise WORDS.refusal(Flaw.CLAIMS)
    return tuple(values)
