"""Twenty kills at random instants of a load of fifty chunks: nothing is lost, and little is sent twice."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Final

import pytest

from localcloud import Fault, FaultKind
from tests.airflow.conftest import wait_for
from tests.faults.server import IN_FLIGHT, KEYS, Server, kill, perhaps_twice

pytestmark = [pytest.mark.kills, pytest.mark.timeout(300)]

SEED: Final = 20261126
SECONDS: Final = 0.15
"""Between a chunk's being stored and its answer, so that instants fall on either side."""


@dataclass(frozen=True)
class Instant:
    """When a process is killed.

    Attributes:
        number: Of the kill.
        chunk: So many requests have arrived before.
        later: Seconds after that.
        supervisor: Whether Airflow's own process is killed as well.
    """

    number: int
    chunk: int
    later: float
    supervisor: bool

    def __str__(self) -> str:
        """Name it in pytest's output."""
        who = "process and supervisor" if self.supervisor else "process"
        return f"{self.number}: {who}, {self.later:.3f} s after chunk {self.chunk}"


def _instants() -> list[Instant]:
    chance = random.Random(SEED)  # noqa: S311 - nothing secret
    with_supervisor = set(chance.sample(range(1, 21), 5))
    return [
        Instant(number, chance.randint(1, KEYS - 1), chance.uniform(0, SECONDS), number in with_supervisor)
        for number in range(1, 21)
    ]


@pytest.mark.parametrize("instant", _instants(), ids=str)
def test_kill_at_a_random_instant(instant: Instant, server: Server) -> None:
    """After the retry every record is there; stored twice is at most what was in flight, and the run counts it."""
    server.cloud.inject(Fault(FaultKind.DELAY, action="POST logs", seconds=SECONDS, count=None))
    run_id = server.start()
    process = server.process(run_id, "audit.load")
    wait_for(lambda: len(server.posts()) >= instant.chunk, every=0.01)
    time.sleep(instant.later)
    kill(process, process.parent() if instant.supervisor else None)
    before = len(server.posts())
    server.cloud.clear_faults()

    run = server.end(run_id)

    assert run.state == "success"
    assert instant.chunk <= before < KEYS + IN_FLIGHT
    assert server.copies(run) <= IN_FLIGHT
    assert server.copies(run) <= perhaps_twice(run) <= IN_FLIGHT
    assert len(server.posts()) <= KEYS + IN_FLIGHT
