"""Whether a figure grows over the runs of a soak."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.soak.figures import Figures

EARLY: Final = slice(5, 10)
"""Runs 6 to 10: by then every worker has imported what it needs."""
LATE_RUNS: Final = 5

MORE: Final[dict[str, float]] = {"MB": 0.0, "files": 0.0, "runs": 0.0, "kB": 0.0, "reports": 25.0}


@dataclass(frozen=True)
class Growth:
    """How a figure changes.

    Attributes:
        name: Of the figure.
        early: Its median over runs 6 to 10.
        late: Its median over the last five.
        most: The most that `late` may be.
    """

    name: str
    early: float
    late: float
    most: float

    @property
    def grows(self) -> bool:
        """Whether it grows by more than it may."""
        return self.late > self.most


def growths(figures: Sequence[Figures]) -> list[Growth]:
    """Compare the figures of late runs with those of early ones.

    Args:
        figures: Of each run, in order.
    """
    return [_growth(name, [each[name] for each in figures]) for name in figures[0]]


def _growth(name: str, values: Sequence[float]) -> Growth:
    early, late = statistics.median(values[EARLY]), statistics.median(values[-LATE_RUNS:])
    return Growth(name, early, late, early + MORE[name.rpartition(" ")[2]])
