"""The report under `airflow standalone`: REST, schedule, clear errors, killed processes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Mapping
from typing import Any

import pytest

from keywatch_airflow.provider import get_provider_info
from localcloud import Fault, FaultKind
from localcloud.airflow_home import connections
from tests.airflow.conftest import Airflow, task_instances, task_process, trigger, wait_for, wait_for_run
from tests.expected import AUDIT_TABLE, KEYS_TABLE, expected_rows, stored

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]


def expected(server: Airflow, run_id: str) -> list[dict[str, Any]]:
    """Work out the rows of the accounts that the run says it has read."""
    read_at = {
        row["account_number_s"]: row["SnapshotTime_t"]
        for row in server.cloud.rows(AUDIT_TABLE)
        if row["Status_s"] == "ok"
    }
    return expected_rows(server.cloud.keys(), server.cloud.root_keys(), read_at, run_id, declared=True)


def all_accounts(server: Airflow) -> dict[str, Any]:
    """Parameters that audit every account."""
    return {"accounts": list(server.cloud.aws.account_ids), "role_name": server.cloud.aws.role_name}


def test_scheduled_run_succeeds(airflow_server: Airflow) -> None:
    """Unpaused, the DAG runs on its schedule, with its default parameters, and succeeds."""
    assert airflow_server.scheduled.kind == "scheduled"
    assert airflow_server.scheduled.state == "success"
    assert airflow_server.scheduled.asset_events()[0]["extra"]["complete"] is True


def test_run_through_rest_stores_every_key_once(server: Airflow) -> None:
    """A run triggered through the REST API stores one row per key of every account, and says so in its asset event."""
    run = server.run(**all_accounts(server), batch_size=1)
    rows = server.cloud.rows(KEYS_TABLE)
    assert run.state == "success"
    assert expected(server, run.id) == stored(rows)
    assert len(rows) == len(server.cloud.keys()) + sum(server.cloud.root_keys().values())
    assert run.asset_events()[0]["extra"] == {
        "run_id": run.id,
        "complete": True,
        "delivered": True,
        "accounts": {"ok": 3},
        "keys": len(rows),
        "accepted": len(rows),
        "rejected": 0,
        "perhaps_twice": 0,
    }


@pytest.mark.parametrize(
    ("connection", "fault", "error", "words"),
    [
        ("wrong_key", None, "AuthorizationRefusedError", "is not this workspace's"),
        ("wrong_workspace", None, "UnreachableError", "The proxy did not connect to 00000000-"),
        ("unreachable", None, "UnreachableError", "The proxy did not connect to"),
        ("outside", None, "HostNotAllowedError", "collector.example.com is not a host of AzureCloud"),
        ("impatient", FaultKind.TLS_EXPIRED, "TlsError", "certificate has expired"),
        ("impatient", FaultKind.TLS_UNTRUSTED, "TlsError", "is not trusted"),
    ],
)
def test_refusal_ends_in_its_own_error(
    server: Airflow, connection: str, fault: FaultKind | None, error: str, words: str
) -> None:
    """Each thing that can be wrong with a destination ends in its own clear error, at once where no retry can help."""
    if fault:
        server.cloud.inject(Fault(fault, host=".ods.opinsights.azure.com", count=None))
    run = server.run(destination_conn_id=connection)
    transient = error == "UnreachableError"
    log = run.log("audit.load", 0, 2 if transient else 1)
    tries = [ti["try_number"] for ti in task_instances(server.standalone, run.id) if ti["task_id"] == "audit.load"]
    assert run.state == "failed"
    assert error in log
    assert words in log
    assert tries == [2 if transient else 1]
    assert server.cloud.second_workspace.shared_key not in log
    assert server.cloud.tables(server.cloud.second_workspace) == {}


def test_denied_action_is_named(server: Airflow) -> None:
    """A denied IAM action fails the run with account, action and policy, and shows as denied in the audit table."""
    account = server.cloud.aws.account_id
    server.cloud.inject(Fault(FaultKind.DENY, action="ListUsers", account=account, count=None))
    run = server.run()
    verdict, extract = run.log("verdict"), run.log("audit.extract", 0)
    assert run.state == "failed"
    assert f"AWS account {account} denies iam:ListUsers" in verdict
    assert "Allow it in the policy of the audit role" in verdict
    assert f"AWS account {account} denies iam:ListUsers" in extract
    assert [row["Status_s"] for row in server.cloud.rows(AUDIT_TABLE)] == ["denied"]


def test_denied_account_costs_that_account_only(server: Airflow) -> None:
    """Accounts that cannot be entered are denied by name, in verdict and audit table; the others are delivered."""
    own, *others = server.cloud.aws.account_ids
    run = server.run(accounts=[own, *others], role_name="NoSuchRole")
    statuses = {row["account_number_s"]: row["Status_s"] for row in server.cloud.rows(AUDIT_TABLE)}
    verdict = run.log("verdict")
    assert run.state == "failed"
    assert statuses == {own: "ok"} | dict.fromkeys(others, "denied")
    assert all(f"{account}: denied: AWS account {account} denies sts:AssumeRole" in verdict for account in others)
    assert expected(server, run.id) == stored(server.cloud.rows(KEYS_TABLE))


def test_oversize_records_are_kept_and_counted(server: Airflow) -> None:
    """Records that no chunk can carry go to the dead letters, are counted and named; all others are stored."""
    run = server.run(chunk_limit=590)
    rows, [audit] = server.cloud.rows(KEYS_TABLE), server.cloud.rows(AUDIT_TABLE)
    folder = hashlib.sha256(run.id.encode()).hexdigest()[:8]
    letters = [
        content
        for path, content in server.home.files()
        if path.parent.name.endswith(folder) and "dead-letters" in path.parts
    ]
    rejected = int(audit["RejectedCount_d"])
    assert run.state == "failed"
    assert audit["Status_s"] == "partial"
    assert 0 < rejected < audit["KeyCount_d"]
    assert rejected + len(rows) == audit["KeyCount_d"]
    assert [rejected] == [content.count(b"\n") for content in letters]
    assert f"{rejected} of {int(audit['KeyCount_d'])} keys were rejected" in run.log("verdict")


def test_lost_answer_is_the_only_duplicate(server: Airflow) -> None:
    """A chunk whose answer is lost after it was stored arrives twice, with the same RecordIds, and is counted."""
    server.cloud.inject(Fault(FaultKind.DROP_AFTER, action="POST logs", after=1))
    run = server.run(chunk_limit=4_000, in_flight=1)
    rows = server.cloud.rows(KEYS_TABLE)
    ids = [row["RecordId_s"] for row in rows]
    extra = run.asset_events()[0]["extra"]
    assert run.state == "success"
    assert len(ids) - len(set(ids)) == extra["perhaps_twice"] > 0
    assert len(set(ids)) == extra["accepted"]


def test_killed_load_sends_only_what_has_no_receipt(server: Airflow) -> None:
    """After SIGKILL in the middle of loading, the retry sends no record again but those in flight at that moment."""
    in_flight = 2
    server.cloud.inject(Fault(FaultKind.DELAY, action="POST logs", seconds=0.4, count=None))
    run_id = trigger(server.standalone, all_accounts(server) | {"chunk_limit": 1_500, "in_flight": in_flight})
    wait_for(lambda: len(server.cloud.rows(KEYS_TABLE)) >= 10, every=0.1)
    [load] = [ti for ti in task_instances(server.standalone, run_id) if ti["task_id"] == "audit.load"]
    process = task_process(server.standalone, load["id"])
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: not process.is_running())
    before = [r for r in server.cloud.requests(action="POST logs") if r.status == 204]
    server.cloud.clear_faults()

    run = wait_for_run(server.standalone, run_id)

    requests = [r for r in server.cloud.requests(action="POST logs") if r.log_type == "AWS_Access_Key_Report"]
    sent = [record_id for request in requests for record_id in request.record_ids]
    twice, most = len(sent) - len(set(sent)), max(len(request.record_ids) for request in requests)
    assert run.state == "success"
    assert len(before) > 3
    assert len(requests) > len(before) + 3
    assert twice <= run.asset_events()[0]["extra"]["perhaps_twice"] <= in_flight * most
    assert "were accepted before and are not sent again" in run.log("audit.load", 0, 2)
    assert {row["RecordId_s"] for row in expected(server, run.id)} == set(sent)


def test_batch_killed_on_all_tries_is_reported(server: Airflow) -> None:
    """A batch killed on all its tries is failed in audit table and verdict; the rest, and the event, are there."""
    victim = server.cloud.aws.account_ids[1]
    server.cloud.inject(Fault(FaultKind.DELAY, action="ListUsers", account=victim, seconds=3, count=None))
    run_id = trigger(server.standalone, all_accounts(server) | {"batch_size": 1})
    killed: set[int] = set()

    def kill_each_try() -> bool:
        for ti in task_instances(server.standalone, run_id):
            if (ti["task_id"], ti["map_index"]) == ("audit.extract", 1):
                process = task_process(server.standalone, ti["id"])
                if process and process.pid not in killed:
                    killed.add(process.pid)
                    os.kill(process.pid, signal.SIGKILL)
                return bool(ti["state"] == "failed")
        return False

    wait_for(kill_each_try, every=0.2)
    run = wait_for_run(server.standalone, run_id)
    audit = {row["account_number_s"]: row for row in server.cloud.rows(AUDIT_TABLE)}
    assert len(killed) == 2
    assert run.state == "failed"
    assert audit[victim]["Status_s"] == "failed"
    assert f"{victim}: failed: not read: look at the log of task audit.extract, map index 1" in run.log("verdict")
    assert run.tasks["publish", -1] == "success"
    assert run.asset_events()[0]["extra"]["accounts"] == {"ok": 2, "failed": 1}
    assert expected(server, run.id) == stored(server.cloud.rows(KEYS_TABLE))
    assert len({row["account_number_s"] for row in server.cloud.rows(KEYS_TABLE)}) == 2


FORMS = {
    "keyvault_certificate": ("Azure Key Vault certificate", {"login": "Client ID", "host": "Vault URL"}),
    "azure_logs_ingestion": ("Azure Log Analytics (Logs Ingestion)", {"host": "Endpoint"}),
    "azure_data_collector": ("Azure Log Analytics (Data Collector)", {"login": "Workspace ID"}),
}


@pytest.mark.parametrize("conn_type", FORMS)
def test_connection_form_is_what_the_ui_reads(server: Airflow, conn_type: str) -> None:
    """Each connection type has its form in Airflow's hook metadata, with its own names for the standard fields."""
    name, titles = FORMS[conn_type]
    [form] = [
        hook
        for hook in server.standalone.api("GET", "/connections/hook_meta", base="/ui")
        if hook["connection_type"] == conn_type
    ]
    [described] = [each for each in get_provider_info()["connection-types"] if each["connection-type"] == conn_type]
    assert form["hook_name"] == name
    assert {field: form["standard_fields"][field]["title"] for field in titles} == titles
    assert set(form["extra_fields"]) == set(described["conn-fields"])
    assert all(field["schema"]["title"] for field in form["extra_fields"].values())


