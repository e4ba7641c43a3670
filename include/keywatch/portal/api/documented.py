"""What the OpenAPI document says of answers beside those that an operation is for."""

from __future__ import annotations

from typing import Any, Final

from keywatch.portal.api.change import BODY, JSON, MERGE_PATCH
from keywatch.portal.api.problems import PROBLEM_JSON
from keywatch.portal.api.wire import ProblemAnswer

Responses = dict[int | str, dict[str, Any]]

MEANINGS: Final = {
    400: "The token is not where it should be, or the request cannot be read.",
    401: "There is no access token, it is not accepted, or it is not one of a sign-in with a second factor just now.",
    403: "The token does not grant the scope.",
    404: "The caller has no account.",
    405: "The address is not asked like this.",
    409: "Somebody else has changed the account meanwhile.",
    412: "The account has another version than If-Match names.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    422: "A parameter, or the body, is not usable.",
    500: "Something unforeseen went wrong.",
    503: "The report store, or the provider's signing keys, cannot be read at the moment.",
}
WANTED: Final = {"description": "What is wanted (RFC 6750, RFC 9470).", "schema": {"type": "string"}}
HEADERS: Final[dict[int, dict[str, Any]]] = {
    **{status: {"WWW-Authenticate": WANTED} for status in (401, 403)},
    503: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
}
ETAG: Final[dict[str, Any]] = {
    "headers": {"ETag": {"description": "The account's version, for If-Match.", "schema": {"type": "string"}}}
}
CHANGE_BODY: Final = {
    "required": True,
    "content": {kind: {"schema": BODY} for kind in (JSON, MERGE_PATCH)},
}
"""The body of a change."""


def problems(*statuses: int) -> Responses:
    """Describe problems by their statuses; every operation has 500 beside."""
    return {status: _problem(status) for status in (*statuses, 500)}


def _problem(status: int) -> dict[str, Any]:
    schema = ProblemAnswer.model_json_schema(mode="serialization")
    headers = {"headers": HEADERS[status]} if status in HEADERS else {}
    return {"description": MEANINGS[status], "content": {PROBLEM_JSON: {"schema": schema}}, **headers}
