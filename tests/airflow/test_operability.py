"""What somebody who operates Keywatch sees of it: metrics, log lines, notifications."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from urllib.parse import quote

import pytest

from localcloud import Fault, FaultKind
from tests.airflow.conftest import DEADLINE_SECONDS, Airflow, Run, trigger, wait_for, wait_for_run
from tests.airflow.listeners import Notifications, StatsD
from tests.expected import AUDIT_TABLE, KEYS_TABLE

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(300)]


def lines(run: Run, task: str, map_index: int = -1, try_number: int = 1) -> list[dict[str, Any]]:
    """Return the lines of a log with all their fields."""
    return [json.loads(line) for line in run.log(task, map_index, try_number).splitlines()]


def test_metrics_say_what_the_run_did(server: Airflow, statsd: StatsD) -> None:
    """What StatsD has summed up equals what the clouds have seen and stored, request by request and row by row."""
    cloud = server.cloud
    cloud.inject(Fault(FaultKind.THROTTLE, action="ListAccessKeys", count=3))
    cloud.inject(Fault(FaultKind.THROTTLE, action="POST logs", after=1, count=2, retry_after=0))
    statsd.forget()
    run = server.run(accounts=list(cloud.aws.account_ids), role_name=cloud.aws.role_name, chunk_limit=4_000)
    requests = cloud.requests()
    asked = Counter(request.host.split(".")[0] for request in requests if request.host.endswith(".amazonaws.com"))
    actions = Counter(request.action for request in requests if (request.status or 0) < 300)
    posts = [request for request in requests if request.action == "POST logs"]
    accepted = [request for request in posts if request.status == 204]
    rows = {table: len(cloud.rows(table)) for table in (KEYS_TABLE, AUDIT_TABLE)}
    by_table = statsd.totals("keywatch.records.accepted", "destination")
    fills = statsd.stats("keywatch.chunks.fill_percent")

    assert run.state == "success"
    assert {name.rpartition("-")[2] + "_CL": count for name, count in by_table.items()} == rows
    assert statsd.totals("keywatch.records.extracted", "") == {"": rows[KEYS_TABLE]}
    assert sum(statsd.totals("keywatch.chunks.accepted", "destination").values()) == len(accepted) == len(fills) > 5
    assert statsd.totals("keywatch.calls.made", "service") == {
        "iam": asked["iam"],
        "sts": asked["sts"],
        "log_analytics": len(posts),
    }
    assert statsd.totals("keywatch.calls.throttled", "service") == {"iam": 3, "log_analytics": 2}
    assert statsd.totals("keywatch.calls.retried", "service") == {"iam": 3, "log_analytics": 2}
    assert sum(statsd.totals("keywatch.signatures.made", "purpose").values()) == actions["keys/sign"] > 2
    assert statsd.totals("keywatch.tokens.requested", "") == {"": actions["token"]}
    assert statsd.totals("keywatch.sessions.requested", "") == {"": actions["CreateSession"]}
    assert statsd.stats("keywatch.records.rejected") == statsd.stats("keywatch.records.perhaps_twice") == []
    assert all(fill.kind == "ms" and 0 < fill.value <= 100 for fill in fills)


def test_log_lines_name_run_account_and_chunk(server: Airflow) -> None:
    """Throttles, retries and errors of accounts and chunks say, in fields of their own, which run, account and chunk.

    The lines are read as Airflow's UI and a log store get them.
    """
    cloud = server.cloud
    own, other = cloud.aws.account_ids[:2]
    cloud.inject(Fault(FaultKind.THROTTLE, action="ListAccessKeys", account=other, count=2))
    cloud.inject(Fault(FaultKind.DENY, action="ListUsers", account=own, count=None))
    cloud.inject(Fault(FaultKind.THROTTLE, action="POST logs", after=1, retry_after=0))
    cloud.inject(Fault(FaultKind.STATUS, action="POST logs", after=2, status=400, log_type="AWS_Access_Key_Report"))
    run = server.run(accounts=[own, other], role_name=cloud.aws.role_name, chunk_limit=4_000, in_flight=1)
    extract, load = lines(run, "audit.extract", 0), lines(run, "audit.load", 0)
    [throttled] = [line for line in extract if "AWS throttles" in line["event"]]
    [denied] = [line for line in extract if "denies iam:ListUsers" in line["event"]]
    [retried] = [line for line in load if "Attempt 2 of" in line["event"]]
    [refused] = [line for line in load if "The chunk was not accepted" in line["event"]]

    assert run.state == "failed"
    assert {line["run_id"] for line in (throttled, denied, retried, refused)} == {run.id}
    assert (throttled["account"], denied["account"]) == (other, own)
    assert (denied["level"], refused["level"]) == ("error", "error")
    assert retried["chunk_records"] > 1
    assert retried["destination"].endswith("/Custom-AWS_Access_Key_Report")
    assert refused["chunk_first"] > 0


def failures(notifications: Notifications, run_id: str) -> list[dict[str, Any]]:
    """Return what was said of a run's failure; on a slow machine, it may have been late as well."""
    return [each for each in notifications.of(run_id) if each["event"] == "failed"]


