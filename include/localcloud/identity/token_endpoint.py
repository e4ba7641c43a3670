"""The token endpoint: codes and refresh tokens for tokens.

Sources: RFC 6749, sections 4.1.3, 5 and 6; RFC 7636, section 4.6; RFC 9700, sections 2.1.1 and 4.5.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from typing import Any, Final

from localcloud.azure.rest import json_response
from localcloud.http1 import Request, Response
from localcloud.identity.flavour import Flavour, Issue, Route
from localcloud.identity.grants import Code, Grant
from localcloud.identity.messages import DuplicateError, parameters_of
from localcloud.identity.refusals import Flaw, RefusedError
from localcloud.identity.requests import Client
from localcloud.json_web_token import to_base64url

VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
NOT_CACHED: Final = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))


class TokenEndpoint:
    """Answers clients."""

    def __init__(self, flavour: Flavour) -> None:
        self._flavour = flavour
        self._words = flavour.words

    def answer(self, request: Request, route: Route) -> Response:
        """Check the client and what it presents, and give it tokens."""
        try:
            return json_response(200, self._tokens(request, route), NOT_CACHED)
        except DuplicateError as duplicate:
            return refused_in_json(self._words.refusal(Flaw.DUPLICATE, str(duplicate)))
        except RefusedError as refused:
            return refused_in_json(refused)

    def _tokens(self, request: Request, route: Route) -> dict[str, Any]:
        if request.method != "POST":
            raise self._words.refusal(Flaw.METHOD, request.method)
        form = parameters_of(request)
        kind = self._required(form, "grant_type")
        if kind not in ("authorization_code", "refresh_token"):
            raise self._words.refusal(Flaw.GRANT_TYPE, kind)
        client = self._flavour.authenticate(request, form)
        grant = self._code(form, client, route) if kind == "authorization_code" else self._refresh(form, client, route)
        account = self._flavour.people.get(grant.object_id)
        if account is None:
            raise self._words.refusal(Flaw.ACCOUNT_GONE)
        self._flavour.check_token_request(form, grant)
        scopes = self._scopes(form, grant, refresh=kind == "refresh_token")
        wanted = self._flavour.scopes.read(scopes, client.client_id)
        return self._response(Issue(grant, account, wanted), client_info=form.get("client_info") == "1")

    def _required(self, form: Mapping[str, str], name: str) -> str:
        if name not in form:
            raise self._words.refusal(Flaw.MISSING, name)
        return form[name]

    def _code(self, form: Mapping[str, str], client: Client, route: Route) -> Grant:
        code = self._flavour.grants.codes.get(self._required(form, "code"))
        if code is None:
            raise self._words.refusal(Flaw.CODE)
        self._check_grant(code.grant, client, route)
        if code.redeemed:
            code.grant.revoked = True
            raise self._words.refusal(Flaw.CODE_REPLAYED)
        if code.expires <= time.time():
            raise self._words.refusal(Flaw.CODE_EXPIRED)
        redirect_uri = self._required(form, "redirect_uri")
        if redirect_uri != code.redirect_uri:
            raise self._words.refusal(Flaw.OTHER_REDIRECT_URI, redirect_uri, code.redirect_uri)
        self._check_verifier(code, form.get("code_verifier"))
        code.redeemed = True
        return code.grant

    def _refresh(self, form: Mapping[str, str], client: Client, route: Route) -> Grant:
        token = self._flavour.grants.refresh_tokens.get(self._required(form, "refresh_token"))
        if token is None:
            raise self._words.refusal(Flaw.REFRESH_TOKEN)
        self._check_grant(token.grant, client, route)
        if token.grant.revoked:
            raise self._words.refusal(Flaw.REVOKED)
        if token.expires <= time.time():
            raise self._words.refusal(Flaw.REFRESH_EXPIRED)
        return token.grant

    def _check_grant(self, grant: Grant, client: Client, route: Route) -> None:
        if grant.client_id != client.client_id:
            raise self._words.refusal(Flaw.OTHER_CLIENT, client.client_id)
        if grant.policy != route.policy:
            raise self._words.refusal(Flaw.OTHER_POLICY, grant.policy, route.policy)

    def _check_verifier(self, code: Code, verifier: str | None) -> None:
        """Check what the challenge was made of; one without a challenge is refused too (RFC 9700, section 4.8.2)."""
        if code.challenge is None and verifier is None:
            return
        if code.challenge is None or verifier is None or not VERIFIER.fullmatch(verifier):
            raise self._words.refusal(Flaw.VERIFIER)
        made = to_base64url(hashlib.sha256(verifier.encode("ascii")).digest())
        if not hmac.compare_digest(made, code.challenge):
            raise self._words.refusal(Flaw.VERIFIER)

    def _scopes(self, form: Mapping[str, str], grant: Grant, *, refresh: bool) -> str:
        """Give what tokens are asked for: all that was granted, or less (RFC 6749, section 6)."""
        asked = form.get("scope")
        if asked is None:
            return " ".join(grant.scopes)
        beyond = [each for each in asked.split() if each not in grant.scopes]
        if beyond and not (refresh and self._flavour.may_widen()):
            raise self._words.refusal(Flaw.SCOPE_NOT_GRANTED, " ".join(beyond))
        return asked

    def _response(self, issue: Issue, *, client_info: bool) -> dict[str, Any]:
        flavour, seconds = self._flavour, self._flavour.lifetimes.access
        response: dict[str, Any] = {"token_type": "Bearer"}
        access_token = flavour.access_token(issue)
        if access_token is not None:
            response |= {"access_token": access_token, "expires_in": seconds, "scope": " ".join(issue.wanted.scopes)}
        # Clients that refresh for the API alone keep the identity that they asked for at first.
        if "openid" in issue.grant.scopes:
            response["id_token"] = flavour.id_token(issue)
        if "offline_access" in issue.grant.scopes:
            lifetime = flavour.lifetimes.refresh
            response["refresh_token"] = flavour.grants.issue_refresh_token(issue.grant, lifetime)
        return response | flavour.token_extras(issue, client_info=client_info)


def refused_in_json(refused: RefusedError, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Write a refusal as RFC 6749, section 5.2, has it; the log keeps the flavour's own code."""
    body = {"error": refused.error, "error_description": str(refused)}
    return json_response(refused.status, body, (*NOT_CACHED, *headers), refused.code)
