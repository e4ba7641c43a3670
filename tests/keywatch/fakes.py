"""Destinations in memory, which accept, refuse and lose answers as a test asks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from typing import Any

from keywatch.errors import RequestTooLargeError, UnreachableError
from keywatch.log_analytics.destination import Limits, Sent


class MemoryDestination:
    """Keeps the bodies that it accepts.

    Args:
        max_bytes: As the destination says.
        accepts: The most bytes that it really accepts; more is too large.
        errors: Raised by the next calls, one each; None lets a call pass.
        seconds: How long each call takes.
        name: As the destination says.

    Attributes:
        bodies: Accepted, in order.
        calls: How often it was asked.
        busiest: The most calls at the same time.
    """

    def __init__(
        self,
        max_bytes: int = 10_000,
        *,
        accepts: int | None = None,
        errors: Iterable[Exception | None] = (),
        seconds: float = 0.0,
        name: str = "memory",
    ) -> None:
        self._max_bytes = max_bytes
        self._accepts = accepts
        self._errors = list(errors)
        self._seconds = seconds
        self._name = name
        self._lock = threading.Lock()
        self._busy = 0
        self.bodies: list[bytes] = []
        self.calls = 0
        self.busiest = 0

    @property
    def name(self) -> str:
        """One table."""
        return self._name

    @property
    def limits(self) -> Limits:
        """How large a request may be."""
        return Limits(body=self._max_bytes, usual=self._max_bytes)

    @property
    def encode(self) -> None:
        """Records are taken as they are staged."""
        return None

    @property
    def records(self) -> list[Any]:
        """Every record accepted, in order of arrival, copies included."""
        return [record for body in self.bodies for record in json.loads(body)]

    def send(self, body: bytes) -> Sent:
        """Accept a body, or do what the test asked for."""
        with self._lock:
            self.calls += 1
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            error = self._errors.pop(0) if self._errors else None
        try:
            time.sleep(self._seconds)
            if self._accepts is not None and len(body) > self._accepts:
                raise RequestTooLargeError(f"{len(body)} bytes are too many")
            if error is not None:
                raise error
            with self._lock:
                self.bodies.append(body)
            return Sent()
        finally:
            with self._lock:
                self._busy -= 1


class MortalDestination(MemoryDestination):
    """Accepts some bodies; then the process dies, and nothing gets an answer any more.

    Args:
        max_bytes: As the destination says.
        sends: Bodies accepted before.
        stored: Whether the body at which it dies is stored all the same.
        accepts: The most bytes that it really accepts.

    Attributes:
        unanswered: Bodies stored without an answer.
    """

    def __init__(self, max_bytes: int, sends: int, *, stored: bool, accepts: int | None = None) -> None:
        super().__init__(max_bytes, accepts=accepts)
        self._sends = sends
        self._stored = stored
        self.unanswered: list[bytes] = []

    def send(self, body: bytes) -> Sent:
        """Accept a body, or die."""
        if self._accepts is not None and len(body) > self._accepts:
            return super().send(body)
        with self._lock:
            self._sends -= 1
            left = self._sends
        if left >= 0:
            return super().send(body)
        stored = self._stored and left == -1
        if stored:
            super().send(body)
            self.unanswered.append(body)
        raise UnreachableError("killed", perhaps_done=stored)
