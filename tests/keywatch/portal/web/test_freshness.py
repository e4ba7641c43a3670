"""How recent what a provider says has to be."""

from __future__ import annotations

from pathlib import Path

from keywatch.portal.settings import read_settings
from keywatch.portal.tokens.signing_keys import SigningKeys
from keywatch.portal.web.credential import credential_of
from keywatch.portal.web.session import Tokens
from keywatch.portal.web.sign_in import EARLY_SECONDS, FRESH_SECONDS, SignIn
from tests.keywatch.portal.written import B2C, configuration, write


def test_what_was_said_long_ago_binds_nothing(tmp_path: Path) -> None:
    """What the provider has said in the last five minutes binds an account; a token serves until a minute is left."""
    settings = read_settings(write(tmp_path / "portal.toml", configuration(B2C)), {})
    now = 1_000_000.0
    sign_in = SignIn(
        settings.provider,
        credential_of(settings),
        SigningKeys(settings.provider, settings.transport),
        transport=settings.transport,
        web_url=settings.web_url,
        clock=lambda: now,
    )

    assert sign_in.is_fresh(now - FRESH_SECONDS)
    assert not sign_in.is_fresh(now - FRESH_SECONDS - 1)
    assert sign_in.lasts(Tokens(access_token="x", expires=now + EARLY_SECONDS + 1))
    assert not sign_in.lasts(Tokens(access_token="x", expires=now + EARLY_SECONDS))
