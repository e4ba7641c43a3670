"""Requests and answers, made without a network."""

from __future__ import annotations

import json
from typing import Any

from keywatch.trace.bodies import Body, body_of_a_request
from keywatch.trace.entry import entry_of
from keywatch.trace.exchange import Answer, Exchange, Request
from keywatch.trace.known import KnownSecrets

HOST = "api.example"
LONGEST = 4096

Pairs = dict[str, str] | None


def exchange(
    url: str = f"https://{HOST}/path",
    *,
    method: str = "POST",
    headers: Pairs = None,
    body: object = None,
    status: int = 200,
    reason: str = "OK",
    answer_headers: Pairs = None,
    answer: bytes = b"",
    error: str | None = None,
    host: str = HOST,
) -> Exchange:
    """Make a request that has been answered."""
    seen = Body()
    seen.read(answer, len(answer), is_unpacked=False)
    request = Request(method, "https", host, url, tuple((headers or {}).items()), body_of_a_request(body))
    made = Exchange(request)
    answered = Answer(status, reason, "HTTP/1.1", tuple((answer_headers or {}).items()), seen, None, None)
    made.has_answered(answered if status else None)
    made.error = error
    return made


def line_of(made: Exchange, known: KnownSecrets | None = None, longest: int = LONGEST) -> str:
    """Give a request's entry as it is kept."""
    return entry_of(made, "page", known or KnownSecrets(), longest).decode()


def entry(made: Exchange, known: KnownSecrets | None = None, longest: int = LONGEST) -> dict[str, Any]:
    """Give a request's entry."""
    found: dict[str, Any] = json.loads(line_of(made, known, longest))
    return found


def headers_of(message: dict[str, Any]) -> dict[str, str]:
    """Give the headers of an entry's request or answer."""
    return {pair["name"]: pair["value"] for pair in message["headers"]}
