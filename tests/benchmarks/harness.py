"""What every benchmark shares: measurements, what is demanded of them, and fresh processes to measure in.

This module, and whatever a benchmark imports at module level, stays light: Linux counts the starting process's own
memory in the peak of the process that it starts, so a heavy parent would hide what a child needs.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

KIB: Final = 1_024
MB: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Demand:
    """A figure that has to stay within a limit.

    Attributes:
        what: What the figure is.
        value: The figure.
        limit: The most that it may be.
    """

    what: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        """Whether the figure is within its limit."""
        return self.value <= self.limit

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.what} {self.value:.2f}, within {self.limit:g}: {'yes' if self.met else 'no'}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        benchmark: The benchmark's name.
        case: What was measured.
        records: How many records went through.
        seconds: How long that took.
        peak_mb: Peak resident memory of the process, in megabytes.
        demand: What is demanded, if anything.
    """

    benchmark: str
    case: str
    records: int
    seconds: float
    peak_mb: float
    demand: Demand | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the printed table."""
        rate = f"{self.records / self.seconds:,.0f}" if self.records else ""
        return (
            self.benchmark,
            self.case,
            f"{self.records:,}",
            f"{self.seconds:.2f}",
            rate,
            f"{self.peak_mb:.1f}",
            str(self.demand or ""),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the same for a program."""
        values = asdict(self)
        values["records_per_second"] = self.records / self.seconds if self.records else None
        if self.demand:
            values["demand"]["met"] = self.demand.met
        return values


HEADINGS: Final = ("benchmark", "case", "records", "seconds", "records/s", "peak MB", "demand")
NUMBERS: Final = frozenset({"records", "seconds", "records/s", "peak MB"})

Benchmark = Callable[[], Iterator[Row]]
"""A benchmark yields its rows as it measures them."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a process said of itself: its peak resident memory, and how long its work took."""

    peak_mb: float
    seconds: float


def in_fresh_process(module: str, *arguments: str) -> Measured:
    """Run `python -m module arguments`, which ends with `report`, and return what it reported.

    Raises:
        subprocess.CalledProcessError: It failed; its error output has been shown.
    """
    command = [sys.executable, "-m", module, *arguments]
    finished = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
    return Measured(**json.loads(finished.stdout.splitlines()[-1]))


def report(seconds: float) -> None:
    """Print, as the last line of a measured process, what `in_fresh_process` returns."""
    print(json.dumps(asdict(Measured(peak_mb(), seconds))))


def peak_mb() -> float:
    """Return this process's peak resident memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else KIB) / MB


def table(rows: list[Row]) -> str:
    """Lay the rows out as text."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if heading in NUMBERS else cell.ljust(width)
            for cell, width, heading in zip(line, widths, HEADINGS, strict=True)
        ).rstrip()
        for line in lines
    )
