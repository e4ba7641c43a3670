"""Progress of long work, in the log, every few seconds."""

from __future__ import annotations

import logging
import time


class Progress:
    """Logs a line of counts at most once per interval.

    Args:
        log: Where the lines go.
        what: What is being done, first in every line.
        interval: Seconds between two lines.
    """

    def __init__(self, log: logging.Logger, what: str, interval: float = 5.0) -> None:
        self._log = log
        self._what = what
        self._interval = interval
        self._next = time.monotonic() + interval

    def tick(self, **counts: int) -> None:
        """Log the counts if the interval has passed since the last line."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._interval
            self.done(**counts)

    def done(self, **counts: int) -> None:
        """Log the counts now."""
        self._log.info(
            "%s: %s", self._what, ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
        )
