"""Access tokens as a request brings them, and the answer to those that do not suffice (RFC 6750)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from fastapi import Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from keywatch.errors import AccessTokenError

QUERY_PARAMETER: Final = "access_token"
"""Where a token must not be: addresses are written into logs (RFC 6750, section 5.3)."""

CREDENTIALS: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?: +(.*))?")
"""A scheme, and what follows (RFC 9110, section 11.4)."""

B64TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750, section 2.1."""

STATUSES: Final = {"invalid_request": HTTPStatus.BAD_REQUEST, "insufficient_scope": HTTPStatus.FORBIDDEN}
"""RFC 6750, section 3.1; every other code is answered by 401."""


class BearerToken(SecurityBase):
    """Takes the access token from a request; in the OpenAPI document, the security scheme `bearer`."""

    def __init__(self) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="An access token of the identity provider.")
        self.scheme_name = "bearer"

    async def __call__(self, request: Request) -> str:
        """Return the token, as yet believed in nothing.

        Raises:
            AccessTokenError: None came, or not in the one header that it may come in.
        """
        if QUERY_PARAMETER in request.query_params:
            raise AccessTokenError("Send the token in the Authorization header, not in the address.", "invalid_request")
        given = request.headers.getlist("authorization")
        if len(given) > 1:
            raise AccessTokenError("There are several Authorization headers. Send one.", "invalid_request")
        return _token(given[0] if given else "")


def _token(header: str) -> str:
    credentials = CREDENTIALS.fullmatch(header.strip(" \t"))
    if header and not credentials:
        raise AccessTokenError("The Authorization header cannot be read. Send Bearer and the token.", "invalid_request")
    if not credentials or credentials[1].lower() != "bearer":
        raise AccessTokenError("There is no access token. Send one as Authorization: Bearer.")
    token = credentials[2] or ""
    if not B64TOKEN.fullmatch(token):
        raise AccessTokenError("What follows Bearer is no token. Send one, and nothing else.", "invalid_request")
    return token


def status_of(error: AccessTokenError) -> HTTPStatus:
    """Return the status that answers an error."""
    return STATUSES.get(error.error or "", HTTPStatus.UNAUTHORIZED)


def www_authenticate(realm: str, error: AccessTokenError) -> str:
    """Write the header that says what is wanted (RFC 6750, section 3).

    Args:
        realm: What the API is called.
        error: Without a code, nothing is said but that a token is wanted.
    """
    parameters = {"realm": realm}
    if error.error:
        parameters |= {"error": error.error, "error_description": str(error)} | error.parameters
    return "Bearer " + ", ".join(f"{name}={_quoted(name, value)}" for name, value in parameters.items())


def _quoted(name: str, value: str) -> str:
    """Write a quoted-string (RFC 9110, section 5.6.4) of what every header may have: printable ASCII."""
    printable = re.sub(r"[^ -~]", "?", value)
    if name == "error_description":  # which may have neither of the two (RFC 6750, section 3)
        printable = printable.replace('"', "'").replace("\\", "/")
    return '"' + re.sub(r'(["\\])', r"\\\1", printable) + '"'
