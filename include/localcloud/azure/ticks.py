"""Moments as Azure writes and counts them: in ticks, of which there are ten million in a second."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

TICKS: Final = 10_000_000
"""In a second."""
YEAR_1: Final = 62_135_596_800 * TICKS
"""Ticks from the year 1, where the counting begins, to 1970."""


def ticks_of(moment: datetime) -> int:
    """Give a moment in Azure's ticks."""
    whole = int(moment.replace(microsecond=0).timestamp())
    return YEAR_1 + whole * TICKS + moment.microsecond * 10


def ticks_text(ticks: int) -> str:
    """Write ticks as ISO 8601 UTC with seven decimals."""
    seconds, fraction = divmod(ticks - YEAR_1, TICKS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:07d}Z"
