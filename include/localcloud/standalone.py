"""`airflow standalone` as a context manager: API server, scheduler, DAG processor and triggerer on loopback."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import requests

from localcloud.airflow_api import AirflowApi

READY_SECONDS = 180.0
STOP_SECONDS = 20.0


class Standalone(AirflowApi):
    """A running `airflow standalone`. Leaves no process behind.

    Args:
        env: From `airflow_environment`; the database must have been migrated.
        port: Of the API server; None for any free one.
        log: Where its output goes.
        users: Who there is, each with a role, as the simple auth manager takes them.
    """

    def __init__(
        self, env: Mapping[str, str], *, port: int | None = None, log: Path, users: str = "admin:admin"
    ) -> None:
        self.port = port or free_port()
        super().__init__(f"http://127.0.0.1:{self.port}", Path(env["AIRFLOW_HOME"]))
        self.log = log
        self.env = {
            **env,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users,
            # Any port may be in use by another Airflow on this machine; nobody asks these two here.
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [str(Path(sys.executable).parent / "airflow"), "standalone"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def processes(self) -> list[psutil.Process]:
        """Every process of this Airflow that runs now."""
        if self._process is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            main = psutil.Process(self._process.pid)
            return [main, *main.children(recursive=True)]
        return []

    def stop(self) -> None:
        """End every process: first as Ctrl-C would, then for good."""
        processes = self.processes()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        for process in {*processes, *self.processes()}:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=5)
        if self._process is not None:
            self._process.wait()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            with contextlib.suppress(requests.RequestException, OSError, ValueError, KeyError):
                health = self.api("GET", "/monitor/health")
                if all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor")):
                    return
            time.sleep(0.5)
        end = self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
        raise TimeoutError(f"Airflow did not come up; the end of {self.log}:\n{end}")


def free_port() -> int:
    """Return a TCP port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Tell whether nothing listens on a TCP port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True
