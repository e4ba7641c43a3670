"""What makes a provider one of a kind: its addresses, its words, its claims, and how clients prove themselves."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from localcloud.http1 import Request
from localcloud.identity.grants import Grant, Grants
from localcloud.identity.people import Account, People
from localcloud.identity.refusals import Words
from localcloud.identity.requests import Client, Demand
from localcloud.identity.scopes import Scopes, Wanted
from localcloud.identity.signing_keys import SigningKeys
from localcloud.identity_model import ProviderAccess


class Forgotten(StrEnum):
    """What the link of those who forgot their password does."""

    ERROR = "error"
    """The client is told, and sends them to a policy of its own."""
    PAGES = "pages"
    """Pages follow that reset it, and then the sign-in again."""
    NOTHING = "nothing"
    """There is no such link."""


@dataclass(frozen=True)
class Style:
    """What a provider's pages offer.

    Attributes:
        title: the provider's name.
        sign_up: whether people can make an account themselves.
        forgotten: what becomes of a forgotten password.
        pkce_required: whether a request without a challenge is refused.
        honours_max_age: whether `max_age` is.
        names_issuer: whether answers carry `iss` (RFC 9207).
    """

    title: str
    sign_up: bool
    forgotten: Forgotten
    pkce_required: bool = False
    honours_max_age: bool = False
    names_issuer: bool = False


@dataclass(frozen=True)
class Route:
    """What a path leads to: an action as the request log calls it, and the policy as configured, if there are any."""

    action: str
    policy: str = ""


@dataclass
class Lifetimes:
    """Seconds that tokens live which are issued from now on."""

    access: int
    refresh: int


@dataclass(frozen=True)
class Issue:
    """What tokens are made of."""

    grant: Grant
    account: Account
    wanted: Wanted


class Flavour(ABC):
    """A provider's state, and what it does its own way.

    Attributes:
        hosts: all its names, the one that clients are told first.
        lifetime: seconds that its tokens live at first, access and refresh.
    """

    name: ClassVar[str]
    style: ClassVar[Style]
    words: ClassVar[Words]
    lifetime: ClassVar[tuple[int, int]]

    def __init__(self, hosts: tuple[str, ...], clients: tuple[Client, ...], scopes: Scopes) -> None:
        self.hosts = hosts
        self.clients = {each.client_id: each for each in clients}
        self.scopes = scopes
        self.people = People(self.name)
        self.keys = SigningKeys()
        self.grants = Grants()
        self.lifetimes = Lifetimes(*self.lifetime)

    def reset(self) -> None:
        """Know nobody, sign with the first key, and forget all sign-ins."""
        self.people.clear()
        self.keys.reset()
        self.grants.clear()
        self.lifetimes = Lifetimes(*self.lifetime)

    @property
    @abstractmethod
    def issuer(self) -> str:
        """The `iss` of its tokens."""

    @abstractmethod
    def access(self) -> ProviderAccess:
        """Tell what the portal is configured with."""

    @abstractmethod
    def route(self, path: str) -> Route | None:
        """Tell what a path leads to."""

    @abstractmethod
    def configuration(self, route: Route) -> dict[str, Any]:
        """Write the document of OpenID Connect Discovery 1.0."""

    @abstractmethod
    def demand(self, route: Route, values: Mapping[str, str]) -> Demand:
        """Read what a request asks for beyond what all providers read.

        Raises:
            RefusedError: it asks for what there is not.
        """

    @abstractmethod
    def authenticate(self, request: Request, form: Mapping[str, str]) -> Client:
        """Tell which client sends a token request.

        Raises:
            RefusedError: it does not prove that.
        """

    @abstractmethod
    def subject(self, account: Account, audience: str) -> str:
        """Give the `sub` of somebody in tokens for an audience."""

    @abstractmethod
    def id_claims(self, issue: Issue) -> dict[str, Any]:
        """Give the claims of an ID token that are this flavour's own."""

    @abstractmethod
    def access_claims(self, issue: Issue) -> dict[str, Any]:
        """Give the claims of an access token that are this flavour's own."""

    def access_header(self) -> dict[str, str]:
        """Give what an access token's header has of its own."""
        return {}

    def check_token_request(self, form: Mapping[str, str], grant: Grant) -> None:
        """Check what a flavour takes in a token request beyond what all take.

        Raises:
            RefusedError: it asks for what the grant does not have.
        """
        del form, grant

    def may_widen(self) -> bool:
        """Tell whether a refresh may ask for scopes that the grant was not given for."""
        return False

    def token_extras(self, issue: Issue, *, client_info: bool) -> dict[str, Any]:
        """Give what a token response has of its own."""
        del issue, client_info
        return {}

    def id_token(self, issue: Issue) -> str:
        """Make an ID token."""
        own = self.id_claims(issue)
        if issue.grant.nonce is not None:
            own["nonce"] = issue.grant.nonce
        return self.keys.sign(self._common(issue.account, issue.grant.client_id) | own)

    def access_token(self, issue: Issue) -> str | None:
        """Make an access token; None if no resource was asked for."""
        audience = issue.wanted.audience
        if audience is None:
            return None
        return self.keys.sign(self._common(issue.account, audience) | self.access_claims(issue), self.access_header())

    def _common(self, account: Account, audience: str) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self.issuer,
            "aud": audience,
            "sub": self.subject(account, audience),
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetimes.access,
        }
