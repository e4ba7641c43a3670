"""What every benchmark shares: rows and demands, and fresh processes to measure in.

This module, and whatever a benchmark imports at module level, stays light: Linux counts the starting process's own
memory in the peak of the process that it starts, so a heavy parent would hide what a child needs.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

KIB: Final = 1_024
MB: Final = 1_000_000

LEADING_ELSEWHERE: Final = re.compile(r"^AWS_|_PROXY$|_CA_BUNDLE$|^SSL_CERT_FILE$", re.IGNORECASE)

Figure = int | float | str | None
"""What stands in a cell; None leaves it empty."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A figure that has to keep to a limit.

    Attributes:
        what: What the figure is.
        value: The figure; None if it could not be had, which meets nothing.
        limit: Its limit.
        at_least: Whether that is the least, and not the most, that it may be.
    """

    what: str
    value: float | None
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure keeps to its limit."""
        if self.value is None:
            return False
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def as_json(self) -> dict[str, Any]:
        """Return the demand for a program."""
        return {**asdict(self), "met": self.met}


@dataclass(frozen=True, slots=True)
class Note:
    """What a reader of the section has to know first: a population, or how a figure was had."""

    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a section.

    Attributes:
        case: What was measured.
        figures: What came out, by heading; every row of a section has the same headings, or some of them.
        demands: What is demanded of it.
    """

    case: str
    figures: Mapping[str, Figure]
    demands: tuple[Demand, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the row for a program."""
        return {
            "case": self.case,
            "figures": dict(self.figures),
            "demands": [demand.as_json() for demand in self.demands],
        }


Benchmark = Callable[[], Iterator[Note | Row]]
"""A benchmark yields what it has as it measures."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a process said of itself.

    Attributes:
        seconds: How long its work took.
        cpu_seconds: Processor time of that work, all threads together.
        peak_mb: Peak resident memory of the process, in megabytes, imports included.
        more: What else it reported.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read what `report` printed."""
        return cls(**json.loads(line))


def in_fresh_process(module: str, *arguments: str) -> Measured:
    """Run `python -m module arguments`, which ends with `report`, and return what it reported.

    Raises:
        subprocess.CalledProcessError: It failed; its error output has been shown.
    """
    told = [argument for argument in arguments if "/" not in argument]  # neither URLs nor paths
    progress(" ".join([module.rpartition(".")[2], *told]))
    command = [sys.executable, "-m", module, *arguments]
    finished = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, env=clean_environment())
    return Measured.parse(finished.stdout.splitlines()[-1])


def clean_environment() -> dict[str, str]:
    """Return the environment without what leads clients elsewhere: proxies, certificate bundles, AWS settings."""
    kept = {name: value for name, value in os.environ.items() if not LEADING_ELSEWHERE.search(name)}
    return kept | {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


class Stopwatch:
    """Seconds and processor time of a block, once it has ended."""

    seconds = 0.0
    cpu_seconds = 0.0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Measure a block."""
    watch = Stopwatch()
    began, began_cpu = time.monotonic(), time.process_time()
    yield watch
    watch.seconds, watch.cpu_seconds = time.monotonic() - began, time.process_time() - began_cpu


def report(watch: Stopwatch, **more: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """Print, as the last line of a measured process, what `in_fresh_process` returns."""
    print(json.dumps(asdict(Measured(watch.seconds, watch.cpu_seconds, peak_mb(), more))))


def peak_mb() -> float:
    """Return this process's peak resident memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else KIB) / MB


def progress(text: str) -> None:
    """Tell who waits what is being measured."""
    print(f"{time.strftime('%H:%M:%S')} measuring: {text}", file=sys.stderr, flush=True)