def test_failed_run_is_told_of_once(server: Airflow, notifications: Notifications) -> None:
    """Whoever is configured is told once of a run that fails, by the verdict's words, however many tasks failed."""
    own, *others = server.cloud.aws.account_ids
    run = server.run(accounts=[own, *others], role_name="NoSuchRole", batch_size=1)
    wait_for(lambda: failures(notifications, run.id))
    good = server.run()
    [told] = failures(notifications, run.id)

    assert (run.state, good.state) == ("failed", "success")
    assert told["event"] == "failed"
    assert all(f"{account}: denied: AWS account {account} denies sts:AssumeRole" in told["text"] for account in others)
    assert told["text"].splitlines()[0] in run.log("verdict")
    assert told["url"] == f"{server.standalone.url}/dags/access_key_report/runs/{quote(run.id, safe='')}"
    assert failures(notifications, good.id) == []


def test_notifier_that_fails_changes_no_outcome(server: Airflow, notifications: Notifications) -> None:
    """A run whose notifier is set up wrongly ends as ever, and the DAG processor's log says why nobody was told."""
    notifications.status = 404
    account = server.cloud.aws.account_ids[1]
    run = server.run(accounts=[account], role_name="NoSuchRole")
    wait_for(lambda: failures(notifications, run.id))
    log = wait_for(lambda: [text for text in dag_processor_logs(server) if "Callback failed" in text])
    notifications.status = 204

    assert run.state == "failed"
    assert run.tasks["publish", -1] == "success"
    assert [row["Status_s"] for row in server.cloud.rows(AUDIT_TABLE)] == ["denied"]
    assert "404" in log[0]
    assert len(failures(notifications, run.id)) == 1


def dag_processor_logs(server: Airflow) -> list[str]:
    """Return the DAG processor's logs of the report's file."""
    logs = server.home.path / "logs/dag_processor"
    return [path.read_text(encoding="utf-8") for path in logs.rglob("access_key_report.py.log")]


def test_late_run_is_told_of(server: Airflow, notifications: Notifications) -> None:
    """A run that is not done when its deadline passes is told of while it goes on: which, since when, where to look."""
    server.cloud.inject(Fault(FaultKind.DELAY, action="ListUsers", seconds=DEADLINE_SECONDS + 10, count=None))
    run_id = trigger(server.standalone, {})
    [told] = wait_for(lambda: notifications.of(run_id), seconds=90)
    state = server.standalone.api("GET", f"/dags/access_key_report/dagRuns/{run_id}")["state"]
    run = wait_for_run(server.standalone, run_id)

    assert (state, run.state) == ("running", "success")
    assert told["event"] == "late"
    assert told["title"] == f"access_key_report is late: run {run_id}"
    assert f"Run {run_id} of DAG access_key_report is not done: its state is running" in told["text"]
    assert "UTC and due by 20" in told["text"]
    assert "minutes ago" in told["text"]
    assert told["url"] in told["text"]
    assert len(notifications.of(run_id)) == 1
