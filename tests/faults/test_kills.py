"""Processes of a run that are killed: nothing is lost, and what is sent again is counted."""

from __future__ import annotations

import dataclasses

import pytest

from tests.airflow.conftest import wait_for
from tests.faults.case import Case, Ends
from tests.faults.processes import KILLS, ORPHAN, SLOW_POSTS, KillCase
from tests.faults.server import IN_FLIGHT, Server, kill, lives, perhaps_twice

pytestmark = [pytest.mark.kills, pytest.mark.timeout(300)]


@pytest.mark.parametrize("case", KILLS, ids=str)
def test_killed_process_loses_nothing(case: KillCase, server: Server) -> None:
    """Whichever process is killed, the run succeeds by itself, with every record stored and every copy counted."""
    if case.hold:
        server.cloud.inject(case.hold)
    run_id = server.start()
    process = server.process(run_id, case.task)
    wait_for(lambda: server.served() or not case.hold, every=0.02)
    wait_for(lambda: len(server.posts()) >= case.stored, every=0.02)
    kill(process, process.parent() if case.supervisor else None)
    server.cloud.clear_faults()

    run = server.end(run_id)

    assert run.state == "success"
    assert server.copies(run) <= min(case.copies, perhaps_twice(run))
    assert perhaps_twice(run) <= 2 * case.copies
    assert {(task, state) for (task, _), state in run.tasks.items()} >= {(case.task, "success")}


@pytest.mark.parametrize("case", [ORPHAN], ids=str)
def test_orphan_and_the_next_try_send_side_by_side(case: Case, server: Server) -> None:
    """A process that outlives its supervisor stops when the next try begins; nothing is lost, every copy counted."""
    server.cloud.inject(dataclasses.replace(SLOW_POSTS, seconds=0.8))
    run_id = server.start()
    orphan = server.process(run_id, "audit.load")
    wait_for(lambda: len(server.posts()) >= 4, every=0.02)
    kill(orphan.parent())
    wait_for(lambda: server.second_process(run_id, "audit.load", orphan), every=0.05)
    assert lives(orphan)

    run = server.end(run_id)
    wait_for(lambda: not lives(orphan))

    assert case.ends is Ends.SURVIVED
    assert run.state == "success"
    assert server.copies(run) <= min(IN_FLIGHT, perhaps_twice(run))
    assert perhaps_twice(run) <= 2 * IN_FLIGHT
