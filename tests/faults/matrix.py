"""The whole fault matrix, and the document that shows it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from localcloud.console import table
from tests.faults import clocks, network, processes, staging
from tests.faults.audit import ATTEMPTS, TRIES
from tests.faults.case import HEADINGS, Case, Ends

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "faults.md"

MATRIX: Final[tuple[Case, ...]] = (*network.CASES, *staging.CASES, *clocks.CASES, *processes.CASES)

BEGINNING: Final = """\
# What goes wrong, and what becomes of the run

Each row is a test: the local cloud, the file system or a signal does what stands under *fault*, once unless it says
otherwise, and is asked afterwards whether it really did. After each, the rows in Log Analytics are, by `RecordId`, the
keys in AWS: none missing, none too many, and copies are counted. *Survived* means that nobody has to do anything.
*Refused* means that a step fails, says what to do, and that doing it brings every record in.

`make test-faults` runs what needs no Airflow, `make test-kills` the rest; `make generate` writes this page. Here, a try
of a step makes at most {attempts} attempts of a request, and a step has {tries} tries.

{counted}
"""


def document() -> str:
    """Write the page."""
    ends = Counter(case.ends for case in MATRIX)
    counted = f"{len(MATRIX)} faults: {ends[Ends.SURVIVED]} survived, {ends[Ends.REFUSED]} refused."
    beginning = BEGINNING.format(attempts=ATTEMPTS, tries=TRIES, counted=counted)
    stages = list(dict.fromkeys(case.stage for case in MATRIX))
    return "\n".join([beginning, *(_section(stage) for stage in stages)])


def _section(stage: str) -> str:
    rows = [case.row()[1:] for case in MATRIX if case.stage == stage]
    lines = [HEADINGS[1:], ["---"] * len(HEADINGS[1:]), *rows]
    return "\n".join([f"## {stage[0].upper()}{stage[1:]}", "", *(f"| {' | '.join(line)} |" for line in lines), ""])


def shown(outcomes: dict[str, str]) -> str:
    """Lay out the matrix for a terminal.

    Args:
        outcomes: How the test of a case ended, by case; cases that are not in it were not run.
    """
    rows = [[*case.row()[:3], outcomes[str(case)]] for case in MATRIX if str(case) in outcomes]
    return table([*HEADINGS[:3], "test"], rows)
