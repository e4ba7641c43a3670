"""The services of docker-compose.yaml as processes on loopback, each on a "machine" of its own.

Commands and environment are docker-compose.yaml's own. What one machine makes necessary instead of many, and the
clocks that a test cannot wait for, are in `AS_ONE_MACHINE`, `SHORT_CLOCKS` and `Cluster._here`, and nowhere else.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import celery
import psutil
import requests
from cryptography.fernet import Fernet

from localcloud import LocalCloud
from localcloud.airflow_api import AirflowApi
from localcloud.airflow_home import connections
from localcloud.standalone import free_port
from tests import compose
from tests.cluster import servers
from tests.cluster.processes import end, kill, none_left_behind, tree

MACHINES: Final = {
    "api-server": "api-server",
    "scheduler": "scheduler",
    "dag-processor": "dag-processor",
    "triggerer": "triggerer",
    "worker-1": "worker",
    "worker-2": "worker",
}
"""The service of docker-compose.yaml that runs on each machine."""
WORKERS: Final = ("worker-1", "worker-2")
CONCURRENCY: Final = 2
"""Tasks that a worker runs at once."""

SHORT_CLOCKS: Final = {
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "45",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "3",
}
AS_ONE_MACHINE: Final = {
    "AIRFLOW__API__HOST": "127.0.0.1",
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "tests.cluster.machine.hostname",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "PYTHONPATH": str(compose.PROJECT),
}
ALTERED: Final = {
    # Let each worker hold tasks that it has not begun, so that some die with it: the deployment's 1 makes that rare.
    "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "2",
}
READY_SECONDS: Final = 240.0
STOP_SECONDS: Final = 5.0


def variables(bucket: str) -> dict[str, str]:
    """Make up what docker-compose.yaml takes from the environment.

    Args:
        bucket: Of the staging area.
    """
    made_up = ("JWT_SECRET", "API_SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD")
    return {
        **{name: secrets.token_hex(32) for name in made_up},
        "FERNET_KEY": Fernet.generate_key().decode(),
        "KEYWATCH_STAGING": f"s3://aws_default@{bucket}/keywatch",
        "WORKER_CONCURRENCY": str(CONCURRENCY),
        "PARALLELISM": str(2 * CONCURRENCY * len(WORKERS)),  # what they run, and what they take beside it
    }


class Cluster(AirflowApi):
    """A running cluster. Leaves no process behind.

    Args:
        folder: For the machines' homes, temporary files and logs.
        cloud: Whom its connections lead to.
    """

    def __init__(self, folder: Path, cloud: LocalCloud) -> None:
        self._folder = folder
        self._cloud = cloud
        self._compose = compose.read(variables(cloud.aws.bucket))["services"]
        self._api_port, self._scheduler_port = free_port(), free_port()
        self._ports = {"api-server:8080": self._api_port, "localhost:8080": self._api_port}
        self._ports["localhost:8974"] = self._scheduler_port
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = contextlib.ExitStack()
        super().__init__(f"http://127.0.0.1:{self._api_port}", self.home("api-server"))

    def __enter__(self) -> Self:
        with self._stack as stack:  # which ends all, unless everything has come up
            stack.enter_context(none_left_behind())
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def home(self, machine: str) -> Path:
        """Return the folder of a machine, where its logs and temporary files are too."""
        return self._folder / machine

    def pid(self, machine: str) -> int:
        """Return the process that a machine's service began as."""
        return self._running[machine].pid

    def kill(self, machine: str) -> list[psutil.Process]:
        """Kill a machine's whole process tree by SIGKILL, as a machine that loses power, and return it.

        Raises:
            RuntimeError: A process of it is still there.
        """
        family = tree(self.pid(machine))
        if alive := kill(family):
            raise RuntimeError(f"Not dead: {alive}")
        return family

    def taken_by(self, worker: str) -> str:
        """Say, as text that names task instances by their ids, what a worker has taken from the queue and not begun."""
        broker = self.environment(worker)["AIRFLOW__CELERY__BROKER_URL"]
        with celery.Celery(broker=broker) as app:
            return json.dumps(app.control.inspect([f"celery@{worker}"], timeout=3.0, limit=1).reserved())

    def environment(self, machine: str) -> dict[str, str]:
        """Return the environment of a machine's service: docker-compose.yaml's, and what makes this one a machine."""
        home = self.home(machine)
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "AWS_"))}
        return {
            **inherited,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **self._here(self._compose[MACHINES.get(machine, machine)]["environment"]),
            **SHORT_CLOCKS,
            **AS_ONE_MACHINE,
            **ALTERED,
            **self._cloud.identity_environment(),
            "AIRFLOW__API__PORT": str(self._api_port),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self._scheduler_port),
            "AIRFLOW_HOME": str(home),
            "HOME": str(home),
            "HOSTNAME": machine,
            "TMPDIR": str(home / "tmp"),
        }

    def check_health(self, service: str) -> subprocess.CompletedProcess[str]:
        """Run a service's own health check, on its machine.

        Args:
            service: A machine, `postgres` or `redis`.
        """
        kind, *command = self._compose[MACHINES.get(service, service)]["healthcheck"]["test"]
        if kind == "CMD-SHELL":
            command = ["sh", "-c", *command]
        command = [each.replace("redis-cli", f"redis-cli -p {self._ports['redis:6379']}") for each in command]
        environment = self.environment(service) | {"PGPORT": str(self._ports["postgres:5432"])}
        return subprocess.run(
            [self._at_home(each) for each in command], env=environment, capture_output=True, text=True, check=False
        )

    def log(self, machine: str) -> str:
        """Return what a machine's service has printed."""
        return (self.home(machine) / "log").read_text(encoding="utf-8", errors="replace")

    def _start(self, stack: contextlib.ExitStack) -> None:
        postgres, redis = self._compose["postgres"], self._compose["redis"]
        self._ports["postgres:5432"] = stack.enter_context(servers.postgresql(postgres["environment"]))
        self._ports["redis:6379"] = stack.enter_context(
            servers.redis(redis["command"], redis["environment"], self._machine("redis"))
        )
        self._run_once(self._compose["migrate"]["command"])
        self._import_connections()
        stack.callback(lambda: end(self._running.values(), signal.SIGTERM, STOP_SECONDS))
        for machine in MACHINES:
            if machine in WORKERS:
                self._wait_for("metadatabase")
            self._launch(machine)
        self._wait_for("metadatabase", "scheduler", "dag_processor", "triggerer")

    def _machine(self, name: str) -> Path:
        self.home(name).mkdir(parents=True, exist_ok=True)
        return self.home(name)

    def _launch(self, machine: str) -> None:
        command = list(self._compose[MACHINES[machine]]["command"])
        if machine in WORKERS:
            command += ["--celery-hostname", f"celery@{machine}"]
        if machine in (*WORKERS, "triggerer"):
            command += ["--skip-serve-logs"]  # which listens on every interface, and on one port for all
        with (self._machine(machine) / "log").open("wb") as log:
            self._running[machine] = subprocess.Popen(
                command,
                env=self.environment(machine),
                cwd=self.home(machine),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _run_once(self, command: list[str]) -> None:
        environment, home = self.environment("migrate"), self._machine("migrate")
        finished = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
        if finished.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{finished.stdout}\n{finished.stderr}")

    def _import_connections(self) -> None:
        file = self._machine("migrate") / "connections.json"
        file.write_text(json.dumps(connections(self._cloud)), encoding="utf-8")
        self._run_once(["airflow", "connections", "import", str(file)])

    def _wait_for(self, *parts: str) -> None:
        """Wait until parts of Airflow are healthy, as its API says."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if ended := [machine for machine, process in self._running.items() if process.poll() is not None]:
                raise RuntimeError(f"{ended[0]} ended:\n{self.log(ended[0])[-3000:]}")
            with contextlib.suppress(requests.RequestException, OSError, ValueError, KeyError):
                health = self.api("GET", "/monitor/health")
                if all(health[part]["status"] == "healthy" for part in parts):
                    return
            time.sleep(0.5)
        raise TimeoutError(f"Not healthy within {READY_SECONDS:.0f} seconds: {parts}")

    def _here(self, environment: Mapping[str, Any]) -> dict[str, str]:
        return {name: self._at_home(str(value)) for name, value in environment.items()}

    def _at_home(self, text: str) -> str:
        """Put this machine's addresses and folder in the place of the containers'."""
        for name, port in self._ports.items():
            text = text.replace(name, f"127.0.0.1:{port}")
        return text.replace("/opt/keywatch", str(compose.PROJECT))
