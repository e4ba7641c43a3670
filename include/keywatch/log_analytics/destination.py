"""What delivery needs of a destination, whichever API is behind it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from keywatch import metrics
from keywatch.errors import AuthorizationRefusedError, KeywatchError
from keywatch.log_analytics.gauge import BodyGauge, Gauge, WireGauge
from keywatch.transport import Transport
from keywatch.transport.retry import retrying


@dataclass(frozen=True, slots=True)
class Sent:
    """How a body was accepted.

    Attributes:
        attempts: Requests made for it.
        perhaps_twice: Whether an earlier attempt got no answer, and so may have been stored as well.
        wire: Bytes after gzip; 0 if the body was not compressed.
    """

    attempts: int = 1
    perhaps_twice: bool = False
    wire: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a request may be.

    Attributes:
        body: The most bytes of a body before compression.
        wire: The most bytes after gzip; None if only the body counts.
        usual: The most bytes of a body unless the user says otherwise.
    """

    body: int
    usual: int
    wire: int | None = None

    def gauge(self, limit: int | None = None) -> Gauge:
        """Make a gauge for one file.

        Args:
            limit: The most bytes of a body, never more than the destination allows; None means the usual.

        Raises:
            ValueError: The limit cannot hold even an empty record.
        """
        most = min(limit or self.usual, self.body)
        return BodyGauge(most) if self.wire is None else WireGauge(most, self.wire)

    def percent(self, body: int, wire: int, limit: int | None = None) -> float:
        """Tell how full an accepted request was: 100 is full, by the limit that it came nearest to.

        Args:
            body: Its bytes before compression.
            wire: Its bytes after gzip.
            limit: As in `gauge`.
        """
        most = min(limit or self.usual, self.body)
        return 100 * max(body / most, 0 if self.wire is None else wire / self.wire)


class Destination(Protocol):
    """A table that accepts request bodies of records. Called from several threads at once."""

    @property
    def name(self) -> str:
        """Where the records go, down to the table; whatever else changes, the same place has the same name."""
        ...

    @property
    def limits(self) -> Limits:
        """How large a request may be."""
        ...

    @property
    def encode(self) -> Callable[[bytes], bytes] | None:
        """Makes the table's form of a staged record; None if that is the staged one."""
        ...

    def send(self, body: bytes) -> Sent:
        """Send one JSON array of records and return once it is accepted.

        Raises:
            RequestTooLargeError: Halves of the body may be accepted.
            KeywatchError: It was not accepted.
        """
        ...


def send_until_accepted(
    post: Callable[[], None], transport: Transport, log: logging.Logger, renew: Callable[[], None] = lambda: None
) -> Sent:
    """Make a request, and make it again while that may help.

    Args:
        post: Makes one attempt, signed anew.
        transport: Says how often, and how patiently.
        log: Is told of every attempt that failed.
        renew: Sees to it that the next attempt has another token, since one that is refused may have been withdrawn.

    Returns:
        How often it was sent, and whether an attempt without an answer may have been stored too.

    Raises:
        KeywatchError: The last attempt's. Its `perhaps_done` speaks for all attempts.
    """
    attempts, perhaps_twice = 0, False

    def post_once() -> None:
        nonlocal attempts
        attempts += 1
        metrics.count(metrics.CALLS_MADE, service="log_analytics")
        post()

    def post_with_a_second_token() -> None:
        try:
            post_once()
        except AuthorizationRefusedError as error:
            if not error.of_the_token:
                raise
            log.warning("%s One more attempt follows, with another token.", error)
            renew()
            post_once()

    for attempt in retrying(transport, log, "log_analytics"):
        with attempt:
            try:
                post_with_a_second_token()
            except KeywatchError as error:
                perhaps_twice |= error.perhaps_done
                error.perhaps_done = perhaps_twice
                raise
    return Sent(attempts, perhaps_twice)
