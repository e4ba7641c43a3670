"""Import of every DAG file in a fresh interpreter, against a file that only imports `airflow.sdk`.

Airflow parses DAG files again and again; what they import beyond the SDK is paid for each time.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.benchmarks.harness import Demand, Note, Row, clean_environment, progress

NAME: Final = "import"
TITLE: Final = "one DAG file in a fresh interpreter"
DAGS: Final = Path(__file__).resolve().parents[2] / "dags"
BASELINE: Final = "from airflow.sdk import dag, task\n"
ROUNDS: Final = 5
MOST: Final = 1.2


def benchmark() -> Iterator[Note | Row]:
    """Run baseline and DAG files in turn, several times."""
    yield Note(f"Median of {ROUNDS} rounds; in each, every file is run once, in turn.")
    with tempfile.TemporaryDirectory() as folder:
        baseline = Path(folder) / "baseline.py"
        baseline.write_text(BASELINE, encoding="utf-8")
        files = [baseline, *sorted(DAGS.rglob("*.py"))]
        env = clean_environment() | {"AIRFLOW_HOME": folder, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        taken: dict[Path, list[float]] = {file: [] for file in files}
        for number in range(ROUNDS + 1):
            progress(f"import, round {number} of {ROUNDS}")
            for file in files:
                took = _run(file, env)
                if number:  # the first round writes byte code, and brings files into memory
                    taken[file].append(took)
    base = statistics.median(taken.pop(baseline))
    yield Row("a file that only imports airflow.sdk", {"seconds": base, "of it": 1.0})
    for file, seconds in taken.items():
        median = statistics.median(seconds)
        demand = Demand("seconds, of those of airflow.sdk alone", median / base, MOST)
        yield Row(str(file.relative_to(DAGS.parent)), {"seconds": median, "of it": median / base}, (demand,))


def _run(file: Path, env: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, str(file)], check=True, env=env)
    return time.perf_counter() - began
