"""Answers that are read from the store while they are sent."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import closing
from itertools import chain
from typing import Any, Final

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

log = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 30.0
"""How long a piece may wait to be taken: meanwhile a connection to the store is kept for it."""


class Download(StreamingResponse):
    """Sends pieces as they are made, and lets go of what they are made from as soon as nobody takes them.

    Args:
        pieces: Of the file; the first is made at once, so that what prevents it can still be answered.
        options: As `StreamingResponse` takes them.

    Raises:
        KeywatchError: As making the first piece does.
    """

    def __init__(self, pieces: Generator[str, None, None], **options: Any) -> None:  # noqa: ANN401 - Starlette's
        first = next(pieces)
        super().__init__(chain([first], pieces), **options)
        self._pieces = pieces

    async def stream_response(self, send: Send) -> None:
        """Send every piece, each within `PATIENCE_SECONDS`."""

        async def send_in_time(message: Message) -> None:
            with anyio.fail_after(PATIENCE_SECONDS):
                await send(message)

        with closing(self._pieces):
            try:
                await super().stream_response(send_in_time)
            except TimeoutError:  # the server closes the connection, for the answer is not whole
                log.warning("A download was given up: nobody took any of it for %.0f seconds.", PATIENCE_SECONDS)
