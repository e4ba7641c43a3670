"""What every DAG declares, and how each is wired."""

from __future__ import annotations

import ast
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import AssetAll, TriggerRule
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.definitions.timetables.assets import AssetTriggeredTimetable
from airflow.serialization.serialized_objects import DagSerialization

from keywatch.errors import (
    AccessDeniedError,
    CertificateAttentionError,
    ConfigurationError,
    IncompleteReportError,
    UnreachableError,
)
from keywatch_airflow.approval import ProposalApprovalOperator
from tests.dags.dag_bag import DAG_FILES

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG

EDGES = {
    "access_key_findings": {
        "find": {"load", "notify", "propose"},
        "load": set[str](),
        "notify": set[str](),
        "propose": {"approve", "deactivate", "proposed", "record"},
        "proposed": set[str](),
        "approve": {"deactivate", "record"},
        "deactivate": {"record"},
        "record": set[str](),
    },
    "access_key_owners": {"take": set[str]()},
    "access_key_report": {
        "list_accounts": {"audit.extract", "publish"},
        "audit.extract": {"audit.transform"},
        "audit.transform": {"audit.load"},
        "audit.load": {"publish"},
        "publish": {"verdict"},
        "verdict": set[str](),
    },
    "azure_activity_report": {
        "list_subscriptions": {"activity.read", "take_snapshot", "publish"},
        "activity.read": {"activity.load"},
        "activity.load": {"publish"},
        "take_snapshot": {"virtual_machines.read"},
        "virtual_machines.read": {"virtual_machines.load"},
        "virtual_machines.load": {"publish"},
        "publish": {"verdict"},
        "verdict": set[str](),
    },
    "certificate_watch": {
        "list_certificates": {"watch", "verdict"},
        "watch": {"publish", "verdict"},
        "publish": {"verdict"},
        "verdict": set[str](),
    },
    "example_azure_resource_manager_with_pem": {"list_resource_groups": set[str]()},
    "example_credential_on_an_hsm": {"list_resource_groups": set[str]()},
    "example_event_hub_of_another_tenant": {"send_event": set[str]()},
    "example_jwt_for_any_api": {"call_the_api": set[str]()},
}
"""Every DAG, its tasks, and what follows each. A new DAG is entered here."""

every_dag = pytest.mark.parametrize("dag_id", EDGES)


def dag_of(dag_bag: DagBag, dag_id: str) -> DAG:
    """Return a DAG by its id."""
    dag: DAG = dag_bag.dags[dag_id]
    return dag


def test_dag_files_have_no_import_errors(dag_bag: DagBag) -> None:
    """Every DAG file parses."""
    assert dag_bag.import_errors == {}


def test_dag_files_raise_no_warnings(dag_bag: DagBag) -> None:
    """No DAG file uses what Airflow is about to drop."""
    assert dag_bag.captured_warnings == {}


def test_dags_are_all_listed_here(dag_bag: DagBag) -> None:
    """No DAG goes untested, and each is the only one of a file of its name."""
    assert set(EDGES) == set(dag_bag.dags)
    assert sorted(EDGES) == sorted(file.stem for file in DAG_FILES)
    assert {dag_id: f"{dag_id}.py" for dag_id in EDGES} == {
        dag_id: dag.fileloc.rpartition("/")[2] for dag_id, dag in dag_bag.dags.items()
    }


@every_dag
def test_dag_has_the_tasks_and_edges_as_designed(dag_bag: DagBag, dag_id: str) -> None:
    """Tasks run in the designed order."""
    tasks = dag_of(dag_bag, dag_id).task_dict

    assert EDGES[dag_id] == {task_id: set(task.downstream_task_ids) for task_id, task in tasks.items()}


@every_dag
def test_dag_explains_itself(dag_bag: DagBag, dag_id: str) -> None:
    """The file's docstring is the runbook that the UI shows: a title, and what to do when it fails."""
    dag = dag_of(dag_bag, dag_id)
    (source,) = (file.read_text(encoding="utf-8") for file in DAG_FILES if file.stem == dag_id)

    assert ast.get_docstring(ast.parse(source)) == (dag.doc_md or "").strip()
    assert (dag.doc_md or "").startswith("### ")
    assert "**When it fails" in (dag.doc_md or "")


