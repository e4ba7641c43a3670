"""Headers that every answer of an app has, whatever has made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class SafeAnswers:
    """Gives every answer its headers; it is put around an app, so that it sees the answers to errors too.

    Args:
        app: What answers.
        headers: Beside `ALWAYS`.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = ALWAYS | dict(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_safely)
