"""The report on Airflow's Celery executor: two workers, one of which dies in the middle."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url, text

from keywatch.report.engine import open_engine
from keywatch.report.model import AccountFigures
from keywatch.report.query import KeyQuery
from keywatch.report.read import ReportReader
from tests.cluster.cluster import CONCURRENCY, MACHINES, WORKERS
from tests.cluster.conftest import IN_FLIGHT, Story, accepted, name_of
from tests.expected import AUDIT_TABLE, KEYS_TABLE, expected_rows, stored

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def test_every_service_is_healthy_by_its_own_check(story: Story) -> None:
    """The health checks of docker-compose.yaml find each service of the cluster healthy."""
    assert story.health == dict.fromkeys(("postgres", "redis", *MACHINES), "")


def test_both_workers_execute_tasks(story: Story) -> None:
    """Airflow spreads the batches over both workers."""
    assert {task["hostname"] for task in story.tasks} == set(WORKERS)


def test_run_survives_a_worker_that_dies(story: Story) -> None:
    """What ran on the dead worker, and what it had only taken from the queue, is done by the other."""
    tasks = {name_of(task): task for task in story.tasks}
    [survivor] = set(WORKERS) - {story.held.running["hostname"]}
    again = tasks["audit.load", story.held.running["map_index"]]

    assert story.held.killed > 2
    assert story.run.state == "success"
    assert (again["hostname"], again["try_number"]) == (survivor, 2)
    assert story.held.waiting
    assert {(tasks[name]["hostname"], tasks[name]["try_number"]) for name in story.held.waiting} == {(survivor, 1)}
    assert story.health_of_the_dead != 0


def test_retry_sends_only_what_has_no_receipt(story: Story) -> None:
    """The other worker finds the dead one's receipts, and sends again only what has none."""
    held = story.held.running
    [log] = [
        file.read_text(encoding="utf-8")
        for worker in WORKERS
        for file in story.cluster.home(worker).glob(
            f"logs/dag_id=*/run_id={story.run.id}/task_id=audit.load/map_index={held['map_index']}/attempt=2.log"
        )
    ]
    assert "were accepted before and are not sent again" in log


def test_no_record_is_missing_and_every_copy_is_counted(story: Story) -> None:
    """Every key has its row; rows that came twice are copies of one another, and no more than the run says."""
    cloud, run = story.cloud, story.run
    requests = accepted(cloud)
    sent = [record_id for request in requests for record_id in request]
    twice, most = len(sent) - len(set(sent)), max(map(len, requests))
    read_at = {row["account_number_s"]: row["SnapshotTime_t"] for row in cloud.rows(AUDIT_TABLE)}
    rows = {row["RecordId_s"]: row for row in cloud.rows(KEYS_TABLE)}
    [event] = run.asset_events()

    assert expected_rows(cloud.keys(), cloud.root_keys(), read_at, run.id, declared=True) == stored(rows.values())
    assert len(rows) == len(cloud.keys()) + sum(cloud.root_keys().values())
    assert len(requests) > story.held.accepted > 0
    assert event["extra"]["complete"] is True
    assert event["extra"]["accounts"] == {"ok": 40}
    assert twice <= event["extra"]["perhaps_twice"] <= IN_FLIGHT * most * CONCURRENCY


def test_store_of_the_page_has_every_key(story: Story) -> None:
    """What the run found is in the schema of Keywatch, in PostgreSQL, whichever worker wrote it."""
    cloud = story.cloud
    uri = story.cluster.environment("api-server")["AIRFLOW_CONN_KEYWATCH_REPORT"]
    engine = open_engine(make_url(uri).set(drivername="postgresql+psycopg"), writing=False)
    reader = ReportReader(engine)
    overview, keys = reader.overview(), {row.key_id for row in reader.export(KeyQuery())}
    with engine.connect() as connection:
        schemas = connection.scalars(text("SELECT schemaname FROM pg_tables WHERE tablename = 'alembic_version'")).all()
    engine.dispose()

    assert set(schemas) == {"public", "keywatch"}
    assert keys == {row["KeyId_s"] for row in cloud.rows(KEYS_TABLE)}
    assert len(keys) == len(cloud.keys()) + sum(cloud.root_keys().values())
    assert overview is not None
    assert (overview.figures.keys, overview.accounts) == (len(keys), AccountFigures(read=40))
    assert (overview.run.run_id, overview.run.complete) == (story.run.id, True)


def test_workers_share_nothing_but_object_storage(story: Story) -> None:
    """No machine has a staging area of its own; receipts are in the bucket."""
    homes = [story.cluster.home(machine) for machine in MACHINES]
    assert [home for home in homes if (home / "keywatch").exists()] == []
    staged = {request.path for request in story.cloud.requests(action="PutObject")}
    assert any("receipt" in path for path in staged)
