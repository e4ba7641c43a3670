"""Web app and API as a configuration describes them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from keywatch.errors import ConfigurationError
from keywatch.portal.settings import SESSIONS, Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def web_app(settings: Settings) -> ASGIApp:
    """Make the web app. Neither vault nor provider is asked before somebody signs in.

    Raises:
        ConfigurationError: The configuration lacks what the web app needs.
        KeywatchError: The sessions cannot be written.
    """
    from keywatch.portal.accounts.store import AccountStore
    from keywatch.portal.tokens.signing_keys import SigningKeys
    from keywatch.portal.web.api_client import Api
    from keywatch.portal.web.app import create_web
    from keywatch.portal.web.credential import credential_of
    from keywatch.portal.web.portal import Portal
    from keywatch.portal.web.session_store import Lifetimes, SessionStore
    from keywatch.portal.web.sign_in import SignIn

    if settings.sessions is None:
        raise ConfigurationError(f"The web app is not told where its sessions are. Set sessions, or {SESSIONS}.")
    provider, transport = settings.provider, settings.transport
    lifetimes = Lifetimes(settings.session.idle_minutes * 60, settings.session.absolute_hours * 3600)
    keys = SigningKeys(provider, transport)
    return create_web(
        Portal(
            web_url=settings.web_url,
            support=settings.support,
            provider=provider,
            sign_in=SignIn(provider, credential_of(settings), keys, transport=transport, web_url=settings.web_url),
            sessions=SessionStore(settings.sessions, lifetimes, time.time),
            api=Api(settings.api_url, transport),
            invitations=AccountStore(settings.store),
        )
    )


def api_app(settings: Settings) -> ASGIApp:
    """Make the API. The provider is not asked before the first token comes."""
    from keywatch.portal.accounts.keys import OwnersKeys
    from keywatch.portal.accounts.store import AccountStore
    from keywatch.portal.api.app import create_api
    from keywatch.portal.tokens.signing_keys import SigningKeys

    keys = SigningKeys(settings.provider, settings.transport)
    return create_api(
        settings.provider, keys, AccountStore(settings.store), OwnersKeys(settings.store), lambda: datetime.now(UTC)
    )