@every_dag
def test_dag_is_tagged_and_owned(dag_bag: DagBag, dag_id: str) -> None:
    """The UI can find it by tag, and says whose it is; tags are words in lower case."""
    dag = dag_of(dag_bag, dag_id)

    assert dag.tags
    assert all(tag == tag.lower().replace(" ", "-") for tag in dag.tags)
    assert {"cloud-security"} == {task.owner for task in dag.tasks}


@every_dag
def test_dag_does_not_catch_up_or_overlap(dag_bag: DagBag, dag_id: str) -> None:
    """Only now can be read, once at a time, from a fixed day on; a request that waits is closed by the next run."""
    dag = dag_of(dag_bag, dag_id)

    assert (dag.catchup, dag.max_active_runs) == (False, 2 if dag_id == "access_key_findings" else 1)
    assert dag.start_date is not None
    assert dag.start_date.utcoffset() is not None


@every_dag
def test_dag_describes_every_param(dag_bag: DagBag, dag_id: str) -> None:
    """The form of a run gives each field a type, a title and a description, and its defaults are valid."""
    params = dag_of(dag_bag, dag_id).params

    described = {name: params.get_param(name) for name in params}
    assert [name for name, param in described.items() if not param.schema.get("type")] == []
    assert [name for name, param in described.items() if not param.schema.get("title")] == []
    assert [name for name, param in described.items() if not param.description] == []
    params.validate()


@every_dag
@pytest.mark.parametrize(
    "error",
    [ConfigurationError("no"), AccessDeniedError("123456789012", "iam:ListUsers"), IncompleteReportError("no")],
    ids=lambda error: type(error).__name__,
)
def test_dag_fails_at_once_when_no_retry_can_help(dag_bag: DagBag, dag_id: str, error: Exception) -> None:
    """A permanent error ends every task on its first try."""
    policies = [task.retry_policy for task in dag_of(dag_bag, dag_id).tasks]

    assert {RetryAction.FAIL} == {policy.evaluate(error, 1, 3).action if policy else None for policy in policies}


@every_dag
@pytest.mark.parametrize("error", [UnreachableError("no"), ValueError("no")], ids=lambda error: type(error).__name__)
def test_dag_leaves_other_errors_to_airflows_retries(dag_bag: DagBag, dag_id: str, error: Exception) -> None:
    """Whatever may pass is tried again as Airflow's configuration says."""
    policies = [task.retry_policy for task in dag_of(dag_bag, dag_id).tasks]

    assert {RetryAction.DEFAULT} == {policy.evaluate(error, 1, 3).action if policy else None for policy in policies}


@every_dag
def test_dag_can_be_stored(dag_bag: DagBag, dag_id: str) -> None:
    """Airflow can serialise it, as it does after parsing, with its tasks."""
    stored: dict[str, Any] = DagSerialization.to_dict(dag_of(dag_bag, dag_id))["dag"]

    assert len(EDGES[dag_id]) == len(stored["tasks"])


def test_access_key_report_always_publishes_and_judges(dag_bag: DagBag) -> None:
    """The last two tasks run whatever happened before; the others only after success."""
    rules = {task.task_id: task.trigger_rule for task in dag_of(dag_bag, "access_key_report").tasks}

    always = dict.fromkeys(("publish", "verdict"), TriggerRule.ALL_DONE)
    reading = ("list_accounts", "audit.extract", "audit.transform", "audit.load")
    assert dict.fromkeys(reading, TriggerRule.ALL_SUCCESS) | always == rules


def test_access_key_report_ends_what_hangs(dag_bag: DagBag) -> None:
    """No task can stand in the way of the next day's run for ever."""
    limits = [task.execution_timeout for task in dag_of(dag_bag, "access_key_report").tasks]

    assert all(limit is not None and limit < timedelta(days=1) for limit in limits)


