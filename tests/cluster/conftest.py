"""A cluster whose one worker dies in the middle of a run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from localcloud import Fault, FaultKind, LocalCloud, Seed
from tests.airflow.conftest import DAG_ID, ENDED, Run, task_instances, trigger, wait_for, wait_for_run
from tests.cluster.cluster import MACHINES, Cluster
from tests.cluster.processes import offspring
from tests.expected import KEYS_TABLE

ORGANIZATION = Seed(accounts=40, users=160, auditor_key=False)
BATCH_SIZE = 2
IN_FLIGHT = 2
"""Requests in flight of a load."""
CHUNK_LIMIT = 1_500
HELD_SECONDS = 8.0
"""How long a request for records takes until the worker is dead: long enough to look around meanwhile."""
RUN_SECONDS = 600.0


@dataclass(frozen=True)
class Held:
    """What a worker had when it died.

    Attributes:
        running: The load in whose middle it was killed.
        waiting: Tasks and map indices that it had taken from the queue, and not begun.
        accepted: Requests for keys that had been answered until then.
        killed: How many processes it was.
    """

    running: dict[str, Any]
    waiting: frozenset[tuple[str, int]]
    accepted: int
    killed: int


@dataclass(frozen=True)
class Story:
    """The run, and what happened meanwhile."""

    cloud: LocalCloud
    cluster: Cluster
    health: dict[str, str]
    held: Held
    health_of_the_dead: int
    run: Run
    tasks: list[dict[str, Any]]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Audit forty accounts on two workers, kill one of them while it loads, and let the run end."""
    folder, before = tmp_path_factory.mktemp("cluster"), set(offspring())
    with LocalCloud(folder / "localcloud", ORGANIZATION) as cloud, Cluster(folder / "machines", cloud) as cluster:
        health = {name: said_of(cluster, name) for name in ("postgres", "redis", *MACHINES)}
        cluster.api("PATCH", f"/dags/{DAG_ID}", json={"is_paused": False})
        scheduled = wait_for(lambda: cluster.api("GET", f"/dags/{DAG_ID}/dagRuns")["dag_runs"])
        wait_for_run(cluster, scheduled[0]["dag_run_id"])
        cloud.reset()
        cloud.inject(Fault(FaultKind.DELAY, action="POST logs", seconds=HELD_SECONDS, count=None))
        run_id = trigger(cluster, parameters(cloud))
        held = wait_for(lambda: kill_in_the_middle(cluster, cloud, run_id), RUN_SECONDS, every=0.2)
        cloud.clear_faults()
        dead = cluster.check_health(held.running["hostname"]).returncode
        run = wait_for_run(cluster, run_id, RUN_SECONDS)
        yield Story(cloud, cluster, health, held, dead, run, task_instances(cluster, run_id))
    assert set(offspring()) == before


def parameters(cloud: LocalCloud) -> dict[str, Any]:
    """Parameters that audit every account in small batches and send small chunks."""
    return {
        "accounts": list(cloud.aws.account_ids),
        "role_name": cloud.aws.role_name,
        "batch_size": BATCH_SIZE,
        "chunk_limit": CHUNK_LIMIT,
        "in_flight": IN_FLIGHT,
    }


def said_of(cluster: Cluster, name: str) -> str:
    """Say what a service's health check found: nothing, or what is wrong."""
    found = cluster.check_health(name)
    return f"{found.stdout}{found.stderr}" if found.returncode else ""


def kill_in_the_middle(cluster: Cluster, cloud: LocalCloud, run_id: str) -> Held | None:
    """Kill a worker that is in the middle of loading and has more in hand, if there is one now."""
    tasks = task_instances(cluster, run_id)
    assert not any(task["task_id"] == "verdict" and task["state"] in ENDED for task in tasks), "nobody was killed"
    for load in tasks:
        if load["task_id"] != "audit.load" or load["state"] != "running" or not in_the_middle(cloud, load):
            continue
        taken = cluster.taken_by(load["hostname"])
        waiting = frozenset(name_of(task) for task in tasks if task["state"] == "queued" and task["id"] in taken)
        if waiting and in_the_middle(cloud, load):
            killed = cluster.kill(load["hostname"])
            return Held(load, waiting, len(accepted(cloud)), len(killed))
    return None


def name_of(task: dict[str, Any]) -> tuple[str, int]:
    """Name a task instance of the run, whichever try it is."""
    return task["task_id"], task["map_index"]


def in_the_middle(cloud: LocalCloud, load: dict[str, Any]) -> bool:
    """Tell whether a load has a receipt for some keys of its batch, and not all of them are stored."""
    first = load["map_index"] * BATCH_SIZE
    batch = cloud.aws.account_ids[first : first + BATCH_SIZE]
    keys = Counter(key.account for key in cloud.keys()) + Counter(cloud.root_keys())
    stored = sum(row["account_number_s"] in batch for row in cloud.rows(KEYS_TABLE))
    receipt = re.compile(rf".*/batch-{load['map_index']:04d}/receipts/[^/]+/\d[^/]+")
    has_receipt = any(receipt.fullmatch(each.path) for each in cloud.requests(action="PutObject", status=200))
    return has_receipt and stored < sum(keys[account] for account in batch)


def accepted(cloud: LocalCloud) -> list[tuple[str, ...]]:
    """Give the RecordIds of every request for keys that was accepted."""
    requests = cloud.requests(action="POST logs", status=204)
    return [each.record_ids for each in requests if each.log_type == "AWS_Access_Key_Report"]
