"""The logout endpoint: ends a browser's session, and sends it back if it may.

Sources: OpenID Connect RP-Initiated Logout 1.0; Microsoft Learn, "Send a sign-out request" of Azure AD B2C.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final

from localcloud.http1 import Request, Response
from localcloud.identity.authorization_endpoint import BROWSER, SESSION
from localcloud.identity.flavour import Flavour
from localcloud.identity.messages import DuplicateError, cookie, cookie_of, parameters_of
from localcloud.identity.pages import Page, document, form, refusal
from localcloud.identity.refusals import Flaw, RefusedError
from localcloud.identity.replies import redirect

HTTPS: Final = re.compile(r"https://[!-~]+")


class LogoutStyle(StrEnum):
    """How a provider treats who wants to leave."""

    FOLLOWS = "follows"
    """At once; without `id_token_hint` the browser goes wherever it is told."""
    REGISTERED = "registered"
    """At once; the browser goes to registered addresses alone."""
    ASKS = "asks"
    """Asks first unless there is an `id_token_hint`; the browser goes to registered addresses alone."""


class LogoutEndpoint:
    """Answers browsers."""

    def __init__(self, flavour: Flavour, style: LogoutStyle) -> None:
        self._flavour = flavour
        self._style = style
        self._asked: dict[str, tuple[str, str | None, str | None]] = {}

    def reset(self) -> None:
        """Forget who was asked."""
        self._asked.clear()

    def answer(self, request: Request) -> Response:
        """End the session, or ask whether to."""
        try:
            values = parameters_of(request)
            if "flow" in values:
                return self._confirmed(request, values)
            hinted, target = self._check(values)
        except DuplicateError as duplicate:
            return self._refused(self._flavour.words.refusal(Flaw.DUPLICATE, str(duplicate)))
        except RefusedError as refused:
            return self._refused(refused)
        if self._style is LogoutStyle.ASKS and hinted is None:
            return self._ask(request, target, values.get("state"))
        return self._end(request, target, values.get("state"))

    def _check(self, values: Mapping[str, str]) -> tuple[str | None, str | None]:
        """Find the client that the hint was issued to, and where the browser may go."""
        hint, target = values.get("id_token_hint"), values.get("post_logout_redirect_uri")
        claims = self._flavour.keys.claims_of(hint) if hint else None
        if hint and claims is None:
            raise self._flavour.words.refusal(Flaw.MISSING, "valid id_token_hint")
        hinted = str(claims.get("aud", "")) if claims else None
        if target is None:
            return hinted, None
        if self._style is LogoutStyle.FOLLOWS and hinted is None and HTTPS.fullmatch(target):
            return None, target
        if target not in self._registered(hinted or values.get("client_id")):
            raise self._flavour.words.refusal(Flaw.POST_LOGOUT_REDIRECT_URI, target)
        return hinted, target

    def _registered(self, client_id: str | None) -> tuple[str, ...]:
        client = self._flavour.clients.get(client_id or "")
        if client is not None:
            return client.post_logout_redirect_uris
        if client_id is not None or self._style is LogoutStyle.ASKS:
            return ()
        return tuple(uri for each in self._flavour.clients.values() for uri in each.post_logout_redirect_uris)

    def _ask(self, request: Request, target: str | None, state: str | None) -> Response:
        browser = cookie_of(request, BROWSER) or secrets.token_urlsafe(32)
        flow = secrets.token_urlsafe(32)
        self._asked[flow] = (browser, target, state)
        page = Page("Do you want to log out?", (), "Log out")
        body = form(page, request.path, {"flow": flow}, "")
        return document(self._flavour.style.title, page.heading, body, headers=(cookie(BROWSER, browser),))

    def _confirmed(self, request: Request, values: Mapping[str, str]) -> Response:
        title = self._flavour.style.title
        browser, target, state = self._asked.pop(values["flow"], ("", None, None))
        if request.method != "POST" or not browser or cookie_of(request, BROWSER) != browser:
            return refusal(title, "This question has been answered, or was asked in another browser.")
        if values.get("action") == "cancel":
            return document(title, "You are still signed in", "<p>You can close this page.</p>")
        return self._end(request, target, state)

    def _end(self, request: Request, target: str | None, state: str | None) -> Response:
        self._flavour.grants.sessions.pop(cookie_of(request, SESSION) or "", None)
        gone = (cookie(SESSION, None),)
        if target is not None:
            return redirect(target, {} if state is None else {"state": state}, gone)
        return document(
            self._flavour.style.title, "You are signed out", "<p>You can close this page.</p>", headers=gone
        )

    def _refused(self, refused: RefusedError) -> Response:
        return replace(refusal(self._flavour.style.title, str(refused)), error=refused.code)
