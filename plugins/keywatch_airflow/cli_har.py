"""The command `keywatch har`: the traces of a run's tasks as one file."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from keywatch_airflow.quiet import quiet

if TYPE_CHECKING:
    from keywatch.trace import HostTraffic

OK: Final = 0
NOTHING: Final = 1
USAGE: Final = 2
WIDE: Final = 200
"""Columns of a line that goes into a file or another program."""


def add_har(commands: Any) -> None:  # noqa: ANN401 - argparse names no type for it
    """Add the command `har`."""
    har = commands.add_parser("har", help="join the traces of a run", description="Work on the traces of a run.")
    verbs = har.add_subparsers(title="commands", metavar="COMMAND", required=True)
    merge = verbs.add_parser(
        "merge",
        help="join the traces of a run's tasks into one HAR file",
        description="Join the traces of a run's tasks into one HAR file, in order of time, with a page for each task.",
        epilog="Exit code: 0 if there is a file now, 1 if the run has no trace, 2 for a wrong use.",
    )
    merge.add_argument("dag_id", help="the DAG")
    merge.add_argument("run_id", help="the run, as Airflow calls it")
    merge.add_argument("-o", "--output", metavar="FILE", type=Path, help="a new file (<dag>-<run>.har)")
    merge.set_defaults(run=run_merge)


def run_merge(arguments: Any) -> int:  # noqa: ANN401 - argparse's namespace
    """Join the traces of a run, and print what they amount to."""
    out = arguments.output or Path(f"{_readable(arguments.dag_id)}-{_readable(arguments.run_id)}.har")
    if out.exists():
        _say(f"keywatch har merge: {out} is there already; name a new file", sys.stderr)
        return USAGE
    if not out.parent.is_dir():
        _say(f"keywatch har merge: there is no folder {out.parent}", sys.stderr)
        return USAGE
    stderr = sys.stderr
    with quiet() as stdout:
        return _merge(arguments.dag_id, arguments.run_id, out, stdout, stderr)


def _merge(dag_id: str, run_id: str, out: Path, stdout: IO[str], stderr: IO[str]) -> int:
    from keywatch.errors import KeywatchError
    from keywatch.trace import har_files, merge_hars, traffic
    from keywatch_airflow.trace_files import traces_of

    try:
        files = har_files(traces_of(dag_id, run_id).folder)
        if not files:
            _say(
                f"keywatch har merge: run {run_id} of {dag_id} has no trace in the staging area. Trigger it with "
                "parameter trace, and give the run id as `airflow dags list-runs` shows it.",
                stderr,
            )
            return NOTHING
        count = merge_hars(files, out)
        _say(f"{len(files)} tasks, {count:,} requests, in {out}", stdout)
        _print_table(traffic([out]), stdout)
    except (KeywatchError, OSError) as error:
        _say(f"keywatch har merge: {error}", stderr)
        return NOTHING
    return OK


def _print_table(hosts: list[HostTraffic], out: IO[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from keywatch.transport.foreign_text import printable

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("host", "statuses"):
        table.add_column(title, overflow="fold")
    for title in ("requests", "no answer", "sent", "received", "seconds"):
        table.add_column(title, justify="right")
    for host in hosts:
        statuses = ", ".join(f"{count:,} x {status}" for status, count in host.statuses)
        numbers = (host.requests, host.failed, host.sent, host.received)
        name = Text(printable(host.host))  # as it stands in a file that may have come from anywhere
        table.add_row(name, statuses, *(f"{number:,}" for number in numbers), f"{host.seconds:.1f}")
    Console(file=out, highlight=False, markup=False, width=None if out.isatty() else WIDE).print(table)


def _readable(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "run"


def _say(text: str, to: IO[str]) -> None:
    to.write(f"{text}\n")
    to.flush()
