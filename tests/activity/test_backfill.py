"""Earlier days by Airflow's own backfill command, with its scheduler running."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from localcloud.airflow_home import airflow
from localcloud.standalone import Standalone
from tests.activity.running import AUDIT, DAG_ID, MACHINES, Activity, ids, midnight
from tests.airflow.conftest import wait_for

DAYS = 7
MINUTES = 8


def runs_of(standalone: Standalone) -> list[dict[str, Any]]:
    """List the DAG's runs."""
    answer: dict[str, Any] = standalone.api("GET", f"/dags/{DAG_ID}/dagRuns", params={"limit": 100})
    return list(answer["dag_runs"])


def wait_until_ended(standalone: Standalone, count: int) -> list[dict[str, Any]]:
    """Wait until so many runs have ended, and list them."""

    def ended() -> bool:
        runs = runs_of(standalone)
        return len(runs) >= count and all(run["state"] in ("success", "failed") for run in runs)

    wait_for(ended, MINUTES * 60)
    return runs_of(standalone)


@pytest.fixture(scope="module")
def backfilled(scheduled: tuple[Activity, Standalone]) -> list[dict[str, Any]]:
    """Backfill seven days, as a person does, and wait."""
    _, standalone = scheduled
    command = ["backfill", "create", "--dag-id", DAG_ID, "--max-active-runs", "1"]
    span = ["--from-date", f"{midnight(DAYS):%Y-%m-%d}", "--to-date", f"{midnight():%Y-%m-%d}"]
    finished = airflow(standalone.env, *command, *span, capture_output=True)
    assert finished.returncode == 0, finished.stderr
    standalone.api("PATCH", f"/dags/{DAG_ID}", json={"is_paused": False})
    return wait_until_ended(standalone, DAYS)


def test_each_day_is_one_run_of_its_own_window(
    scheduled: tuple[Activity, Standalone], backfilled: list[dict[str, Any]]
) -> None:
    """Seven windows, of midnight to midnight and the two hours before."""
    activity, _ = scheduled
    windows = {(row["WindowStart_t"][:19], row["WindowEnd_t"][:19]) for row in activity.rows(AUDIT)}

    assert Counter(run["state"] for run in backfilled) == {"success": DAYS}
    assert windows == {
        (f"{midnight(day) - timedelta(hours=2):%Y-%m-%dT%H:%M:%S}", f"{midnight(day - 1):%Y-%m-%dT%H:%M:%S}")
        for day in range(1, DAYS + 1)
    }


@pytest.mark.usefixtures("backfilled")
def test_each_event_is_there_once_by_its_id(scheduled: tuple[Activity, Standalone]) -> None:
    """However often the overlap brought it, an event has one RecordId, and none that the windows hold is missing."""
    activity, _ = scheduled
    start = f"{midnight(DAYS) - timedelta(hours=2):%Y-%m-%dT%H:%M:%S}"
    shown = [each for each in activity.cloud.activity_events() if not each.late and each.event_timestamp >= start]

    rows = activity.rows("Azure_Activity_CL")

    assert sorted({row["EventDataId_s"] for row in rows}) == ids(shown)
    assert len({row["RecordId_s"] for row in rows}) == len(shown)
    assert len(rows) > len(shown), "the overlap was read twice"


@pytest.mark.usefixtures("backfilled")
def test_machines_appear_once_for_today(scheduled: tuple[Activity, Standalone]) -> None:
    """Only the run whose window ends today took a snapshot; the others skipped it."""
    activity, _ = scheduled
    rows = activity.rows(MACHINES)

    assert sorted(row["AzureResourceId_s"] for row in rows) == sorted(m.id for m in activity.cloud.virtual_machines())
    assert {row["loggedDate_s"] for row in rows} == {f"{midnight():%Y-%m-%d}"}
    statuses = Counter(row["Status_s"] for row in activity.rows(AUDIT) if row["Dataset_s"] == "virtual_machines")
    assert statuses == {"ok": 3, "skipped": 3 * (DAYS - 1)}


@pytest.mark.usefixtures("backfilled")
def test_second_run_of_a_day_adds_no_event(scheduled: tuple[Activity, Standalone]) -> None:
    """A run that is cleared reads and delivers its day again, and no distinct event is added."""
    activity, standalone = scheduled
    before = set(activity.event_ids())
    newest = max(run["dag_run_id"] for run in runs_of(standalone))
    asked = len(activity.cloud.requests(action="activityLog/list"))

    standalone.api("POST", f"/dags/{DAG_ID}/dagRuns/{newest}/clear", json={"dry_run": False})
    runs = wait_until_ended(standalone, DAYS)

    assert {run["state"] for run in runs} == {"success"}
    assert len(activity.cloud.requests(action="activityLog/list")) > asked
    assert set(activity.event_ids()) == before
    assert len({row["RecordId_s"] for row in activity.rows("Azure_Activity_CL")}) == len(before)
    assert len({row["RecordId_s"] for row in activity.rows(MACHINES)}) == len(activity.cloud.virtual_machines())
