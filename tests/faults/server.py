"""A running Airflow whose processes may be killed: heartbeats are missed within seconds."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from localcloud import LocalCloud, Seed
from localcloud.model import RequestRecord
from localcloud.standalone import Standalone
from tests.airflow.conftest import (
    DAG_ID,
    Home,
    Run,
    make_home,
    task_instances,
    task_process,
    trigger,
    wait_for,
    wait_for_run,
)
from tests.expected import AUDIT_TABLE, KEYS_TABLE, expected_rows

KEYS: Final = 50
SEED: Final = Seed(accounts=1, users=40, root_key=False, auditor_key=False)
"""An account of fifty keys."""
CHUNK_LIMIT: Final = 700
"""Bytes that hold one record and not two, so that the load has a chunk per key."""
IN_FLIGHT: Final = 2

IMPATIENT: Final = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "8",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
}


@dataclass(frozen=True)
class Server:
    """A running Airflow, and what its runs leave in Log Analytics."""

    standalone: Standalone
    home: Home

    @property
    def cloud(self) -> LocalCloud:
        """Plays AWS and Azure."""
        return self.home.cloud

    def start(self, **conf: Any) -> str:  # noqa: ANN401 - a run's parameters
        """Trigger a run of fifty chunks, and return its id."""
        return trigger(self.standalone, {"chunk_limit": CHUNK_LIMIT, "in_flight": IN_FLIGHT} | conf)

    def end(self, run_id: str) -> Run:
        """Wait until a run has ended."""
        return wait_for_run(self.standalone, run_id)

    def clear(self, run_id: str, task: str | None = None) -> None:
        """Clear a run, or one of its tasks with everything downstream, as a person does."""
        body: dict[str, Any] = {
            "dry_run": False,
            "dag_run_id": run_id,
            "only_failed": False,
            "include_downstream": True,
        }
        if task:
            body["task_ids"] = [task]
        self.standalone.api("POST", f"/dags/{DAG_ID}/clearTaskInstances", json=body)

    def process(self, run_id: str, task: str) -> psutil.Process:
        """Wait for the process of a task's first try."""

        def running() -> psutil.Process | None:
            found = [ti for ti in task_instances(self.standalone, run_id) if ti["task_id"] == task]
            return task_process(self.standalone, found[0]["id"]) if found else None

        process: psutil.Process = wait_for(running, every=0.02)
        return process

    def second_process(self, run_id: str, task: str, first: psutil.Process) -> psutil.Process | None:
        """Find the process of a task's next try, if it is there."""
        [ti] = [ti for ti in task_instances(self.standalone, run_id) if ti["task_id"] == task]
        process = task_process(self.standalone, ti["id"])
        return process if process and process != first else None

    def served(self) -> bool:
        """Tell whether a fault has hit a request."""
        return any(request.fault for request in self.cloud.requests())

    def posts(self) -> list[RequestRecord]:
        """List the requests that brought records of keys."""
        return self.cloud.requests(action="POST logs", log_type="AWS_Access_Key_Report")

    def copies(self, run: Run) -> int:
        """See that every key of AWS is stored, and count the rows beyond the first of each.

        Raises:
            AssertionError: A key is missing, or there is a row of none.
        """
        read_at = {row["account_number_s"]: row["SnapshotTime_t"] for row in self.cloud.rows(AUDIT_TABLE)}
        wanted = expected_rows(self.cloud.keys(), self.cloud.root_keys(), read_at, run.id, declared=True)
        stored = Counter(row["RecordId_s"] for row in self.cloud.rows(KEYS_TABLE))
        assert set(stored) == {row["RecordId_s"] for row in wanted}
        assert len(stored) == KEYS
        return stored.total() - len(stored)


def perhaps_twice(run: Run) -> int:
    """Return how many records the run itself says may be there twice."""
    return int(run.asset_events()[-1]["extra"]["perhaps_twice"])


def kill(*processes: psutil.Process | None) -> None:
    """Send SIGKILL to processes, all but at once, and wait until they are gone."""
    there = [process for process in processes if process is not None]
    for process in there:
        with contextlib.suppress(psutil.NoSuchProcess):
            os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: not any(map(lives, there)), every=0.05)


def lives(process: psutil.Process) -> bool:
    """Tell whether a process still runs."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def running(folder: Path, settings: Mapping[str, str] = IMPATIENT) -> Iterator[Server]:
    """Start `airflow standalone` on a local cloud of fifty keys, with the DAG switched on."""
    with LocalCloud(folder / "localcloud", SEED) as cloud:
        home = make_home(folder / "home", cloud)
        env = home.env | dict(settings) | {"AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "2"}
        with Standalone(env, log=folder / "standalone.log") as standalone:
            wait_for(lambda: DAG_ID in [dag["dag_id"] for dag in standalone.api("GET", "/dags")["dags"]])
            standalone.api("PATCH", f"/dags/{DAG_ID}", json={"is_paused": False})
            server = Server(standalone, home)
            runs = wait_for(lambda: standalone.api("GET", f"/dags/{DAG_ID}/dagRuns")["dag_runs"])
            server.end(runs[0]["dag_run_id"])
            yield server
