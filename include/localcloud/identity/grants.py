"""What sign-ins leave behind: sessions of browsers, codes and refresh tokens of clients.

Sources: RFC 6749, sections 4.1.2 and 10.5; RFC 9700, sections 2.1.1 and 4.14.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Final

CODE_SECONDS: Final = 300
"""How long a code lives."""


@dataclass(frozen=True)
class Session:
    """A browser's sign-in, by which further requests need no password.

    Attributes:
        object_id: of who has signed in.
        auth_time: when the password was typed in, as a Unix time.
        second_factor: whether a code followed.
    """

    object_id: str
    auth_time: int
    second_factor: bool


@dataclass
class Grant:
    """What somebody let a client have; its code and refresh tokens all lead here.

    Attributes:
        client_id: whom it was given to.
        policy: at which of the provider's policies; empty if it has none.
        object_id: of who gave it.
        scopes: as asked for.
        nonce: of the request, for the ID token.
        auth_time: as in `Session`.
        second_factor: the same.
        acr: the authentication context class that the request asked for and got.
        contexts: authentication contexts that the request asked for and got.
        capabilities: what the client says it can do (`xms_cc`).
        new_user: whether the account was made on the way.
        revoked: whether nothing follows from it any more.
    """

    client_id: str
    policy: str
    object_id: str
    scopes: tuple[str, ...]
    nonce: str | None
    auth_time: int
    second_factor: bool
    acr: str = ""
    contexts: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    new_user: bool = False
    revoked: bool = False


@dataclass
class Code:
    """An authorization code, of which one redemption is taken."""

    grant: Grant
    redirect_uri: str
    challenge: str | None
    expires: float
    redeemed: bool = False


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token; a younger one does not end it."""

    grant: Grant
    expires: float


@dataclass
class Grants:
    """The codes and refresh tokens of one provider, by their values."""

    codes: dict[str, Code] = field(default_factory=dict, repr=False)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict, repr=False)
    sessions: dict[str, Session] = field(default_factory=dict, repr=False)

    def clear(self) -> None:
        """Forget everything."""
        self.codes.clear()
        self.refresh_tokens.clear()
        self.sessions.clear()

    def age(self, seconds: int) -> None:
        """Let sign-ins, and the codes and refresh tokens that they led to, be so much older."""
        self.sessions = {
            value: replace(each, auth_time=each.auth_time - seconds) for value, each in self.sessions.items()
        }
        held = [code.grant for code in self.codes.values()]
        held += [token.grant for token in self.refresh_tokens.values()]
        for grant in {id(each): each for each in held}.values():
            grant.auth_time -= seconds
        for code in self.codes.values():
            code.expires -= seconds
        self.refresh_tokens = {
            value: replace(each, expires=each.expires - seconds) for value, each in self.refresh_tokens.items()
        }

    def issue_code(self, grant: Grant, redirect_uri: str, challenge: str | None) -> str:
        """Make a code."""
        value = secrets.token_urlsafe(48)
        self.codes[value] = Code(grant, redirect_uri, challenge, time.time() + CODE_SECONDS)
        return value

    def issue_refresh_token(self, grant: Grant, seconds: int) -> str:
        """Make a refresh token that lives so long."""
        value = secrets.token_urlsafe(64)
        self.refresh_tokens[value] = RefreshToken(grant, time.time() + seconds)
        return value

    def begin_session(self, session: Session) -> str:
        """Keep a session under a new id."""
        value = secrets.token_urlsafe(32)
        self.sessions[value] = session
        return value
