"""Whether a figure grows over the runs of a soak."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.soak.figures import Figures

EARLY: Final = slice(10, 15)
"""Runs 11 to 15: by then every worker has imported what it needs, and the scheduler has made the one step of 45 MB that
it makes with an empty DAG as well, somewhere in its first ten runs."""
LATE_RUNS: Final = 5
LEAST_RUNS: Final = EARLY.stop + LATE_RUNS

MORE: Final[dict[str, float]] = {
    "MB": 5.0,
    "files": 5.0,
    "staging runs": 0.0,
    "staging files": 12.0,
    "staging kB": 6.0,
    "store kB": 60.0,
}
"""What the later runs may have more, by figure or unit; what is not named may grow by one a run.

With an empty DAG Airflow itself gains up to 2 MB, and its open files go up and down by 3 to 6. Of thirty runs a leak of
350 kB, or of one file in three runs, is more than this. The staging area holds four runs; each answer that was lost, at
most three in a run, leaves a file. The report store keeps a row for each run, and for each account in it.
"""


@dataclass(frozen=True)
class Growth:
    """How a figure changes.

    Attributes:
        name: Of the figure.
        early: Its median over runs 11 to 15.
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
    one_a_run = len(values) - LEAST_RUNS + LATE_RUNS
    more = MORE.get(name, MORE.get(name.rpartition(" ")[2], one_a_run))
    return Growth(name, early, late, early + more)
