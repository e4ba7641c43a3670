"""Clocks that are an hour off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keywatch.errors import AuthorizationRefusedError, KeywatchError, SessionRefusedError, TokenRefusedError
from tests.faults.audit import To
from tests.faults.case import Case, Ends

HOUR: Final = 3_600


@dataclass(frozen=True, kw_only=True)
class ClockCase(Case):
    """One clock that is off.

    Attributes:
        worker: Seconds by which the worker's clock is ahead, as far as Azure is concerned.
        aws: Seconds by which AWS's clock is ahead of the worker's.
        to: Where the records go.
        words: A part of what the error says.
    """

    worker: int = 0
    aws: int = 0
    to: To = "Logs Ingestion"
    words: str = "clock"


def _case(
    stage: str, fault: str, error: type[KeywatchError], worker: int = 0, aws: int = 0, to: To = "Logs Ingestion"
) -> ClockCase:
    return ClockCase(
        stage=stage,
        fault=fault,
        ends=Ends.REFUSED,
        how="no further try, since none can help",
        sees="says that the clock has to be set",
        error=error,
        worker=worker,
        aws=aws,
        to=to,
    )


CASES: Final = (
    _case("CreateSession", "the worker's clock an hour behind", SessionRefusedError, aws=HOUR),
    _case("CreateSession", "the worker's clock an hour ahead", SessionRefusedError, aws=-HOUR),
    _case("token endpoint", "the worker's clock an hour behind", TokenRefusedError, worker=-HOUR),
    _case("token endpoint", "the worker's clock an hour ahead", TokenRefusedError, worker=HOUR),
    _case(
        "load, Data Collector",
        "the worker's clock an hour behind",
        AuthorizationRefusedError,
        -HOUR,
        to="Data Collector",
    ),
    _case(
        "load, Data Collector", "the worker's clock an hour ahead", AuthorizationRefusedError, HOUR, to="Data Collector"
    ),
)
