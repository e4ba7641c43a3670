"""Runs of DAG azure_activity_report, and what they stored."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from localcloud import LocalCloud, SeededEvent
from localcloud.airflow_home import airflow
from tests.airflow.conftest import Home

DAG_ID = "azure_activity_report"
ACTIVITY = "Azure_Activity_CL"
MACHINES = "Azure_Virtual_Machine_CL"
AUDIT = "Azure_Subscription_Audit_CL"
DAY = timedelta(days=1)


def midnight(days_ago: int = 0) -> datetime:
    """Return the beginning of a day, UTC."""
    return datetime.combine(datetime.now(UTC).date(), time(), UTC) - days_ago * DAY


def backfilled_days(count: int) -> Iterator[tuple[datetime, datetime]]:
    """Yield the last whole days, the newest first."""
    for days_ago in range(1, count + 1):
        yield midnight(days_ago), midnight(days_ago - 1)


@dataclass(frozen=True)
class Activity:
    """A home, and what its local cloud has stored."""

    home: Home

    @property
    def cloud(self) -> LocalCloud:
        """The local cloud that the home's connections lead to."""
        return self.home.cloud

    def run(self, **params: object) -> subprocess.CompletedProcess[str]:
        """Run the DAG as on a laptop."""
        return airflow(self.home.env, "dags", "test", DAG_ID, "-c", json.dumps(params), capture_output=True)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return what is stored in a table."""
        return self.cloud.rows(table)

    def event_ids(self) -> list[str]:
        """Return the ids of the stored events, with those that are there twice, sorted."""
        return sorted(row["EventDataId_s"] for row in self.rows(ACTIVITY))


def ids(events: Sequence[SeededEvent]) -> list[str]:
    """Return the ids of events, sorted."""
    return sorted(event.event_data_id for event in events)
