"""What is measured after each run of a soak."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import psutil

from localcloud.standalone import Standalone

MEGABYTE: Final = 1_048_576
KILOBYTE: Final = 1_024
ROLES: Final = ("api-server", "scheduler", "dag-processor", "triggerer")

Figures = dict[str, float]
"""A run's figures, by name: `scheduler MB`, `workers files`, `staging kB` and so on."""


def long_lived(standalone: Standalone) -> dict[str, list[psutil.Process]]:
    """Find the processes that outlive runs, by role: Airflow's four with what they started, and the workers.

    A dag processor starts processes that end by themselves; of it, it alone is taken.
    """
    main, *_ = standalone.processes()
    found: dict[str, list[psutil.Process]] = {"workers": []}
    for child in main.children():
        role = next(role for role in ROLES if role in " ".join(child.cmdline()).replace("api_server", "api-server"))
        below = {each: _name(each) for each in child.children() if role != "dag-processor"}
        found[role] = [child, *(each for each, name in below.items() if name and "LocalExecutor" not in name)]
        found["workers"] += [each for each, name in below.items() if "LocalExecutor" in name]
    return found


def _name(process: psutil.Process) -> str:
    """Return what Airflow calls a process; nothing of one that has ended."""
    with contextlib.suppress(psutil.NoSuchProcess, IndexError):
        return process.cmdline()[0]
    return ""


def measure(processes: dict[str, list[psutil.Process]], staging: Path) -> Figures:
    """Measure memory that is a process's own (USS), open files and connections, staging area and report store.

    Raises:
        psutil.NoSuchProcess: A process has ended that should live on.
    """
    figures: Figures = {}
    for role, members in processes.items():
        figures[f"{role} MB"] = sum(each.memory_full_info().uss for each in members) / MEGABYTE
        figures[f"{role} files"] = sum(each.num_fds() for each in members)
    files = [path for path in staging.rglob("*") if path.is_file()]
    figures["staging runs"] = len(runs(staging))
    figures["staging files"] = len(files)
    figures["staging kB"] = sum(path.stat().st_size for path in files) / KILOBYTE
    store = staging.parent / "keywatch_report.db"
    figures["store kB"] = store.stat().st_size / KILOBYTE if store.is_file() else 0.0  # an empty DAG has none
    return figures


def runs(staging: Path) -> set[str]:
    """Name the folders of runs in a staging area."""
    return {path.name for path in (staging / "runs").glob("*")}
