"""Runs that are made again, as a whole or in part, or beside one another."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from keywatch.pipeline.folders import RunFolder
from tests.airflow.conftest import DAG_ID, Run, wait_for
from tests.expected import KEYS_TABLE
from tests.faults.case import Case, Ends
from tests.faults.processes import CLEARED, FORGOTTEN, LOAD_CLEARED, SIDE_BY_SIDE
from tests.faults.server import CHUNK_LIMIT, KEYS, Server, perhaps_twice

pytestmark = [pytest.mark.kills, pytest.mark.timeout(300)]


def made_again(server: Server, first: Run, task: str | None = None) -> Run:
    """Clear a run, or one of its tasks with all behind it, and wait for its second end."""
    server.clear(first.id, task)
    wait_for(lambda: len(first.asset_events()) > 1)
    return server.end(first.id)


@pytest.mark.parametrize(("case", "task"), [(CLEARED, None), (LOAD_CLEARED, "audit.load")], ids=str)
def test_what_has_receipts_is_not_sent_again(case: Case, task: str | None, server: Server) -> None:
    """A run, or its load, that is cleared after it succeeded sends nothing again."""
    first = server.end(server.start())
    sent = len(server.posts())

    run = made_again(server, first, task)

    assert case.ends is Ends.SURVIVED
    assert run.state == "success"
    assert len(server.posts()) == sent == KEYS
    assert (server.copies(run), perhaps_twice(run)) == (0, 0)


@pytest.mark.parametrize("case", [FORGOTTEN], ids=str)
def test_run_whose_files_are_gone_is_made_anew(case: Case, server: Server) -> None:
    """Without its staged files a cleared run reads and sends everything again, under the same RecordIds."""
    first = server.end(server.start())
    shutil.rmtree(RunFolder(server.home.path / "keywatch", first.id).folder)

    run = made_again(server, first)

    assert case.ends is Ends.SURVIVED
    assert run.state == "success"
    assert server.copies(run) == KEYS
    assert once_each(server) == KEYS


@pytest.mark.parametrize("case", [SIDE_BY_SIDE], ids=str)
def test_two_runs_at_once_do_not_meet(case: Case, server: Server) -> None:
    """Two runs over the same accounts and staging area each deliver everything; the saved function shows it once."""
    airflow = str(Path(sys.executable).parent / "airflow")
    conf = json.dumps({"chunk_limit": CHUNK_LIMIT})
    command = [airflow, "dags", "test", DAG_ID, "-c", conf]
    with subprocess.Popen(command, env=server.home.env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as other:
        wait_for(lambda: server.cloud.requests(action="ListUsers"), every=0.05)
        run = server.end(server.start())
        assert other.wait(120) == 0

    by_run = Counter(row["RunId_s"] for row in server.cloud.rows(KEYS_TABLE))
    assert case.ends is Ends.SURVIVED
    assert run.state == "success"
    assert by_run.pop(run.id) == KEYS
    assert list(by_run.values()) == [KEYS]
    assert once_each(server) == KEYS


def once_each(server: Server) -> int:
    """Count what the saved function shows."""
    [counted] = server.cloud.query("AccessKeys() | count")
    return int(counted["Count"])
