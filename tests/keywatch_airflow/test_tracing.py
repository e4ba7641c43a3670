"""When a task's requests are written down, where to, and what `keywatch har merge` makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.listener import get_listener_manager
from urllib3.connectionpool import HTTPConnectionPool

from keywatch_airflow import trace_files
from keywatch_airflow.cli import main
from keywatch_airflow.hooks.data_collector import DataCollectorHook
from keywatch_airflow.settings import staging as staging_area
from keywatch_airflow.trace_files import traces_of
from keywatch_airflow.tracing import TASK_TRACE, trace_this_task
from localcloud import LocalCloud
from tests.keywatch_airflow.conftest import Connect

Json = dict[str, Any]
RUN_ID = "manual__2026-03-01T00:00:00+00:00"
UNTOUCHED = HTTPConnectionPool.urlopen


@dataclass
class Task:
    """A task instance as Airflow hands one to a listener."""

    task_id: str = "audit.load"
    params: Json = field(default_factory=dict)
    map_index: int | None = 3
    try_number: int = 2
    dag_id: str = "access_key_report"
    run_id: str = RUN_ID

    def get_template_context(self) -> Json:
        """Return what a task can see."""
        return {"params": self.params}


@pytest.fixture(autouse=True)
def staging(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Let traces go into a folder of the test's, and leave none going on."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__STAGING", f"file://{tmp_path / 'staging'}")
    yield tmp_path / "staging"
    TASK_TRACE.end()
    assert HTTPConnectionPool.urlopen is UNTOUCHED


@pytest.fixture
def workspace(connect: Connect, collector: Json) -> str:
    """Give a connection to ask something by."""
    return connect("workspace", collector)


def ask(conn_id: str) -> None:
    """Make one request."""
    DataCollectorHook(conn_id).get_destination("keys").check()


def start(task: Task) -> None:
    """Let a task begin."""
    TASK_TRACE.on_task_instance_running(None, task)


def traces() -> list[Json]:
    """Read the traces of the run."""
    folder = Path(str(traces_of("access_key_report", RUN_ID).folder).removeprefix("file://")) / "trace"
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.har"))]


def test_airflow_knows_the_listener() -> None:
    """The plugin brings it, so that no configuration is needed."""
    assert get_listener_manager().pm.is_registered(TASK_TRACE)


def test_nothing_is_written_down_unless_somebody_says_so(workspace: str, staging: Path) -> None:
    """Off by default, nothing is touched and nothing written."""
    start(Task())
    assert HTTPConnectionPool.urlopen is UNTOUCHED
    ask(workspace)
    TASK_TRACE.on_task_instance_success(None, None)

    assert not staging.exists()


@pytest.mark.parametrize("value", [False, None, "true", 1])
def test_parameter_that_is_not_true_writes_nothing(value: object) -> None:
    """Only `true` means it."""
    start(Task(params={"trace": value}))

    assert HTTPConnectionPool.urlopen is UNTOUCHED


@pytest.mark.parametrize(
    "end",
    [
        lambda: TASK_TRACE.on_task_instance_success(None, None),
        lambda: TASK_TRACE.on_task_instance_failed(None, None, ValueError("no")),
        lambda: TASK_TRACE.on_task_instance_skipped(None, None),
        lambda: TASK_TRACE.before_stopping(None),
        lambda: start(Task("verdict")),
    ],
    ids=["succeeded", "failed", "skipped", "process ends", "next task"],
)
def test_parameter_writes_down_the_task_however_it_ends(workspace: str, end: Any) -> None:  # noqa: ANN401 - a callback
    """The requests of the task, and of no other, are in its file."""
    start(Task(params={"trace": True}))
    ask(workspace)
    end()
    ask(workspace)

    (trace,) = traces()
    assert [page["title"] for page in trace["log"]["pages"]] == ["access_key_report / audit.load[3] / try 2"]
    assert [entry["request"]["method"] for entry in trace["log"]["entries"]] == ["POST"]


def test_connection_writes_down_the_task_that_uses_it(connect: Connect, collector: Json) -> None:
    """A transport that says `trace` begins when a task first uses the connection, whatever its parameters say."""
    collector["extra"]["transport"]["trace"] = True
    conn_id = connect("workspace", collector)
    start(Task(map_index=None))
    ask(conn_id)
    ask(conn_id)
    TASK_TRACE.on_task_instance_success(None, None)

    (trace,) = traces()
    assert len(trace["log"]["entries"]) == 2
    assert trace["log"]["pages"][0]["title"] == "access_key_report / audit.load / try 2"


def test_connection_outside_of_a_task_writes_nothing(connect: Connect, collector: Json, staging: Path) -> None:
    """The button *Test*, and a notebook, have no run to write for."""
    collector["extra"]["transport"]["trace"] = True
    ask(connect("workspace", collector))

    assert not staging.exists()


def test_key_of_the_workspace_is_not_written(
    cloud: LocalCloud, workspace: str, logged: list[MutableMapping[str, Any]]
) -> None:
    """Neither the shared key nor its signatures are in the file."""
    del logged
    start(Task(params={"trace": True}))
    ask(workspace)
    TASK_TRACE.end()

    (trace,) = traces()
    (entry,) = trace["log"]["entries"]
    headers = {header["name"]: header["value"] for header in entry["request"]["headers"]}
    assert "removed" in headers["Authorization"]
    assert cloud.second_workspace.shared_key not in json.dumps(trace)


def test_staging_that_cannot_be_written_fails_no_task(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workspace: str
) -> None:
    """The task goes on without a trace."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AIRFLOW__KEYWATCH__STAGING", f"file://{tmp_path / 'file' / 'staging'}")

    start(Task(params={"trace": True}))
    ask(workspace)
    trace_this_task()
    TASK_TRACE.on_task_instance_success(None, None)

    assert HTTPConnectionPool.urlopen is UNTOUCHED


