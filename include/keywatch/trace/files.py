"""Where traces lie, and what they are called: `<run folder>/trace/<task>-<map index>-<try>-<n>.har`."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final, TypeVar

from keywatch.staging import StagingPath, list_folder
from keywatch.trace.har import SUFFIX

P = TypeVar("P", bound=StagingPath)

FOLDER: Final = "trace"
LONGEST_NAME: Final = 80
UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class TracedTask:
    """One attempt at a task.

    Attributes:
        dag_id: Its DAG.
        task_id: Its name in the DAG, with its groups.
        map_index: Which one of a mapped task; -1 of another.
        try_number: Which attempt, from 1.
    """

    dag_id: str
    task_id: str
    map_index: int = -1
    try_number: int = 1

    @property
    def title(self) -> str:
        """What it is called in a trace."""
        which = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag_id} / {self.task_id}{which} / try {self.try_number}"

    @property
    def page_id(self) -> str:
        """What it is called by the entries of a trace: readable, and another one for every other title."""
        return f"{_readable(self.title)}-{hashlib.sha256(self.title.encode()).hexdigest()[:8]}"

    def file_name(self) -> str:
        """Return a name for its trace: safe on every store, and another one each time.

        A task that waits and goes on is one attempt, recorded several times.
        """
        which = str(self.map_index) if self.map_index >= 0 else "x"
        return f"{_readable(self.task_id)}-{which}-{self.try_number}-{secrets.token_hex(4)}{SUFFIX}"


def trace_folder(run_folder: P) -> P:
    """Return the folder of a run's traces, which is removed with the run's other files."""
    return run_folder / FOLDER


def har_files(run_folder: P) -> list[P]:
    """List a run's traces, by name; none if it has not been traced.

    Raises:
        StagingUnavailableError: The folder cannot be listed at the moment.
    """
    found = [path for path in list_folder(trace_folder(run_folder)) if path.name.endswith(SUFFIX)]
    return sorted(found, key=lambda path: path.name)


def _readable(text: str) -> str:
    return UNSAFE.sub("-", text)[:LONGEST_NAME].strip("-.")
