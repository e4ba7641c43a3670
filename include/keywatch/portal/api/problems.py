"""Answers to what cannot be answered: problem details for programs (RFC 9457). None tells what is in the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from keywatch.errors import (
    AccessTokenError,
    AccountChangedError,
    BadQueryError,
    KeywatchError,
    NoAccountError,
    TransientError,
)
from keywatch.portal.api.bearer import status_of, www_authenticate
from keywatch.portal.api.headers import HEADERS

log = logging.getLogger(__name__)

PROBLEM_JSON: Final = "application/problem+json"

TITLES: Final[Mapping[int, str]] = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Phrases of RFC 9110, where Python's are older."""

WORDS: Final[Mapping[int, str]] = {
    404: "There is nothing at this address. GET /openapi.json says what there is.",
    405: "This address is not asked like this. GET /openapi.json says how.",
}
RETRY_SECONDS: Final = 30
"""When to try again where nothing says it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What an answer says.

    Attributes:
        status: Of the answer.
        code: What programs tell it by.
        detail: What to do.
        headers: Of the answer.
        errors: What is wrong with each parameter, never what it holds.
    """

    status: int
    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[str, ...] = ()


UNEXPECTED: Final = Problem(
    500, "unexpected", "Something went wrong. Try again; what happened is in the log of the API."
)
NO_ACCOUNT: Final = Problem(
    404, "no_account", "You have no account here. Ask the security team for an invitation, and open its link."
)


class UnfitRequestError(HTTPException):
    """A request cannot be carried out as it stands.

    Attributes:
        code: What programs tell it by.
    """

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(status, detail)
        self.code = code


def answer_problems(app: FastAPI) -> None:
    """Have an app answer every error by a problem."""
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(KeywatchError, _answer)
    app.add_exception_handler(Exception, _answer_unforeseen)


def problem_of(request: Request, error: Exception) -> Problem:
    """Say what is answered to an error."""
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, RequestValidationError):
        return Problem(422, "invalid_parameter", "Correct the parameters that errors names.", errors=_lines(error))
    if isinstance(error, AccessTokenError):
        wanted = {"WWW-Authenticate": www_authenticate(request.app.state.parts.realm, error)}
        return Problem(status_of(error), error.error or "no_token", str(error), wanted)
    return _of_keywatch(request, error) if isinstance(error, KeywatchError) else UNEXPECTED


def _of_http(error: HTTPException) -> Problem:
    if isinstance(error, UnfitRequestError):
        return Problem(error.status_code, error.code, error.detail)
    words = WORDS.get(error.status_code, error.detail)
    return Problem(error.status_code, HTTPStatus(error.status_code).name.lower(), words, error.headers or {})


def _of_keywatch(request: Request, error: KeywatchError) -> Problem:
    if isinstance(error, NoAccountError):
        return NO_ACCOUNT
    if isinstance(error, BadQueryError):
        return Problem(422, "invalid_parameter", str(error))
    if isinstance(error, AccountChangedError):
        return Problem(412 if "if-match" in request.headers else 409, "account_changed", str(error))
    seconds = error.retry_after if isinstance(error, TransientError) else None
    wait = {"Retry-After": f"{seconds or RETRY_SECONDS:.0f}"}
    return Problem(503, "unavailable", "This does not work at the moment. Try again in a minute.", wait)


async def _answer(request: Request, error: Exception) -> Response:
    problem = problem_of(request, error)
    _write_down(request, problem, error)
    return _response(problem)


async def _answer_unforeseen(_request: Request, _error: Exception) -> Response:
    """Answer what nobody foresaw; whoever called the app gets the error too, and logs it."""
    response = _response(UNEXPECTED)
    response.headers.update(HEADERS)
    return response


def _response(problem: Problem) -> Response:
    body = {
        "type": "about:blank",
        "title": TITLES.get(problem.status) or HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
    }
    errors = {"errors": list(problem.errors)} if problem.errors else {}
    return JSONResponse(body | errors, problem.status, dict(problem.headers), PROBLEM_JSON)


def _write_down(request: Request, problem: Problem, error: Exception) -> None:
    """Write one line: of the request, only the route that it has reached, whatever its address holds."""
    route = getattr(request.scope.get("route"), "path", "-")
    failed = problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    log.log(
        logging.ERROR if failed else logging.WARNING,
        'refused path=%s status=%d code=%s reason="%s"',
        route,
        problem.status,
        problem.code,
        " ".join(str(error).split()) if failed else problem.detail,
    )


def _lines(error: RequestValidationError) -> tuple[str, ...]:
    return tuple(f"{' '.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
