"""The command `keywatch`.

Airflow is imported by a command that needs it, once its arguments are known to be right.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from keywatch_airflow.cli_har import add_har
from keywatch_airflow.cli_portal import add_portal
from keywatch_airflow.quiet import quiet

if TYPE_CHECKING:
    from keywatch.doctor.model import Result

OK: Final = 0
SOMETHING_FAILED: Final = 1
USAGE: Final = 2
"""Also: there is no such connection."""

INTERRUPTED: Final = 130
USUAL_TERMINAL: Final = (100, 24)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Its name and arguments; None means those of this process.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="keywatch", description="Tools beside Keywatch's DAGs.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in COMMANDS:
        add(commands)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED


def add_doctor(commands: Any) -> None:  # noqa: ANN401 - argparse names no type for it
    """Add the command `doctor`."""
    doctor = commands.add_parser(
        "doctor",
        help="find out why a connection does not work",
        description="Try an Airflow connection step by step: what is wrong, at which step, and what to do.",
        epilog="Exit code: 0 if no step failed, 1 if one did, 2 for a wrong use or if there is no such connection.",
    )
    doctor.add_argument("conn_id", help="the connection: a certificate, a destination, or one of type aws")
    doctor.add_argument("--json", action="store_true", help="print a document for a ticket instead; no secret is in it")
    doctor.add_argument("--no-row", action="store_true", help="do not send a test row to a destination's audit table")
    doctor.add_argument(
        "--save-ca",
        metavar="FILE",
        type=Path,
        help="write down the certificate authority that was presented and is not trusted, as PEM",
    )
    doctor.set_defaults(run=run_doctor)


def run_doctor(arguments: argparse.Namespace) -> int:
    """Examine a connection and print what is found.

    Args:
        arguments: As `add_doctor` describes them.

    Returns:
        The exit code.
    """
    if arguments.save_ca and (arguments.save_ca.exists() or not arguments.save_ca.parent.is_dir()):
        _say(
            f"keywatch doctor: {arguments.save_ca} cannot be made: name a new file in a folder that is there",
            sys.stderr,
        )
        return USAGE
    with quiet() as out:
        from keywatch.doctor import report
        from keywatch.doctor.run import examine, no_connection
        from keywatch_airflow.doctor import NoConnectionError, kind_of, plan_of

        conn_id, row, kind = arguments.conn_id, not arguments.no_row, None
        try:
            kind = kind_of(conn_id)
            results = examine(conn_id, lambda: plan_of(conn_id, row=row))
        except NoConnectionError as error:
            results = iter((no_connection(conn_id, str(error)),))
        found = (_print_document if arguments.json else _print_lines)(conn_id, kind, results, out)
        authorities = list(report.authorities(found))
    if arguments.save_ca:
        _save(arguments.save_ca, authorities)
    if kind is None:
        return USAGE
    return OK if report.ok(found) else SOMETHING_FAILED


def _print_lines(conn_id: str, kind: str | None, results: Iterator[Result], out: IO[str]) -> list[Result]:
    """Print what is found as it is found."""
    from keywatch.doctor.report import Text

    text = Text(shutil.get_terminal_size(USUAL_TERMINAL).columns, color=out.isatty() and not os.environ.get("NO_COLOR"))
    _say(text.heading(conn_id, kind), out)
    found = []
    for result in results:
        _say(text.lines(result), out)
        found.append(result)
    _say(text.ending(found), out)
    return found


def _print_document(conn_id: str, kind: str | None, results: Iterator[Result], out: IO[str]) -> list[Result]:
    """Print everything, once it is over."""
    from keywatch.doctor.report import as_json, document

    started = datetime.now(UTC)
    found = list(results)
    _say(as_json(document(conn_id, kind, started, importlib.metadata.version("keywatch"), found)), out)
    return found


def _save(path: Path, authorities: list[str]) -> None:
    """Write certificate authorities down, where there are any."""
    if not authorities:
        _say("keywatch doctor: nothing to save, since no untrusted certificate authority was presented", sys.stderr)
        return
    with path.open("x", encoding="ascii") as file:
        file.writelines(authorities)
    _say(f"keywatch doctor: {len(authorities)} saved in {path}", sys.stderr)


def _say(text: str, to: IO[str]) -> None:
    to.write(f"{text}\n")
    to.flush()


COMMANDS: Final[tuple[Callable[[Any], None], ...]] = (add_doctor, add_har, add_portal)
"""What adds each command."""


if __name__ == "__main__":
    sys.exit(main())
