"""Headers that every answer has: what a browser may load, run and keep."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = (
    "default-src 'none'; script-src 'self'{script}; style-src 'self'{style}; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)

HEADERS: Final = {
    "Content-Security-Policy": POLICY.format(script="", style=""),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Unless an answer has its own."""


def policy_with(*, script: str, style: str) -> str:
    """Return the policy of a page that holds one script and one style sheet itself.

    Args:
        script: Its hash, as CSP writes it.
        style: Its hash.
    """
    return POLICY.format(script=f" '{script}'", style=f" '{style}'")


class SafeAnswers:
    """Gives every answer its headers, and an answer to HEAD no body.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            elif scope["method"] == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, send_safely)
