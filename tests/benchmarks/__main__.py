"""`python -m tests.benchmarks [NAME ...]`: run every benchmark, or those named; exit with 1 if a demand is not met."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import dag, extract, growth, imports, load, memory, portal, report_store
from tests.benchmarks.harness import Benchmark
from tests.benchmarks.tables import Section, as_markdown, as_text

BENCHMARKS: Final[dict[str, tuple[str, Benchmark]]] = {
    module.NAME: (module.TITLE, module.benchmark)
    for module in (extract, load, memory, growth, report_store, portal, dag, imports)
}
FOLDER: Final = Path(__file__).resolve().parents[2] / ".cache"


def main(arguments: list[str]) -> int:
    """Measure, print the table, and keep it as `.cache/bench.json` and `.cache/bench.md`."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    options = parser.parse_args(arguments)
    names = options.names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    began = time.monotonic()
    sections = [measure(name) for name in names]
    header = f"{machine()} {time.monotonic() - began:,.0f} seconds in all."
    markdown = as_markdown(header, sections)
    keep(sections, markdown)
    print(markdown if options.markdown else as_text(header, sections))
    unmet = [demand for section in sections for _, demand in section.demands if not demand.met]
    return 1 if unmet else 0


def measure(name: str) -> Section:
    """Run one benchmark."""
    title, benchmark = BENCHMARKS[name]
    section = Section(name, title)
    for item in benchmark():
        section.take(item)
    return section


def machine() -> str:
    """Say what all of this was measured on."""
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()}, {os.cpu_count()} "
        f"processors ({platform.machine()}, {platform.system()}), every endpoint on loopback in a process of its own."
    )


def keep(sections: list[Section], markdown: str) -> None:
    """Keep the sections, and what they were measured on."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "benchmarks": {section.name: section.as_json() for section in sections},
    }
    (FOLDER / "bench.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (FOLDER / "bench.md").write_text(markdown, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
