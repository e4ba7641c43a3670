"""Pages about what has gone wrong: what happened, and what to do."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from keywatch.errors import (
    AccountChangedError,
    BadQueryError,
    InvitationError,
    KeywatchError,
    NoAccountError,
    SignInError,
    TransientError,
)
from keywatch.portal.web.api_client import SignInNeeded, StepUpNeeded
from keywatch.portal.web.rendering import page
from keywatch.portal.web.visitor import ForgedFormError, SignedOutError, Visitor, forget, visitor

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """What a page says.

    Attributes:
        status: Of the answer.
        title: What has happened.
        text: What to do.
        sign_in: Whether the page leads to the sign-in.
    """

    status: int
    title: str
    text: str
    sign_in: bool = False


SIGNED_OUT: Final = Problem(
    HTTPStatus.UNAUTHORIZED,
    "You are not signed in",
    "You have not signed in yet, or your session has ended. Nothing was changed.",
    sign_in=True,
)
FORGED: Final = Problem(
    HTTPStatus.FORBIDDEN,
    "This form is out of date",
    "Nothing was changed. Open the page again, and send it from there.",
)
UNAVAILABLE: Final = Problem(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "This does not work at the moment",
    "Try again in a minute. If you were changing something, look at your account first: it may have been done.",
)
BROKEN: Final = Problem(
    HTTPStatus.INTERNAL_SERVER_ERROR, "The portal is not set up as it should be", "It has been written down."
)
NO_STEP_UP: Final = Problem(
    HTTPStatus.FORBIDDEN,
    "Your second factor was not recognised",
    "You have signed in again, and the sign-in does not say that you have used a second factor. Nothing was changed.",
)
UNREADABLE: Final = Problem(HTTPStatus.BAD_REQUEST, "That cannot be read", "Go back, and fill in the form again.")
OF_A_STATUS: Final[dict[int, str]] = {
    HTTPStatus.NOT_FOUND: "There is no such page",
    HTTPStatus.METHOD_NOT_ALLOWED: "A page cannot be asked like this",
}


IN_ITS_WORDS: Final[tuple[tuple[type[KeywatchError], HTTPStatus, str], ...]] = (
    (SignInError, HTTPStatus.BAD_REQUEST, "You could not be signed in"),
    (InvitationError, HTTPStatus.FORBIDDEN, "This invitation cannot be accepted"),
    (NoAccountError, HTTPStatus.NOT_FOUND, "You have no account here"),
    (AccountChangedError, HTTPStatus.CONFLICT, "Your account has been changed meanwhile"),
)
"""Errors whose own words are meant for who looks at the page."""

ALWAYS_THE_SAME: Final[tuple[tuple[type[Exception], Problem], ...]] = (
    (SignedOutError, SIGNED_OUT),
    (SignInNeeded, SIGNED_OUT),
    (ForgedFormError, FORGED),
    (StepUpNeeded, NO_STEP_UP),
    (RequestValidationError, UNREADABLE),
    (BadQueryError, UNREADABLE),
    (TransientError, UNAVAILABLE),
)


def problem_of(error: Exception) -> Problem:
    """Say what a page says of an error."""
    for kind, status, title in IN_ITS_WORDS:
        if isinstance(error, kind):
            return Problem(status, title, str(error), sign_in=kind is SignInError)
    for kind_of_error, problem in ALWAYS_THE_SAME:
        if isinstance(error, kind_of_error):
            return problem
    if isinstance(error, HTTPException):
        title = OF_A_STATUS.get(error.status_code, "That does not work")
        return Problem(error.status_code, title, "See whether the address is complete.")
    return BROKEN


def handle_problems(app: FastAPI) -> None:
    """Answer with a page whatever goes wrong."""

    def answer(request: Request, error: Exception) -> Response:
        try:
            current = visitor(request)
        except KeywatchError as broken:
            problem = problem_of(error)
            _write_down(request.url.path, broken, problem)
            return PlainTextResponse(f"{problem.title}\n{problem.text}\n", problem.status)
        return answer_of(current, request.url.path, error)

    for kind in (KeywatchError, SignInNeeded, StepUpNeeded, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer)


def answer_of(current: Visitor, path: str, error: Exception) -> Response:
    """Make the page about an error, and write down what somebody has to mend.

    Args:
        current: Who looks at it.
        path: What was asked for.
        error: What has gone wrong.

    Raises:
        StoreUnavailableError: Sessions cannot be written.
    """
    problem = problem_of(error)
    _write_down(path, error, problem)
    if isinstance(error, SignInNeeded):
        current.end()
    if problem is SIGNED_OUT:
        current = Visitor(current.portal, None, None)
    response = page(current, "problem", problem.status, problem=problem, then=path.strip("/").partition("/")[0])
    if problem is SIGNED_OUT:
        forget(response)
    return response


def _write_down(path: str, error: Exception, problem: Problem) -> None:
    if problem is BROKEN and not isinstance(error, KeywatchError):
        log.error("%s failed: %s", path, type(error).__name__, exc_info=error)
    elif problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR or problem is NO_STEP_UP:
        log.error("%s failed: %s", path, str(error) or type(error).__name__)
    elif isinstance(error, KeywatchError):
        log.warning("%s refused: %s", path, error)
