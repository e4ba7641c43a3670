"""Airflow for tests: homes of their own, on local clouds of their own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from localcloud import LocalCloud, Seed
from localcloud.airflow_api import AirflowApi
from localcloud.airflow_home import airflow, airflow_environment, connections
from localcloud.standalone import Standalone, free_port
from tests.airflow.listeners import Notifications, StatsD

DAG_ID = "access_key_report"
ENDED = ("success", "failed")
DEADLINE_SECONDS = 20


@dataclass(frozen=True)
class Home:
    """An Airflow home with a migrated database, and the local cloud that its connections lead to."""

    path: Path
    env: dict[str, str]
    cloud: LocalCloud

    def files(self) -> Iterator[tuple[Path, bytes]]:
        """Yield every file below the home, staging, database and logs included."""
        for path in self.path.rglob("*"):
            if path.is_file():
                yield path, path.read_bytes()


def make_home(path: Path, cloud: LocalCloud, more: Mapping[str, Mapping[str, Any]] | None = None) -> Home:
    """Make an Airflow home whose connections lead to a local cloud."""
    path.mkdir()
    temporary = path / "tmp"
    temporary.mkdir()
    env = airflow_environment(path, connections(cloud) | dict(more or {})) | cloud.identity_environment()
    env["TMPDIR"] = str(temporary)
    finished = airflow(env, "db", "migrate", capture_output=True)
    assert finished.returncode == 0, finished.stderr
    return Home(path, env, cloud)


@dataclass(frozen=True)
class Run:
    """A DAG run that has ended."""

    id: str
    kind: str
    state: str
    standalone: AirflowApi

    @property
    def tasks(self) -> dict[tuple[str, int], str]:
        """State of every task instance, by task and map index."""
        return {(ti["task_id"], ti["map_index"]): ti["state"] for ti in task_instances(self.standalone, self.id)}

    def log(self, task: str, map_index: int = -1, try_number: int = 1) -> str:
        """Return the log of one try, as Airflow's UI shows it."""
        path = f"/dags/{DAG_ID}/dagRuns/{self.id}/taskInstances/{task}/logs/{try_number}"
        answer = self.standalone.api("GET", path, params={"map_index": map_index, "full_content": "true"})
        return "\n".join(json.dumps(line, ensure_ascii=False) for line in answer["content"])

    def asset_events(self) -> list[dict[str, Any]]:
        """Return the asset events that the run emitted."""
        events = self.standalone.api("GET", "/assets/events", params={"source_run_id": self.id})["asset_events"]
        return [event for event in events if event["source_run_id"] == self.id]


def task_instances(standalone: AirflowApi, run_id: str) -> list[dict[str, Any]]:
    """Ask for a run's task instances."""
    path, options = f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances", {"limit": 100}
    answer: dict[str, Any] = standalone.api("GET", path, params=options)
    return list(answer["task_instances"])


def trigger(standalone: AirflowApi, conf: Mapping[str, Any]) -> str:
    """Trigger a run through the REST API and return its id."""
    body = {"logical_date": None, "conf": dict(conf)}
    return str(standalone.api("POST", f"/dags/{DAG_ID}/dagRuns", json=body)["dag_run_id"])


def wait_for(what: Callable[[], Any], seconds: float = 120.0, every: float = 0.5) -> Any:  # noqa: ANN401 - what is waited for
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(every)
    raise TimeoutError(f"Not true within {seconds:.0f} seconds: {what}")


def wait_for_run(standalone: AirflowApi, run_id: str, seconds: float = 120.0) -> Run:
    """Wait until a run has ended."""

    def ended() -> Run | None:
        run = standalone.api("GET", f"/dags/{DAG_ID}/dagRuns/{run_id}")
        return Run(run_id, run["run_type"], run["state"], standalone) if run["state"] in ENDED else None

    return wait_for(ended, seconds)  # type: ignore[no-any-return]


def task_process(standalone: Standalone, task_instance_id: str) -> psutil.Process | None:
    """Find the process that runs a task instance; Airflow names it after the instance."""
    for process in standalone.processes():
        try:
            if process.cmdline()[0] == f"airflow worker -- {task_instance_id}":
                return process
        except (psutil.Error, IndexError):
            continue
    return None


@dataclass(frozen=True)
class Airflow:
    """A running `airflow standalone` and what it did first."""

    standalone: Standalone
    home: Home
    scheduled: Run

    @property
    def cloud(self) -> LocalCloud:
        """The local cloud that its connections lead to."""
        return self.home.cloud

    def run(self, **conf: Any) -> Run:  # noqa: ANN401 - a run's parameters
        """Trigger a run through the REST API and wait until it has ended."""
        return wait_for_run(self.standalone, trigger(self.standalone, conf))


@pytest.fixture(scope="session")
def statsd() -> Iterator[StatsD]:
    """Start the StatsD server that `airflow_server` sends its metrics to."""
    with StatsD() as listener:
        yield listener


@pytest.fixture(scope="session")
def notifications() -> Iterator[Notifications]:
    """Start the web server that `airflow_server` notifies."""
    with Notifications() as listener:
        yield listener


@pytest.fixture(scope="session")
def airflow_server(
    tmp_path_factory: pytest.TempPathFactory, statsd: StatsD, notifications: Notifications
) -> Iterator[Airflow]:
    """Start `airflow standalone` on a local cloud of three accounts, and let the schedule run once.

    It sends metrics and notifications to listeners of the session, and a run is late after `DEADLINE_SECONDS`.
    """
    folder = tmp_path_factory.mktemp("standalone")
    with LocalCloud(folder / "localcloud", Seed(accounts=3, users=60)) as cloud:
        home = make_home(folder / "home", cloud, _faulty_connections(cloud))
        home.env.update(statsd.environment | notifications.environment)
        home.env["AIRFLOW__KEYWATCH__REPORT_DEADLINE_HOURS"] = str(DEADLINE_SECONDS / 3600)
        with Standalone(home.env, log=folder / "standalone.log") as standalone:
            wait_for(lambda: _has_dag(standalone))
            standalone.api("PATCH", f"/dags/{DAG_ID}", json={"is_paused": False})
            runs = wait_for(lambda: standalone.api("GET", f"/dags/{DAG_ID}/dagRuns")["dag_runs"])
            yield Airflow(standalone, home, wait_for_run(standalone, runs[0]["dag_run_id"]))


@pytest.fixture
def server(airflow_server: Airflow) -> Airflow:
    """Give the running Airflow, with its local cloud as freshly seeded."""
    airflow_server.cloud.reset()
    return airflow_server


def _has_dag(standalone: Standalone) -> bool:
    dags = standalone.api("GET", "/dags")["dags"]
    return DAG_ID in [dag["dag_id"] for dag in dags]


def _faulty_connections(cloud: LocalCloud) -> dict[str, dict[str, Any]]:
    """Destination connections with one thing wrong each."""
    kept = connections(cloud)["azure_data_collector_default"]
    impatient = kept["extra"]["transport"] | {"attempts": 2, "backoff": 0.1}
    nowhere = impatient | {"proxy": f"http://127.0.0.1:{free_port()}"}
    good = kept | {"password": cloud.second_workspace.shared_key, "extra": {"transport": impatient}}
    return {
        "impatient": good,
        "wrong_key": good | {"password": cloud.workspace.shared_key},
        "wrong_workspace": good | {"login": "00000000-0000-4000-8000-000000000000"},
        "unreachable": good | {"extra": {"transport": nowhere}},
        "outside": good | {"host": "collector.example.com"},
    }
