"""What the web app knows of a browser that has been here: kept on the server, as a value."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from keywatch.portal.provider.model import Journey, Subject

MOST_FLOWS = 8
"""Sign-ins that one browser may have under way, each in a tab of its own; the oldest is forgotten."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the beneficiary that waits for a step-up.

    Attributes:
        beneficiary: The new one; None for nobody.
        version: Of the account, as it was when the form was filled in.
    """

    beneficiary: str | None
    version: int


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A journey to the provider that is under way.

    Attributes:
        state: What the provider hands back; the flow is found by it.
        journey: Why.
        started: Seconds since 1970, UTC.
        then: The page to go to afterwards: one of our own.
        msal: What MSAL needs to redeem the code: nonce, PKCE verifier, redirect URI.
        change: What a step-up is for: it is submitted at its end.
    """

    state: str
    journey: Journey
    started: float
    then: str
    msal: dict[str, Any]
    change: Change | None = None

    def __repr__(self) -> str:
        return f"Flow({self.journey})"


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider has issued at sign-in.

    Attributes:
        access_token: For the API.
        expires: When it is over, in seconds since 1970.
        refresh_token: For the next one; None if the provider gave none.
    """

    access_token: str
    expires: float
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return f"Tokens(expires={self.expires})"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in.

    Attributes:
        subject: Who it is.
        name: For display.
        email: For display, and for an invitation.
        email_verified: Whether the provider says that the address is theirs.
        claims: Of the ID token, for page "My claims".
        tokens: Of the sign-in.
        since: When the provider has said all this, in seconds since 1970.
    """

    subject: Subject
    name: str
    email: str | None
    email_verified: bool
    claims: dict[str, Any]
    tokens: Tokens
    since: float = 0.0

    @property
    def shown_as(self) -> str:
        """What the page calls them."""
        return self.name or self.email or "you"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A browser's session.

    Attributes:
        csrf: What every form holds.
        flows: Journeys under way, oldest first.
        person: Who is signed in; None before that.
        invitation: The code of an invitation that waits for a sign-in.
        notice: What the next page says once.
    """

    csrf: str
    flows: tuple[Flow, ...] = ()
    person: Person | None = None
    invitation: str | None = None
    notice: str | None = None

    def __repr__(self) -> str:
        return f"Session(signed_in={self.person is not None})"

    @classmethod
    def new(cls) -> Session:
        """Make one for a browser that has none."""
        return cls(csrf=secrets.token_urlsafe(32))

    def with_flow(self, flow: Flow) -> Session:
        """Add a journey."""
        return msgspec.structs.replace(self, flows=(*self.flows, flow)[-MOST_FLOWS:])

    def flow(self, state: str) -> Flow | None:
        """Find a journey by what the provider hands back."""
        return next((each for each in self.flows if secrets.compare_digest(each.state.encode(), state.encode())), None)

    def without_flow(self, flow: Flow) -> Session:
        """Forget a journey: whatever came of it, it is over."""
        return msgspec.structs.replace(self, flows=tuple(each for each in self.flows if each.state != flow.state))
