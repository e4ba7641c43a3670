"""What time the AWS services believe it is, and how long their sessions last: both can be changed for a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final


class Clock:
    """The AWS services' clock. There is one for all, as there is one moto."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Go right again, and let sessions last as long as is asked."""
        self.offset = timedelta()
        self.session_lifetime: int | None = None

    def now(self) -> datetime:
        """Give the time, UTC."""
        return datetime.now(UTC) + self.offset

    def end_of_session(self, duration: int) -> datetime:
        """Tell when a session ends that begins now and was asked for so many seconds."""
        seconds = duration if self.session_lifetime is None else self.session_lifetime
        return self.now() + timedelta(seconds=seconds)


CLOCK: Final = Clock()
