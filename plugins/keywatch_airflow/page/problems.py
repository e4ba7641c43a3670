"""Answers to what cannot be answered: pages for people, JSON for programs. None tells what is in the log."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from keywatch.errors import BadQueryError, KeywatchError, StoreBusyError, StoreSchemaError, StoreUnavailableError
from keywatch_airflow.page.access import is_let_in
from keywatch_airflow.page.headers import HEADERS
from keywatch_airflow.page.parameters import BadParameterError
from keywatch_airflow.page.rendering import render, render_alone

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, in words for whoever asked.

    Attributes:
        status: Of the answer.
        title: In a few words.
        text: What to do.
        parameter: Of the address, if one is to blame.
    """

    status: int
    title: str
    text: str
    parameter: str | None = None


UNEXPECTED: Final = Problem(
    500, "Something went wrong", "The page could not be made. What happened is in the log of Airflow's API server."
)

BUSY_SECONDS: Final = 30
"""When an export that found too many others under way may be tried again."""

UNAVAILABLE: Final = Problem(
    503,
    "The report store cannot be read",
    "Try again in a moment. Why it cannot is in the log of Airflow's API server.",
)

KNOWN: Final = {
    401: ("Sign in to see access keys", "This page shows the access keys of your organisation to signed-in users."),
    403: (
        "You may not see access keys",
        "Reading the DAG access_key_report is what opens this page. Ask whoever looks after your Airflow for it.",
    ),
    404: ("There is no such page", "The address may be mistyped, or what it showed is gone."),
    405: ("This page only shows", "It answers GET and HEAD alone."),
}


def answer_problems(app: FastAPI) -> None:
    """Have an app answer every error by a page."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(KeywatchError, _of_keywatch)
    app.add_exception_handler(Exception, _of_anything)


async def _of_http(request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else UNEXPECTED.status
    title, text = KNOWN.get(code, (HTTPStatus(code).phrase, "The request cannot be answered."))
    if code == HTTPStatus.NOT_FOUND and isinstance(error, NotKnownError):
        title, text = error.title, error.text
    answer = _answer(request, Problem(code, title, text))
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


async def _of_keywatch(request: Request, error: Exception) -> Response:
    if isinstance(error, BadParameterError):
        return _answer(request, Problem(400, "The address asks for something unknown", str(error), error.name))
    if isinstance(error, BadQueryError):
        return _answer(request, Problem(400, "The address asks for something unknown", str(error)))
    if isinstance(error, StoreBusyError):
        answer = _answer(request, Problem(503, "Too many exports at once", str(error)))
        answer.headers["Retry-After"] = str(BUSY_SECONDS)
        return answer
    log.error("The report store cannot be used.", exc_info=error)
    if isinstance(error, StoreUnavailableError):  # which names host and database, no matter of whoever looks
        return _answer(request, UNAVAILABLE)
    is_other = isinstance(error, StoreSchemaError)
    title = "The report store has another version" if is_other else "The report store is not set up"
    return _answer(request, Problem(503, title, str(error)))


async def _of_anything(request: Request, _error: Exception) -> Response:
    """Answer what nobody foresaw; whoever called the app gets the error too, and logs it."""
    answer = _answer(request, UNEXPECTED, alone=True)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


def _answer(request: Request, problem: Problem, *, alone: bool = False) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        parameter = {"parameter": problem.parameter} if problem.parameter else {}
        return JSONResponse({"title": problem.title, "detail": problem.text, **parameter}, problem.status)
    if alone or not is_let_in(request):
        return render_alone(request, "alone.html", problem.status, problem=problem)
    return render(request, "problem.html", problem.status, problem=problem)


class NotKnownError(HTTPException):
    """What an address names is not in the store.

    Attributes:
        title: In a few words.
        text: What may be the reason.
    """

    def __init__(self, title: str, text: str) -> None:
        super().__init__(404)
        self.title = title
        self.text = text
