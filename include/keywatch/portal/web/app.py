"""The web app, put together."""

from __future__ import annotations

from importlib.resources import files
from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from keywatch.portal.headers import SafeAnswers
from keywatch.portal.web.headers import headers_of
from keywatch.portal.web.journeys import router as journeys
from keywatch.portal.web.pages import router as pages
from keywatch.portal.web.portal import Portal
from keywatch.portal.web.problems import handle_problems

STATIC: Final = "/static"
LOOPBACK: Final = ("127.0.0.1", "localhost")
"""What whoever looks after the process calls it; no address on a page is made of it."""


def create_web(portal: Portal) -> ASGIApp:
    """Make the web app.

    Args:
        portal: Its parts.
    """
    app = FastAPI(title="Keywatch portal", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.portal = portal
    app.include_router(pages)
    app.include_router(journeys)
    app.mount(STATIC, StaticFiles(directory=str(files("keywatch.portal.web") / "static")), name="static")
    handle_problems(app)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[urlsplit(portal.web_url).hostname or "", *LOOPBACK])
    return SafeAnswers(app, headers_of(portal.provider.origins))