def test_access_key_report_emits_its_asset_when_published(dag_bag: DagBag) -> None:
    """The task that publishes, and no other, updates asset access_keys."""
    outlets = {task.task_id: task.outlets for task in dag_of(dag_bag, "access_key_report").tasks if task.outlets}

    assert list(outlets) == ["publish"]
    assert [(out.name, out.uri) for out in outlets["publish"]] == [("access_keys", "x-keywatch://access_keys")]


def test_access_key_report_maps_the_whole_group_over_batches(dag_bag: DagBag) -> None:
    """Extract, transform and load of a batch are mapped together, one group a batch."""
    dag = dag_of(dag_bag, "access_key_report")

    mapped = {task.task_id for task in dag.tasks if task.get_closest_mapped_task_group()}
    assert {"audit.extract", "audit.transform", "audit.load"} == mapped


@pytest.mark.parametrize(
    ("dag_id", "error"),
    [
        ("access_key_report", IncompleteReportError("no")),
        ("certificate_watch", CertificateAttentionError("no")),
    ],
)
def test_verdict_is_final_and_its_process_is_not(dag_bag: DagBag, dag_id: str, error: Exception) -> None:
    """A verdict is not repeated, but a process that is killed before it gives one has Airflow's retries."""
    dag = dag_of(dag_bag, dag_id)
    task = dag.get_task("verdict")

    assert task.retries == dag.get_task("publish").retries
    assert task.retry_policy is not None
    assert task.retry_policy.evaluate(error, 1, 3).action is RetryAction.FAIL


def test_access_key_findings_follow_the_report(dag_bag: DagBag) -> None:
    """Each report that is published, and nothing else, starts the findings."""
    report, findings = (dag_of(dag_bag, dag_id) for dag_id in ("access_key_report", "access_key_findings"))

    assert isinstance(findings.timetable, AssetTriggeredTimetable)
    assert findings.timetable.asset_condition == AssetAll(*report.get_task("publish").outlets)


def test_access_key_findings_ask_once_and_reject_without_an_answer(dag_bag: DagBag) -> None:
    """A request is made once, waits for less than a day, and counts as rejected if nobody answers."""
    approve = dag_of(dag_bag, "access_key_findings").get_task("approve")

    assert isinstance(approve, ProposalApprovalOperator)
    assert (approve.retries, approve.defaults, approve.response_timeout) == (0, ["Reject"], timedelta(hours=20))
    assert approve.assigned_users is None


def test_access_key_findings_always_record(dag_bag: DagBag) -> None:
    """What was decided is recorded whatever happened before; everything else runs only after success."""
    rules = {task.task_id: task.trigger_rule for task in dag_of(dag_bag, "access_key_findings").tasks}

    assert {name for name, rule in rules.items() if rule != TriggerRule.ALL_SUCCESS} == {"record"}
    assert rules["record"] == TriggerRule.ALL_DONE


def test_certificate_watch_always_publishes_and_judges(dag_bag: DagBag) -> None:
    """The rows are delivered and the verdict is given whatever happened to a certificate."""
    tasks = {task.task_id: task for task in dag_of(dag_bag, "certificate_watch").tasks}

    rules = {name: task.trigger_rule for name, task in tasks.items()}
    always = dict.fromkeys(("publish", "verdict"), TriggerRule.ALL_DONE)
    assert dict.fromkeys(("list_certificates", "watch"), TriggerRule.ALL_SUCCESS) | always == rules
    assert tasks["verdict"].has_on_failure_callback


def test_examples_run_only_when_asked(dag_bag: DagBag) -> None:
    """An example has no schedule, and is tagged as one."""
    examples = [dag_of(dag_bag, dag_id) for dag_id in EDGES if dag_id.startswith("example_")]

    assert {type(dag.timetable).__name__ for dag in examples} == {"NullTimetable"}
    assert all("example" in dag.tags for dag in examples)
