"""What delivery needs of a destination, whichever API is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sent:
    """How a body was accepted.

    Attributes:
        attempts: Requests made for it.
        perhaps_twice: Whether an earlier attempt got no answer, and so may have been stored as well.
    """

    attempts: int = 1
    perhaps_twice: bool = False


class Destination(Protocol):
    """A table that accepts request bodies of records. Called from several threads at once."""

    @property
    def max_bytes(self) -> int:
        """The most bytes that one body may have."""
        ...

    def send(self, body: bytes) -> Sent:
        """Send one JSON array of records and return once it is accepted.

        Raises:
            RequestTooLargeError: Halves of the body may be accepted.
            KeywatchError: It was not accepted.
        """
        ...