def test_state_that_the_api_server_changes_is_no_task_of_ours() -> None:
    """What Airflow calls the listener with in other processes has no context, and is let be."""
    TASK_TRACE.on_task_instance_running(None, object())

    assert HTTPConnectionPool.urlopen is UNTOUCHED


def test_command_merges_a_run(workspace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The traces of a run's tasks become one file, and a table says what was asked of each host."""
    for task in ("extract", "load"):
        start(Task(task, params={"trace": True}))
        ask(workspace)
        TASK_TRACE.end()
    out = tmp_path / "run.har"

    assert main(["har", "merge", "access_key_report", RUN_ID, "--output", str(out)]) == 0

    merged = json.loads(out.read_text(encoding="utf-8"))
    assert len(merged["log"]["pages"]) == len(merged["log"]["entries"]) == 2
    said = capsys.readouterr().out
    assert f"2 tasks, 2 requests, in {out}" in said
    assert ".ods.opinsights.azure.com" in said
    assert "2 x 400" in said or "2 x 200" in said


def test_command_says_that_there_is_no_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run without a trace, or one that is not there, is told with what to do, and leaves no file."""
    out = tmp_path / "run.har"

    assert main(["har", "merge", "access_key_report", "never", "-o", str(out)]) == 1

    assert "Trigger it with parameter trace" in capsys.readouterr().err
    assert not out.exists()


def test_command_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is there stays, and so does a folder that is not."""
    out = tmp_path / "run.har"
    out.write_text("mine")

    assert main(["har", "merge", "access_key_report", RUN_ID, "-o", str(out)]) == 2
    assert main(["har", "merge", "access_key_report", RUN_ID, "-o", str(tmp_path / "no" / "run.har")]) == 2

    assert out.read_text() == "mine"
    said = capsys.readouterr().err
    assert "is there already" in said
    assert "there is no folder" in said


def test_staging_area_that_is_reached_by_a_traced_connection_begins_one_trace(
    connect: Connect, collector: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To begin a trace opens the staging area, whose own connection may say `trace`: that begins no other one."""
    collector["extra"]["transport"]["trace"] = True
    conn_id = connect("workspace", collector)
    opened = staging_area

    def staging_of_a_traced_connection() -> Any:  # noqa: ANN401 - a staging area
        ask(conn_id)
        return opened()

    monkeypatch.setattr(trace_files, "staging", staging_of_a_traced_connection)
    start(Task())
    ask(conn_id)
    ask(conn_id)
    TASK_TRACE.on_task_instance_success(None, None)

    (trace,) = traces()
    assert len(trace["log"]["entries"]) >= 2
