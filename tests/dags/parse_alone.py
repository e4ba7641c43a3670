"""Parse DAG files in a fresh interpreter, and tell what each reached for: `main(*paths)`.

Prints a JSON object of each path: `modules`, what it imported beyond `import airflow.sdk` and the files before it, and
`reached`, the first attempt to resolve a name, open a connection or a database, or look up a connection or a variable
of Airflow's. The attempt fails and ends the file, so that nothing is really reached.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import tempfile
from typing import Any, Final, NoReturn

FORBIDDEN_EVENTS: Final = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto", "sqlite3.connect"})
"""Names of Python's audit events (Python library reference, "Audit events table")."""


class Refused(BaseException):
    """Not an Exception, so that nobody goes on without what was refused."""


def refuse(what: str) -> NoReturn:
    """End an attempt, and the file with it."""
    raise Refused(what)


def audit(event: str, _: tuple[Any, ...]) -> None:
    """Refuse the events that parsing has no business with."""
    if event in FORBIDDEN_EVENTS:
        refuse(event)


def parse(path: str) -> dict[str, Any]:
    """Parse one file."""
    before = set(sys.modules)
    reached = None
    try:
        runpy.run_path(path)
    except Refused as refused:
        reached = str(refused)
    return {"reached": reached, "modules": sorted(set(sys.modules) - before)}


def main(*paths: str) -> None:
    """Parse the files, then print what each did."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/no/such/folder/airflow.db",
            "AIRFLOW__SECRETS__BACKEND": "tests.dags.refusing_secrets.RefusingSecrets",
        }
        import airflow.sdk  # noqa: F401 - what every DAG file imports; all beyond it is the file's own doing

        sys.addaudithook(audit)
        parsed = {path: parse(path) for path in paths}
    sys.stdout.write(json.dumps(parsed) + "\n")
