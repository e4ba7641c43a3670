"""Sending a browser back to a client with an answer.

Sources: OAuth 2.0 Multiple Response Type Encoding Practices; OAuth 2.0 Form Post Response Mode; RFC 9700, section 4.12
(303 rather than a status by which a browser repeats the form).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

from localcloud.http1 import Response
from localcloud.identity.pages import form_post
from localcloud.identity.requests import Reply

Headers = Iterable[tuple[str, str]]


def redirect(target: str, values: Mapping[str, str], headers: Headers = (), mark: str = "?") -> Response:
    """Send a browser on, with parameters behind `mark`."""
    query = urlencode(values, quote_via=quote)
    if mark == "?" and "?" in target:
        mark = "&"
    where = f"{target}{mark}{query}" if query else target
    return Response(303, headers=(("Location", where), ("Cache-Control", "no-store"), *headers))


def answer(title: str, reply: Reply, values: Mapping[str, str], headers: Headers = ()) -> Response:
    """Send an answer to a client, with the state that it gave."""
    told = dict(values) | ({} if reply.state is None else {"state": reply.state})
    if reply.mode == "form_post":
        return form_post(title, reply.redirect_uri, told, headers)
    return redirect(reply.redirect_uri, told, headers, "#" if reply.mode == "fragment" else "?")
