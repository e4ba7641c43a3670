"""`make up`: Airflow's UI with the local cloud behind it, until stopped."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path

from localcloud.airflow_home import PROJECT, airflow, airflow_environment, connections
from localcloud.client import LocalCloud, LocalCloudError
from localcloud.console import Console
from localcloud.demo import HOME as DEMO_HOME
from localcloud.demo import organization
from localcloud.identity_model import B2C, PROVIDERS
from localcloud.standalone import Standalone, port_is_free
from localcloud.up_portal import give_owners, portal_for_a_look

STATE = PROJECT / ".airflow" / "localcloud"
STORE = "keywatch_report.db"


def main(argv: list[str]) -> int:
    """Run until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="make up", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="of Airflow's UI (default: %(default)s)")
    parser.add_argument(
        "--portal", choices=PROVIDERS, default=B2C, help="who signs people in to the portal (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    if _runs_already(STATE):
        return 1
    if not port_is_free(options.port):
        print(f"Port {options.port} is not free. Choose another: make up PORT=8081", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    console, home = Console(), PROJECT / ".airflow" / "up"
    home.mkdir(parents=True, exist_ok=True)
    console.step("Starting the local cloud: AWS and Azure on loopback, with real TLS")
    shown = _show_demo(home)
    with LocalCloud(STATE, organization()) as cloud:
        env = airflow_environment(home, {}) | cloud.identity_environment()
        console.step("Preparing Airflow's database and connections")
        if not _prepare(env, home, cloud):
            return 1
        if shown:
            console.step("Giving the demo's keys owners and findings: airflow dags test access_key_owners, _findings")
            if problem := give_owners(env, cloud):
                print(f"The table of owners was not taken:\n{problem}", file=sys.stderr)
                return 1
        console.step("Starting Airflow and the key owners' portal, which takes up to a minute")
        cloud.grant("keywatch", "Reader", "/subscription")  # which the examples want
        with (
            portal_for_a_look(cloud, options.portal, home, home / STORE) as portal,
            Standalone(env, port=options.port, log=home / "standalone.log") as running,
        ):
            console.step("Ready")
            _print_welcome(running, cloud, portal, shown=shown)
            _wait(console)
    return 0


def _wait(console: Console) -> None:
    """Wait for Ctrl-C or SIGTERM, and say that it has been heard."""
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()
    finally:
        console.step("Stopping Airflow, which takes up to half a minute")


def _runs_already(state: Path) -> bool:
    """Tell whether a local cloud uses that folder already; two would pull the carpet from under each other."""
    try:
        pid = LocalCloud.attach(state).pid
        os.kill(pid, 0)
    except (LocalCloudError, ProcessLookupError):
        return False
    print(f"It runs already, and its local cloud is process {pid}. Stop it with Ctrl-C there first.", file=sys.stderr)
    return True


def _prepare(env: dict[str, str], home: Path, cloud: LocalCloud) -> bool:
    """Migrate the database and put the connections in it, where the UI shows them and can test them."""
    file = home / "connections.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(connections(cloud)), encoding="utf-8")
    try:
        for arguments in (["db", "migrate"], ["connections", "import", "--overwrite", str(file)]):
            finished = airflow(env, *arguments, capture_output=True)
            if finished.returncode:
                print(f"airflow {' '.join(arguments)} failed:\n{finished.stdout}\n{finished.stderr}", file=sys.stderr)
                return False
    finally:
        file.unlink()
    return True


def _show_demo(home: Path) -> bool:
    """Give the page what the last demo found, and Airflow its run, unless a run of this Airflow has ended since."""
    demo, shown = (folder / STORE for folder in (DEMO_HOME, home))
    if not demo.is_file():
        return shown.is_file()
    if not shown.is_file() or shown.stat().st_mtime < demo.stat().st_mtime:
        for name in ("airflow.db", STORE):
            for file in home.glob(f"{name}*"):
                file.unlink()
            _copy(DEMO_HOME / name, home / name)
    return True


def _copy(demo: Path, shown: Path) -> None:
    shown.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(demo)) as source, contextlib.closing(sqlite3.connect(shown)) as target:
        source.backup(target)


def _print_welcome(running: Standalone, cloud: LocalCloud, portal: str, *, shown: bool) -> None:
    page = "" if shown else " (empty until a run has ended)"
    print(
        f"""
  Airflow   {running.url}
  the page  {running.url}/plugin/access-keys{page}
  login     admin
  password  {running.password}

  Unpause and trigger access_key_report; unpausing starts the run of the day too. Left as it is, its form audits the
  connection's own account; for all of them switch on "Whole organisation" and enter {cloud.aws.role_name} as "Role to
  assume". One account denies access, so that run ends red and says so.
  By REST: {{"organization": true, "role_name": "{cloud.aws.role_name}"}}
  The examples that list resource groups want subscription {cloud.azure.subscription_id}.
  Then ask, from another terminal:
    .venv/bin/python -m localcloud query "$(cat include/kql/keys_over_90_days.kql)"
    .venv/bin/python -m localcloud requests action='POST logs'
{portal}

  Ctrl-C stops everything. The local cloud forgets its rows then; Airflow keeps its runs.
""",
        flush=True,
    )
