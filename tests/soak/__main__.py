"""`python -m tests.soak`: thirty runs in one Airflow, with faults; exits with 1 if a figure grows or a run fails.

After every run its records are held against the keys in AWS. Between runs every staged run is made six hours older,
as time would, so that with a retention of a day a run is removed four runs later.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from localcloud import LocalCloud, Seed
from localcloud.airflow_home import PROJECT
from localcloud.console import table
from localcloud.standalone import Standalone
from tests.airflow.conftest import ENDED, make_home, wait_for
from tests.expected import AUDIT_TABLE, KEYS_TABLE, expected_rows
from tests.soak.figures import ROLES, Figures, long_lived, measure, runs
from tests.soak.growth import LATE_RUNS, LEAST_RUNS, Growth, growths
from tests.soak.mishaps import SEED, mishaps

REPORT: Final = "access_key_report"
EMPTY: Final = "empty_report"
RUNS: Final = 30
OLDER: Final = timedelta(hours=6)
REMOVED_AT_LEAST: Final = 20
"""Runs whose staged files have to be gone in the end."""
SETTINGS: Final = {
    "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "2",
    "AIRFLOW__CORE__PARALLELISM": "4",  # so that each worker runs tasks enough to have imported all within five runs
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
    "AIRFLOW__KEYWATCH__STAGING_RETENTION_DAYS": "1",
}


@dataclass(frozen=True)
class Soak:
    """An Airflow that makes one run after another of one DAG.

    Attributes:
        cloud: The local cloud.
        standalone: The Airflow.
        staging: Its staging area.
        dag_id: The DAG.
    """

    cloud: LocalCloud
    standalone: Standalone
    staging: Path
    dag_id: str

    def run(self, number: int) -> dict[str, Any]:
        """Make a run, see that it lost nothing, and return what happened.

        Raises:
            AssertionError: It failed, a key is missing, or a copy is not counted.
        """
        self.cloud.reset()
        if self.dag_id == REPORT:
            for fault in mishaps(number):
                self.cloud.inject(fault)
        began = time.monotonic()
        run_id = self._finished(self._trigger())
        seconds = time.monotonic() - began
        return {"run": number, "seconds": f"{seconds:.1f}"} | (self._checked(run_id) if self.dag_id == REPORT else {})

    def begin(self) -> None:
        """Switch the DAG on, and wait for the run that its schedule makes at once, if it has one."""
        wait_for(lambda: self.dag_id in [dag["dag_id"] for dag in self.standalone.api("GET", "/dags")["dags"]])
        self.standalone.api("PATCH", f"/dags/{self.dag_id}", json={"is_paused": False})
        if self.dag_id == REPORT:
            made = wait_for(lambda: self.standalone.api("GET", f"/dags/{self.dag_id}/dagRuns")["dag_runs"])
            self._finished(made[0]["dag_run_id"])

    def age(self) -> None:
        """Make every staged run older."""
        for note in (self.staging / "runs").glob("*/run.json"):
            values = json.loads(note.read_bytes())
            earlier = datetime.fromisoformat(values["listed_at"]) - OLDER
            note.write_text(json.dumps(values | {"listed_at": earlier.isoformat()}), encoding="utf-8")

    def _trigger(self) -> str:
        accounts = {"organization": True, "role_name": self.cloud.aws.role_name, "chunk_limit": 3_000}
        body = {"logical_date": None, "conf": accounts if self.dag_id == REPORT else {}}
        return str(self.standalone.api("POST", f"/dags/{self.dag_id}/dagRuns", json=body)["dag_run_id"])

    def _finished(self, run_id: str) -> str:
        path = f"/dags/{self.dag_id}/dagRuns/{run_id}"
        state = wait_for(lambda: (s := self.standalone.api("GET", path)["state"]) in ENDED and s)
        assert state == "success", f"{run_id}: {state}"
        return run_id

    def _checked(self, run_id: str) -> dict[str, Any]:
        audit, rows = self.cloud.rows(AUDIT_TABLE), self.cloud.rows(KEYS_TABLE)
        read_at = {row["account_number_s"]: row["SnapshotTime_t"] for row in audit}
        wanted = {
            row["RecordId_s"]
            for row in expected_rows(self.cloud.keys(), self.cloud.root_keys(), read_at, run_id, declared=True)
        }
        stored = Counter(row["RecordId_s"] for row in rows)
        twice = stored.total() - len(stored)
        events = self.standalone.api("GET", "/assets/events", params={"source_run_id": run_id})["asset_events"]
        [counted] = [each["extra"]["perhaps_twice"] for each in events if each["source_run_id"] == run_id]
        assert len(wanted) == len(self.cloud.keys()) + sum(self.cloud.root_keys().values())
        assert set(stored) == wanted, f"{run_id}: {len(wanted - set(stored))} keys are missing"
        assert twice <= counted, f"{run_id}: {twice} copies, {counted} counted"
        return {"faults": sum(hits for _, hits in self.cloud.fault_hits()), "twice": twice}


@contextmanager
def soaking(dag_id: str) -> Iterator[Soak]:
    """Start an Airflow on a local cloud of two accounts, with the DAG switched on."""
    with tempfile.TemporaryDirectory() as temporary, LocalCloud(seed=Seed(accounts=2, users=24)) as cloud:
        folder = Path(temporary)
        home = make_home(folder / "home", cloud)
        dags = folder / "dags"
        dags.mkdir()
        shutil.copy(PROJECT / "dags" / f"{REPORT}.py", dags)
        shutil.copy(PROJECT / "tests" / "benchmarks" / "empty_dag.py", dags)
        env = home.env | SETTINGS | {"AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
        with Standalone(env, log=folder / "standalone.log") as standalone:
            soak = Soak(cloud, standalone, home.path / "keywatch", dag_id)
            soak.begin()
            yield soak


def main(arguments: list[str]) -> int:
    """Make the runs, print a line for each, and then what grows."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument(
        "--dag", choices=[REPORT, EMPTY], default=REPORT, help="empty_report shows Airflow's own growth"
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="default: %(default)s")
    options = parser.parse_args(arguments)
    if options.runs < LEAST_RUNS:
        parser.error(f"--runs is at least {LEAST_RUNS}, so that early and late ones can be compared")
    print(f"{options.runs} runs of {options.dag}, faults drawn with seed {SEED}", flush=True)
    with soaking(options.dag) as soak:
        figures, removed = _runs(soak, options.runs)
    return _judge(growths(figures), removed, options)


