"""What a person sees in the terminal while Airflow works."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Final

TASK_EVENT: Final = re.compile(
    r"\[DAG TEST\] (?P<event>starting|end task) task_id=(?P<task>\S+) map_index=(?P<index>-?\d+)"
)
WORTH_SHOWING: Final = re.compile(r"\[(?:info|warning|error) *\] (?P<message>.*?) \[keywatch\.[\w.]+\]")
FAILURE: Final = re.compile(r"^keywatch\.errors\.\w+: ")


class Console:
    """Prints steps with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def step(self, text: str) -> None:
        """Print one step."""
        print(f"{time.monotonic() - self._start:5.0f} s  {text}", flush=True)

    def airflow_line(self, line: str) -> None:
        """Print what a line of Airflow's log means for a person, if anything."""
        if event := TASK_EVENT.search(line):
            if event["event"] == "starting":
                batch = "" if event["index"] == "-1" else f", batch {event['index']}"
                self.step(f"task {event['task']}{batch}")
        elif message := WORTH_SHOWING.search(line):
            self.step(f"  {message['message']}")
        elif FAILURE.match(line):
            self.step(f"  {line.rstrip()}")

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> str:
    """Lay out rows in columns, those named in `numbers` to the right, within the terminal's width."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells)) if cells else len(name) for i, name in enumerate(header)]
    width = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 120

    def line(row: Sequence[str]) -> str:
        parts = (
            cell.rjust(w) if name in numbers else cell.ljust(w)
            for name, cell, w in zip(header, row, widths, strict=True)
        )
        return "  ".join(parts).rstrip()[:width]

    return "\n".join([line(header), line(["-" * w for w in widths]), *map(line, cells)])
