"""The authorization endpoint: from a client's request by way of pages to a code.

Sources: RFC 6749, section 4.1; RFC 9700; OpenID Connect Core 1.0, section 3.1.2.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from localcloud.http1 import Request, Response
from localcloud.identity.flavour import Flavour, Route
from localcloud.identity.grants import Grant, Session
from localcloud.identity.journey import Flow, Journey, Step
from localcloud.identity.messages import DuplicateError, cookie, cookie_of, parameters_of
from localcloud.identity.pages import document, form, refusal
from localcloud.identity.refusals import Flaw, RefusedError
from localcloud.identity.replies import answer
from localcloud.identity.requests import (
    AuthorizationRequest,
    Client,
    Reply,
    challenge_of,
    check_response,
    max_age_of,
    prompts_of,
    reply_of,
)
from localcloud.identity.steps import page_of

BROWSER: Final = "__Host-browser"
"""The cookie that ties a flow to the browser in which it began."""
SESSION: Final = "__Host-session"
"""The cookie of the single sign-on."""


class AuthorizationEndpoint:
    """Answers browsers."""

    def __init__(self, flavour: Flavour) -> None:
        self._flavour = flavour
        self._journey = Journey(flavour)
        self._flows: dict[str, Flow] = {}

    def reset(self) -> None:
        """Forget all flows."""
        self._flows.clear()

    def client_of(self, flow_id: str) -> str | None:
        """Name the client whose request a flow is about."""
        flow = self._flows.get(flow_id)
        return flow.request.client.client_id if flow else None

    def answer(self, request: Request, route: Route) -> Response:
        """Begin a flow, or take it on."""
        try:
            values = parameters_of(request)
        except DuplicateError as duplicate:
            return self._page(self._flavour.words.refusal(Flaw.DUPLICATE, str(duplicate)))
        if "flow" in values:
            return self._continue(request, values)
        try:
            client, redirect_uri = self._client(values)
        except RefusedError as refused:
            return self._page(refused)
        return self._begin(request, route, client, reply_of(values, redirect_uri), values)

    def _client(self, values: Mapping[str, str]) -> tuple[Client, str]:
        """Find whom an answer may go to; as long as that is unknown, it goes nowhere (RFC 9700, section 4.11)."""
        words = self._flavour.words
        for name in ("client_id", "redirect_uri"):
            if name not in values:
                raise words.refusal(Flaw.MISSING, name)
        client = self._flavour.clients.get(values["client_id"])
        if client is None:
            raise words.refusal(Flaw.UNKNOWN_CLIENT, values["client_id"])
        if values["redirect_uri"] not in client.redirect_uris:
            raise words.refusal(Flaw.REDIRECT_URI, values["redirect_uri"], client.client_id)
        return client, values["redirect_uri"]

    def _begin(
        self, request: Request, route: Route, client: Client, reply: Reply, values: Mapping[str, str]
    ) -> Response:
        browser = cookie_of(request, BROWSER) or secrets.token_urlsafe(32)
        session = self._flavour.grants.sessions.get(cookie_of(request, SESSION) or "")
        try:
            asked = self._read(route, client, reply, values)
            flow = Flow(secrets.token_urlsafe(32), browser, asked)
            self._journey.begin(flow, session)
        except RefusedError as refused:
            return self._error(reply, refused)
        self._flows[flow.flow_id] = flow
        return self._show(request, flow)

    def _read(self, route: Route, client: Client, reply: Reply, values: Mapping[str, str]) -> AuthorizationRequest:
        words, style = self._flavour.words, self._flavour.style
        check_response(values, words)
        if "scope" not in values:
            raise words.refusal(Flaw.MISSING, "scope")
        return AuthorizationRequest(
            client=client,
            policy=route.policy,
            reply=reply,
            wanted=self._flavour.scopes.read(values["scope"], client.client_id),
            demand=self._flavour.demand(route, values),
            nonce=values.get("nonce"),
            challenge=challenge_of(values, words, required=style.pkce_required),
            prompts=prompts_of(values, words),
            max_age=max_age_of(values, words) if style.honours_max_age else None,
            login_hint=values.get("login_hint", ""),
        )

    def _continue(self, request: Request, values: Mapping[str, str]) -> Response:
        flow = self._flows.get(values["flow"])
        browser = cookie_of(request, BROWSER) or ""
        if flow is None or not hmac.compare_digest(flow.browser.encode(), browser.encode()):
            return refusal(self._flavour.style.title, "This sign-in has ended, or began in another browser.")
        try:
            if request.method == "POST":
                self._journey.submit(flow, values)
            else:
                self._journey.go(flow, values.get("go", ""))
        except RefusedError as refused:
            del self._flows[flow.flow_id]
            return self._error(flow.request.reply, refused)
        return self._show(request, flow)

    def _show(self, request: Request, flow: Flow) -> Response:
        if flow.step is Step.DONE:
            return self._finish(request, flow)
        title, page = self._flavour.style.title, page_of(flow, self._flavour)
        hidden = {"flow": flow.flow_id, "step": str(flow.step)}
        body = form(page, request.path, hidden, flow.message)
        return document(title, page.heading, body, headers=(cookie(BROWSER, flow.browser),))

    def _finish(self, request: Request, flow: Flow) -> Response:
        self._flows.pop(flow.flow_id, None)
        account, auth_time = flow.account, flow.auth_time
        if account is None or auth_time is None or self._flavour.people.get(account.object_id) is None:
            return self._error(flow.request.reply, self._flavour.words.refusal(Flaw.ACCOUNT_GONE))
        session = Session(account.object_id, auth_time, flow.second_factor)
        asked = flow.request
        grant = Grant(
            client_id=asked.client.client_id,
            policy=asked.policy,
            object_id=account.object_id,
            scopes=asked.wanted.scopes,
            nonce=asked.nonce,
            auth_time=auth_time,
            second_factor=flow.second_factor,
            acr=asked.demand.acr,
            contexts=asked.demand.contexts,
            capabilities=asked.demand.capabilities,
            new_user=flow.new_user,
        )
        code = self._flavour.grants.issue_code(grant, asked.reply.redirect_uri, asked.challenge)
        return self._answer(asked.reply, {"code": code}, self._session_cookies(request, session))

    def _session_cookies(self, request: Request, session: Session) -> tuple[tuple[str, str], ...]:
        """Keep the session; a changed one gets a new id, so that nobody has fixed it."""
        sessions = self._flavour.grants.sessions
        old = cookie_of(request, SESSION) or ""
        if sessions.get(old) == session:
            return ()
        sessions.pop(old, None)
        return (cookie(SESSION, self._flavour.grants.begin_session(session)),)

    def _answer(self, reply: Reply, values: Mapping[str, str], headers: tuple[tuple[str, str], ...] = ()) -> Response:
        issuer = {"iss": self._flavour.issuer} if self._flavour.style.names_issuer else {}
        return answer(self._flavour.style.title, reply, dict(values) | issuer, headers)

    def _error(self, reply: Reply, refused: RefusedError) -> Response:
        told = self._answer(reply, {"error": refused.error, "error_description": str(refused)})
        return replace(told, error=refused.code)

    def _page(self, refused: RefusedError) -> Response:
        return replace(refusal(self._flavour.style.title, str(refused)), error=refused.code)
