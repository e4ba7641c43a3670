"""The API, put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI

from keywatch.portal.api import accounts as accounts_routes
from keywatch.portal.api import public
from keywatch.portal.api.headers import HEADERS
from keywatch.portal.api.parts import Parts
from keywatch.portal.api.ports import AccountsPort, KeysPort
from keywatch.portal.api.problems import answer_problems
from keywatch.portal.headers import SafeAnswers
from keywatch.portal.provider.model import Provider
from keywatch.portal.tokens.signing_keys import SigningKeys

REALM: Final = "keywatch"


def create_api(
    provider: Provider,
    keys: SigningKeys,
    accounts: AccountsPort,
    owners_keys: KeysPort,
    clock: Callable[[], datetime],
    *,
    realm: str = REALM,
) -> FastAPI:
    """Make the API; it asks provider and store nothing until it is asked.

    Args:
        provider: Who issues the access tokens.
        keys: What those are signed with.
        accounts: The accounts of key owners.
        owners_keys: The keys that these answer for.
        clock: Returns the time, with its zone.
        realm: What `WWW-Authenticate` calls the API.
    """
    app = FastAPI(
        title=public.NAME,
        summary="What key owners read and change of themselves",
        version=version("keywatch"),
        openapi_url=public.DOCUMENT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = Parts(provider, keys, accounts, owners_keys, clock, realm)
    app.include_router(public.router)
    app.include_router(accounts_routes.router)
    app.add_middleware(SafeAnswers, headers=HEADERS)
    answer_problems(app)
    return app
