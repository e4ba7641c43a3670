"""Changes as requests bring them: a JSON merge patch (RFC 7396) of what may be changed, and no more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import Request
from starlette.requests import ClientDisconnect

from keywatch.errors import AccessTokenError
from keywatch.portal.api.bearer import QUERY_PARAMETER
from keywatch.portal.api.problems import UnfitRequestError
from keywatch.portal.tokens.strict_json import read_object

LARGEST_BODY: Final = 64 * 1024
"""Bytes."""

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
FORM: Final = "application/x-www-form-urlencoded"

LONGEST_BENEFICIARY: Final = 256
REFUSED: Final = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"
"""Control characters, and what ends lines or turns the direction of a text."""

BENEFICIARY: Final = rf"^[^{REFUSED}]*[^\s{REFUSED}][^{REFUSED}]*$(?!\n)"
"""Plain text on one line, and not all of it white space."""

BODY: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "beneficiary": {
            "description": "Who takes over the keys; null for nobody. White space around it is left out.",
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": LONGEST_BENEFICIARY,
            "pattern": BENEFICIARY,
        }
    },
    "additionalProperties": False,
}
"""JSON Schema of the body."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be changed.

    Attributes:
        beneficiary: Who takes over the keys; None for nobody.
        is_empty: Whether nothing is to be changed.
    """

    beneficiary: str | None
    is_empty: bool


async def read_change(request: Request) -> Change:
    """Read the body of a request.

    Raises:
        AccessTokenError: It is a form with a token in it: `invalid_request` (RFC 6750, section 2.2 is not offered).
        UnfitRequestError: It is of another media type (415), too large (413), or not what `BODY` says (422).
    """
    kind = _media_type(request)
    body = await _read(request)
    if kind == FORM and QUERY_PARAMETER in parse_qs(body.decode("latin-1"), keep_blank_values=True, separator="&"):
        raise AccessTokenError("Send the token in the Authorization header, not in the body.", "invalid_request")
    if kind not in (JSON, MERGE_PATCH):
        raise UnfitRequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media_type", f"Send {JSON} or {MERGE_PATCH}, as UTF-8 and uncompressed."
        )
    try:
        return _change(read_object(body))
    except ValueError as error:
        raise UnfitRequestError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_body", f"The body is not usable: {error}. Correct it."
        ) from error


def _media_type(request: Request) -> str:
    """Return the media type, in lower case; the empty string for several, compressed ones and other encodings."""
    given = request.headers.getlist("content-type")
    kind, _, parameter = (given[0] if len(given) == 1 else "").partition(";")
    plain = "content-encoding" not in request.headers and parameter.strip().lower() in (
        *("", "charset=utf-8"),
        'charset="utf-8"',
    )
    return kind.strip().lower() if plain else ""


async def _read(request: Request) -> bytes:
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_BODY:
                raise UnfitRequestError(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"Send at most {LARGEST_BODY:,} bytes."
                )
    except ClientDisconnect as error:
        raise UnfitRequestError(HTTPStatus.BAD_REQUEST, "cut_short", "The body has no end. Send it again.") from error
    return body


def _change(patch: Mapping[str, Any]) -> Change:
    if set(patch) - {"beneficiary"}:
        raise ValueError("only beneficiary can be changed")
    text = patch.get("beneficiary")
    if text is not None and not _is_fit(text):
        raise ValueError(
            f"beneficiary is null, or 1 to {LONGEST_BENEFICIARY} characters on one line without control characters"
        )
    return Change(text, is_empty=not patch)


def _is_fit(text: object) -> bool:
    return isinstance(text, str) and len(text) <= LONGEST_BENEFICIARY and bool(re.fullmatch(BENEFICIARY, text))
