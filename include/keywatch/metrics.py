"""What Keywatch counts, and where the counts go: nowhere, until somebody names a sink.

Counting costs a call per chunk, per account or per request for credentials, never one per record, and fails nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

log = logging.getLogger(__name__)


class Kind(StrEnum):
    """How a metric's values add up."""

    COUNTER = "counter"
    """They are summed."""
    DISTRIBUTION = "distribution"
    """Each stands for itself: mean, percentiles, histogram."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that is counted.

    Attributes:
        name: Begins with `keywatch.`.
        tags: The tags that every value has.
        kind: How values add up.
    """

    name: str
    tags: tuple[str, ...] = ()
    kind: Kind = Kind.COUNTER


RECORDS_EXTRACTED: Final = Metric("keywatch.records.extracted")
RECORDS_MALFORMED: Final = Metric("keywatch.records.malformed")
RECORDS_ACCEPTED: Final = Metric("keywatch.records.accepted", ("destination",))
RECORDS_REJECTED: Final = Metric("keywatch.records.rejected", ("destination",))
RECORDS_PERHAPS_TWICE: Final = Metric("keywatch.records.perhaps_twice", ("destination",))
CHUNKS_ACCEPTED: Final = Metric("keywatch.chunks.accepted", ("destination",))
CHUNK_FILL: Final = Metric("keywatch.chunks.fill_percent", ("destination",), Kind.DISTRIBUTION)
CALLS_MADE: Final = Metric("keywatch.calls.made", ("service",))
CALLS_RETRIED: Final = Metric("keywatch.calls.retried", ("service",))
CALLS_THROTTLED: Final = Metric("keywatch.calls.throttled", ("service",))
SIGNATURES_MADE: Final = Metric("keywatch.signatures.made", ("purpose",))
TOKENS_REQUESTED: Final = Metric("keywatch.tokens.requested")
SESSIONS_REQUESTED: Final = Metric("keywatch.sessions.requested")


class Sink(Protocol):
    """Takes counts. Called from several threads at once."""

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        """Add to a counter."""
        ...

    def observe(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        """Add a value to a distribution."""
        ...


class _Place:
    """Where this process's counts go."""

    sink: Sink | None = None
    complained: bool = False


def use(sink: Sink | None) -> Sink | None:
    """Send this process's counts to a sink from now on; None means nowhere.

    Returns:
        The sink until now.
    """
    before, _Place.sink, _Place.complained = _Place.sink, sink, False
    return before


def count(metric: Metric, value: int = 1, **tags: str) -> None:
    """Add to a counter; nothing is sent of 0."""
    if _Place.sink is not None and value:
        try:
            _Place.sink.count(metric.name, value, tags)
        except Exception as error:  # noqa: BLE001 - whatever a sink does, the audit goes on
            _complain(error)


def observe(metric: Metric, value: float, **tags: str) -> None:
    """Add a value to a distribution."""
    if _Place.sink is not None:
        try:
            _Place.sink.observe(metric.name, value, tags)
        except Exception as error:  # noqa: BLE001 - as above
            _complain(error)


def _complain(error: Exception) -> None:
    """Say once that counts are lost."""
    if not _Place.complained:
        _Place.complained = True
        log.warning("Metrics are not sent: %s: %s", type(error).__name__, error)
