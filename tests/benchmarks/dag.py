"""The whole DAG against one of the same task instances that do nothing: `airflow dags test`, command to end.

One account of ten users in the local cloud. Both DAGs lie in the same folder, beside the project's others.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.harness import Demand, Note, Row, progress

if TYPE_CHECKING:
    from localcloud import LocalCloud

NAME: Final = "dag"
TITLE: Final = "airflow dags test, from the command's start to its end"
EMPTY: Final = "empty_report"
REPORT: Final = "access_key_report"
ROUNDS: Final = 5
MOST: Final = 1.3


def benchmark() -> Iterator[Note | Row]:
    """Run both DAGs in turn, several times."""
    from localcloud import LocalCloud, Seed

    yield Note(f"One account of ten users. Median of {ROUNDS} rounds; in each, both are run once.")
    with tempfile.TemporaryDirectory() as folder, LocalCloud(seed=Seed(accounts=1, users=10)) as cloud:
        env = _home(Path(folder), cloud)
        taken: dict[str, list[float]] = {EMPTY: [], REPORT: []}
        for number in range(ROUNDS + 1):
            for dag_id, seconds in taken.items():
                progress(f"dag {dag_id}, round {number} of {ROUNDS}")
                took = _run(dag_id, env)
                if number:  # the first round fills caches
                    seconds.append(took)
    base, whole = (statistics.median(taken[dag_id]) for dag_id in (EMPTY, REPORT))
    yield Row("empty tasks, the same instances", {"seconds": base, "of it": 1.0})
    demand = Demand("seconds, of those of the empty DAG", whole / base, MOST)
    yield Row(REPORT, {"seconds": whole, "of it": whole / base}, (demand,))


def _home(folder: Path, cloud: LocalCloud) -> Mapping[str, str]:
    """Make an Airflow home whose DAGs are the project's and the empty one."""
    from localcloud.airflow_home import PROJECT, airflow, airflow_environment, connections

    dags = folder / "dags"
    shutil.copytree(PROJECT / "dags", dags, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(__file__).with_name("empty_dag.py"), dags)
    env = airflow_environment(folder, connections(cloud)) | cloud.identity_environment()
    env["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
    airflow(env, "db", "migrate", capture_output=True).check_returncode()
    return env


def _run(dag_id: str, env: Mapping[str, str]) -> float:
    """Run a DAG; return the seconds that took.

    Raises:
        subprocess.CalledProcessError: It failed; the end of what it said has been shown.
    """
    from localcloud.airflow_home import airflow

    began = time.perf_counter()
    finished = airflow(env, "dags", "test", dag_id, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seconds = time.perf_counter() - began
    if finished.returncode:
        print(finished.stdout[-3_000:], file=sys.stderr)
    finished.check_returncode()
    return seconds
