"""The app: every route behind the same guard, every answer with the same headers."""

from __future__ import annotations

from fastapi import FastAPI

from keywatch_airflow.page import accounts, deactivations, files, findings, keys, overview
from keywatch_airflow.page.access import GUARDS
from keywatch_airflow.page.headers import SafeAnswers
from keywatch_airflow.page.problems import answer_problems


def create_app() -> FastAPI:
    """Make the app; it asks Airflow and the store nothing until it is asked for a page."""
    app = FastAPI(
        title="Keywatch",
        dependencies=GUARDS,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for part in (overview, keys, accounts, findings, deactivations, files):  # what matches everything comes last
        app.include_router(part.router)
    app.add_middleware(SafeAnswers)
    answer_problems(app)
    return app
