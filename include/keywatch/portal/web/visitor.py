"""Who a request is from: the cookie, the session behind it, and the tokens in that."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final, cast
from urllib.parse import urlsplit

import msgspec
from fastapi import Depends, Form, Request
from starlette.responses import Response

from keywatch.errors import KeywatchError, SignInError
from keywatch.portal.web.portal import Portal
from keywatch.portal.web.session import Person, Session, Tokens

COOKIE: Final = "__Host-keywatch"
"""A name that browsers take from this host alone, over TLS, and for all paths (RFC 6265bis, section 4.1.3)."""

LONGEST_ID: Final = 64


class SignedOutError(KeywatchError):
    """A page needs somebody who is signed in, and nobody is."""


class ForgedFormError(KeywatchError):
    """A form does not come from one of our pages, or from one that is too old."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser, and what is known of it.

    Attributes:
        portal: The web app's parts.
        session_id: Of the cookie; None if it has none that is known.
        session: Behind it.
    """

    portal: Portal
    session_id: str | None = field(repr=False)
    session: Session | None

    @property
    def person(self) -> Person:
        """Who is signed in.

        Raises:
            SignedOutError: Nobody is.
        """
        if self.session is None or self.session.person is None:
            raise SignedOutError("Nobody is signed in.")
        return self.session.person

    def change(self, to: Callable[[Session], Session]) -> Session:
        """Change the session, which there must be.

        Raises:
            SignedOutError: It is over.
            StoreUnavailableError: Sessions cannot be written.
        """
        changed = self.portal.sessions.change(self.session_id, to) if self.session_id else None
        if changed is None:
            raise SignedOutError("The session is over.")
        return changed

    def access_token(self) -> str:
        """Return an access token that lasts for this request; the session ends where there is none any more.

        Raises:
            SignedOutError: There is none any more.
            KeywatchError: The provider cannot be asked.
        """
        tokens, session_id = self.person.tokens, self.session_id
        if session_id is None or self.portal.sign_in.lasts(tokens):
            return tokens.access_token
        return self.portal.renewing.do(session_id, lambda: self._renewed(session_id)).access_token

    def _renewed(self, session_id: str) -> Tokens:
        """Renew the tokens that the session has by now, and keep the new ones.

        Raises:
            SignedOutError: There are none any more.
            KeywatchError: The provider cannot be asked.
        """
        held = _tokens(self.portal.sessions.find(session_id))
        if self.portal.sign_in.lasts(held):
            return held
        try:
            new = self.portal.sign_in.renewed(held)
        except SignInError as error:
            newer = _tokens(self.portal.sessions.find(session_id))
            if newer != held:  # another process was first, and the provider takes a refresh token once
                return newer
            self.end()
            raise SignedOutError("The sign-in is over.") from error
        self.change(lambda session: with_tokens(session, new))
        return new

    def end(self) -> None:
        """End the session.

        Raises:
            StoreUnavailableError: Sessions cannot be written.
        """
        if self.session_id:
            self.portal.sessions.remove(self.session_id)


def with_tokens(session: Session, tokens: Tokens) -> Session:
    """Give the person of a session other tokens."""
    person = session.person
    return (
        session
        if person is None
        else msgspec.structs.replace(session, person=msgspec.structs.replace(person, tokens=tokens))
    )


def _tokens(session: Session | None) -> Tokens:
    if session is None or session.person is None:
        raise SignedOutError("The session is over.")
    return session.person.tokens


def visitor(request: Request) -> Visitor:
    """Tell who a request is from.

    Raises:
        StoreUnavailableError: Sessions cannot be read.
    """
    portal = cast("Portal", request.app.state.portal)
    session_id = request.cookies.get(COOKIE)
    session = portal.sessions.find(session_id) if session_id and len(session_id) <= LONGEST_ID else None
    return Visitor(portal, session_id if session else None, session)


Current = Annotated[Visitor, Depends(visitor)]


def checked(request: Request, current: Current, csrf: Annotated[str, Form(max_length=100)] = "") -> Visitor:
    """Tell who a form is from, and that it is one of ours.

    Raises:
        SignedOutError: The browser's session is over.
        ForgedFormError: Another site has sent it, or a page of an older session.
    """
    origin = request.headers.get("origin")
    if origin is not None and _origin(origin) != _origin(current.portal.web_url):
        raise ForgedFormError("The form was sent by another site.")
    if current.session is None:
        raise SignedOutError("The session is over.")
    if not secrets.compare_digest(csrf.encode(), current.session.csrf.encode()):
        raise ForgedFormError("The form is of an older session.")
    return current


Checked = Annotated[Visitor, Depends(checked)]


def remember(response: Response, session_id: str) -> None:
    """Give a browser its session's id; it is forgotten when the browser is closed."""
    response.set_cookie(COOKIE, session_id, secure=True, httponly=True, samesite="lax", path="/")


def forget(response: Response) -> None:
    """Take the id away."""
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax", path="/")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Read an origin; a text that is none equals no origin of ours."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", None, None