def try_connection(server: Airflow, connection: Mapping[str, Any]) -> tuple[bool, str]:
    """Press Test."""
    body = {"connection_id": "tried", **connection, "extra": json.dumps(connection["extra"])}
    answer = server.standalone.api("POST", "/connections/test", json=body)
    return answer["status"], answer["message"]


@pytest.mark.parametrize(
    "conn_id", ["keyvault_certificate_default", "on_premises_certificate", "event_publisher_certificate"]
)
def test_test_button_signs_and_fetches_a_token(server: Airflow, conn_id: str) -> None:
    """Whatever its source, a certificate that works is told so; one that is not registered fails at the last step."""
    connection = connections(server.cloud)[conn_id]
    wrong = connection | {"login": server.cloud.azure.applications["keywatch"].client_id}
    if conn_id == "keyvault_certificate_default":
        wrong = connection | {"login": server.cloud.azure.applications["on-premises"].client_id}

    works, message = try_connection(server, connection)
    refused, reason = try_connection(server, wrong | {"extra": connection["extra"]})

    assert works, message
    assert "signs, and Entra gives a token" in message
    assert not refused
    assert "Step 4 of 4, get a token" in reason


def test_test_button_names_the_step_that_failed(server: Airflow) -> None:
    """A certificate that is not there, and one that the machine may not sign with, fail at their own steps."""
    connection = connections(server.cloud)["keyvault_certificate_default"]
    missing = connection | {"extra": connection["extra"] | {"certificate": "no-such-certificate"}}
    assert "Step 1 of 4, find the certificate" in try_connection(server, missing)[1]

    server.cloud.revoke("airflow-worker", "Key Vault Crypto User", "/vault")
    works, message = try_connection(server, connection)
    assert not works
    assert "Step 3 of 4, sign" in message
    assert "Key Vault Crypto User" in message


def test_test_button_of_a_rule_sees_its_role(server: Airflow) -> None:
    """A rule that takes the token is told so, without storing anything; without the role, the role is named."""
    connection = connections(server.cloud)["azure_logs_ingestion_default"]
    works, message = try_connection(server, connection)
    assert works, message
    assert server.cloud.rows(KEYS_TABLE) == []

    server.cloud.revoke("keywatch", "Monitoring Metrics Publisher", "/dcr")
    works, message = try_connection(server, connection)
    assert not works
    assert "Monitoring Metrics Publisher" in message


def test_test_button_tells_a_right_workspace_key_from_a_wrong_one(server: Airflow) -> None:
    """The Data Collector's key is tried, from the connection or from the vault, and never shown."""
    cloud = server.cloud
    kept = connections(cloud)["azure_data_collector_default"]
    given = kept | {"extra": {"transport": kept["extra"]["transport"]}, "password": cloud.second_workspace.shared_key}
    wrong = given | {"password": cloud.workspace.shared_key}
    assert try_connection(server, kept)[0]
    assert try_connection(server, given)[0]
    works, message = try_connection(server, wrong)
    assert not works
    assert cloud.workspace.shared_key not in message
    assert cloud.tables(cloud.second_workspace) == {}
