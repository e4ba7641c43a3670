"""The small store behind the pages: one document per run, and the latest.

<staging>/report/runs/<run>.json
<staging>/report/latest.json
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from keywatch.staging import StagingPath, make_folder, write_json


def write_report(
    staging: StagingPath,
    run_name: str,
    summary: Mapping[str, Any],
    accounts: Sequence[Mapping[str, Any]],
    now: datetime,
) -> None:
    """Write a run's report and make it the latest.

    Args:
        staging: The staging area.
        run_name: The run's folder name.
        summary: Counts and problems of the run.
        accounts: The audit row of every account.
        now: UTC.
    """
    report = {**summary, "published_at": now.isoformat(timespec="seconds"), "audit": list(accounts)}
    folder = staging / "report" / "runs"
    make_folder(folder)
    write_json(folder / f"{run_name}.json", report)
    write_json(staging / "report" / "latest.json", report)
