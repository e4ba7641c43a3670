"""`python -m tests.benchmarks [NAME ...]`: run every benchmark, or those named; exit with 1 if a demand is not met."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.benchmarks import ingestion, memory
from tests.benchmarks.harness import Benchmark, Row, table

BENCHMARKS: Final[dict[str, Benchmark]] = {
    "memory": memory.benchmark,
    "ingestion": ingestion.benchmark,
}
RESULT: Final = Path(__file__).resolve().parents[2] / ".cache" / "bench.json"


def main(arguments: list[str]) -> int:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(BENCHMARKS)}")
    names = parser.parse_args(arguments).names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    rows: list[Row] = []
    for name in names:
        for row in BENCHMARKS[name]():
            print(f"measured: {row.benchmark}, {row.case}, {row.records:,} records", file=sys.stderr, flush=True)
            rows.append(row)
    print(table(rows))
    write(rows)
    return 0 if all(row.demand.met for row in rows if row.demand) else 1


def write(rows: list[Row]) -> None:
    """Keep the rows, and what they were measured on."""
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "rows": [row.as_json() for row in rows],
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
