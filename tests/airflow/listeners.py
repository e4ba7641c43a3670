"""Who listens to an Airflow: a StatsD server, and whoever is notified, both on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

HOST: Final = "127.0.0.1"
PREFIX: Final = "airflow.keywatch."
"""What Airflow's own prefix makes of ours."""


class Stat(NamedTuple):
    """One value of a metric.

    Attributes:
        name: Without Airflow's prefix.
        tags: As they came.
        value: The number.
        kind: StatsD's: `c` for a counter, `ms` for a timer.
    """

    name: str
    tags: dict[str, str]
    value: float
    kind: str


class StatsD:
    """A StatsD server that keeps Keywatch's metrics. Use as a context manager."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        self._socket.bind((HOST, 0))
        self._stats: list[Stat] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """What makes an Airflow send here, with tags."""
        return {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": HOST,
            "AIRFLOW__METRICS__STATSD_PORT": str(self._socket.getsockname()[1]),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
        }

    def stats(self, name: str) -> list[Stat]:
        """Return the values of one metric that have arrived."""
        return [stat for stat in list(self._stats) if stat.name == name]

    def totals(self, name: str, tag: str) -> dict[str, float]:
        """Return the sum of a counter for each value of a tag."""
        totals: dict[str, float] = defaultdict(float)
        for stat in self.stats(name):
            totals[stat.tags.get(tag, "")] += stat.value
        return dict(totals)

    def forget(self) -> None:
        """Forget what has arrived."""
        self._stats.clear()

    def _listen(self) -> None:
        while data := self._socket.recv(65_536):
            for line in data.decode("utf-8").splitlines():
                if line.startswith(PREFIX):
                    self._stats.append(_stat(line.removeprefix("airflow.")))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()


def _stat(line: str) -> Stat:
    """Read a line such as `name,tag=value:1|c`."""
    head, _, tail = line.rpartition(":")
    name, *tags = head.split(",")
    value, kind = tail.split("|")[:2]
    return Stat(name, dict(tag.split("=", 1) for tag in tags), float(value), kind)


class Notifications:
    """A web server that somebody reads: it keeps what Airflow's HttpNotifier posts. Use as a context manager.

    Attributes:
        status: What it answers.
    """

    def __init__(self) -> None:
        self.status = 204
        self._all: list[dict[str, Any]] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                listener._all.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(listener.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """What makes an Airflow notify here, as docs/monitoring.md has it for webhooks."""
        message = {name: f"{{{{ keywatch.{name} }}}}" for name in ("event", "run_id", "title", "text", "url")}
        return {
            "AIRFLOW_CONN_LISTENER": f"http://{HOST}:{self._server.server_port}",
            "AIRFLOW__KEYWATCH__NOTIFIER": "airflow.providers.http.notifications.http.HttpNotifier",
            "AIRFLOW__KEYWATCH__NOTIFIER_ARGUMENTS": json.dumps({"http_conn_id": "listener", "json": message}),
        }

    def of(self, run_id: str) -> list[dict[str, Any]]:
        """Return what was said of a run."""
        return [each for each in list(self._all) if each["run_id"] == run_id]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