def _runs(soak: Soak, count: int) -> tuple[list[Figures], int]:
    """Make the runs; return the figures of each, and how many runs' staged files have been removed."""
    processes = long_lived(soak.standalone)
    assert set(processes) == {"workers", *ROLES}
    figures: list[Figures] = []
    seen: set[str] = set()
    for number in range(1, count + 1):
        line = soak.run(number)
        figures.append(measure(processes, soak.staging))
        seen |= runs(soak.staging)
        line |= {name: round(value) for name, value in figures[-1].items()}
        print(", ".join(f"{name} {value}" for name, value in line.items()), flush=True)
        soak.age()
    return figures, len(seen - runs(soak.staging))


def _judge(found: list[Growth], removed: int, options: argparse.Namespace) -> int:
    rows = [
        [each.name, f"{each.early:.1f}", f"{each.late:.1f}", f"{each.most:.1f}", "GROWS" if each.grows else "steady"]
        for each in found
    ]
    headings = ["figure", "runs 11 to 15", f"last {LATE_RUNS}", "at most", ""]
    print(f"\n{table(headings, rows, numbers=headings[1:4])}\n\nStaged files of {removed} runs were removed.")
    expired = options.dag == EMPTY or removed >= REMOVED_AT_LEAST * options.runs / RUNS
    return int(any(each.grows for each in found) or not expired)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
