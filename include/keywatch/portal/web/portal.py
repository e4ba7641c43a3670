"""The parts of a running web app, put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from keywatch.credentials.single_flight import SingleFlight
from keywatch.portal.provider.model import Identity, Provider
from keywatch.portal.web.api_client import Api
from keywatch.portal.web.session import Tokens
from keywatch.portal.web.session_store import SessionStore
from keywatch.portal.web.sign_in import SignIn


class Invitations(Protocol):
    """What binds an account to who has signed in."""

    def accept(self, code: str, identity: Identity) -> object:
        """Bind the account that an invitation is for.

        Raises:
            InvitationError: It cannot be accepted, by this person or by anybody.
            KeywatchError: The store cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class Portal:
    """What the pages are made of.

    Attributes:
        web_url: The web app's origin.
        support: Whom people turn to.
        provider: Who signs people in.
        sign_in: Journeys to the provider.
        sessions: Who is signed in.
        api: The portal's API.
        invitations: What binds an account.
        renewing: Lets one request of a session ask for new tokens, however many want them.
    """

    web_url: str
    support: str
    provider: Provider
    sign_in: SignIn
    sessions: SessionStore
    api: Api
    invitations: Invitations
    renewing: SingleFlight[Tokens] = field(default_factory=SingleFlight)
