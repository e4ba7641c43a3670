"""Reading what browsers and clients send: parameters, cookies and client credentials.

Sources: RFC 6749, sections 2.3.1 and 3.1; RFC 7617 (Basic).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from localcloud.http1 import Request

FORM: Final = "application/x-www-form-urlencoded"
COOKIE_VALUE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""What 32 random bytes look like in base64url."""
JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class DuplicateError(Exception):
    """A parameter occurs twice; the message is its name."""


def pairs_of(request: Request) -> list[tuple[str, str]]:
    """Read the query of a GET or the form of a POST; a parameter without a value is as good as none."""
    if request.method != "POST":
        text = urlsplit(request.target).query
    elif request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        text = request.body.decode("utf-8", "replace")
    else:
        return []
    return parse_qsl(text)


def parameters_of(request: Request) -> dict[str, str]:
    """Read the same, each parameter once.

    Raises:
        DuplicateError: one occurs twice (RFC 6749, section 3.1).
    """
    found: dict[str, str] = {}
    for name, value in pairs_of(request):
        if name in found:
            raise DuplicateError(name)
        found[name] = value
    return found


def cookie_of(request: Request, name: str) -> str | None:
    """Read a cookie that `cookie` may have set."""
    for each in request.headers.get("cookie", "").split(";"):
        key, _, value = each.strip().partition("=")
        if key == name and COOKIE_VALUE.fullmatch(value):
            return value
    return None


def cookie(name: str, value: str | None) -> tuple[str, str]:
    """Write the header that sets a cookie of a browser session, or without a value removes it."""
    kept = f"{name}={value}" if value is not None else f"{name}=; Max-Age=0"
    # A form_post answer comes back from another site, so that Lax would lose the session.
    return ("Set-Cookie", f"{kept}; Path=/; Secure; HttpOnly; SameSite=None")


def basic_of(request: Request) -> tuple[str, str] | None:
    """Read a client id and secret from an Authorization header of scheme Basic; None if there are none."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(text, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return (unquote_plus(name), unquote_plus(secret)) if colon else None
