"""The small store behind the pages: one document per run, and the latest.

<staging>/report/runs/<run>.json
<staging>/report/latest.json
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from keywatch.errors import StagingDamagedError, StagingGoneError
from keywatch.staging import StagingPath, make_folder, read_json, write_json


def write_report(
    staging: StagingPath,
    run_name: str,
    summary: Mapping[str, Any],
    accounts: Sequence[Mapping[str, Any]],
    now: datetime,
) -> None:
    """Write a run's report, and make it the latest unless a later run's is there.

    Args:
        staging: The staging area.
        run_name: The run's folder name.
        summary: Counts and problems of the run, and `listed_at`, when it began, ISO 8601 UTC.
        accounts: The audit row of every account.
        now: UTC.
    """
    report = {**summary, "published_at": now.isoformat(timespec="seconds"), "audit": list(accounts)}
    folder = staging / "report" / "runs"
    make_folder(folder)
    write_json(folder / f"{run_name}.json", report)
    latest = staging / "report" / "latest.json"
    if _listed_at(latest) <= str(summary["listed_at"]):
        write_json(latest, report)


def _listed_at(path: StagingPath) -> str:
    """Return when the run of a report began; before all others if there is none that can be read."""
    try:
        return str(read_json(path).get("listed_at", ""))
    except (StagingDamagedError, StagingGoneError):
        return ""
