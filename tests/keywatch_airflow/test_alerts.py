"""What is said when something fails or is late, and how it reaches a notifier."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, cast

import pytest
from airflow.sdk import DAG
from airflow.sdk.bases.notifier import BaseNotifier
from airflow.sdk.definitions.context import Context
from airflow.sdk.definitions.deadline import DeadlineReference

from keywatch.errors import CertificateAttentionError, ConfigurationError
from keywatch_airflow.alerts import report_deadline, report_failed, report_late, task_failed
from keywatch_airflow.notice import failure, lateness

RUN_ID = "scheduled__2026-11-26T00:00:00+00:00"
NOW = datetime(2026, 11, 26, 6, 1, 30, tzinfo=UTC)
PUBLISHED = {
    "accounts": {"denied": 1, "ok": 2},
    "complete": False,
    "delivered": True,
    "accepted": 7,
    "rejected": 0,
    "problems": ["210987654321 (shop): denied: AWS account 210987654321 denies iam:ListUsers."],
    "more_problems": 0,
}


class TaskInstance:
    """Hands out what task `publish` returned.

    Args:
        published: That, or the error of whoever asks for it.
    """

    def __init__(self, published: Mapping[str, Any] | Exception | None) -> None:
        self._published = published

    def xcom_pull(self, task_ids: str) -> Mapping[str, Any] | None:
        """Hand it out."""
        assert task_ids == "publish"
        if isinstance(self._published, Exception):
            raise self._published
        return self._published


class Told(BaseNotifier):
    """A notifier without an asynchronous form, as most are.

    Args:
        text: A template.
    """

    template_fields = ("text",)
    texts: ClassVar[list[str]] = []

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Context) -> None:
        """Keep the rendered text."""
        del context
        self.texts.append(self.text)


class ToldInTheLoop(Told):
    """A notifier that is told in the event loop alone."""

    def notify(self, context: Context) -> None:
        """Refuse."""
        raise AssertionError(context)

    async def async_notify(self, context: Context) -> None:
        """Keep the rendered text."""
        del context
        self.texts.append(f"{self.text} in the loop")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Configure a notifier, and give what it is told."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__NOTIFIER", f"{__name__}.Told")
    monkeypatch.setenv("AIRFLOW__KEYWATCH__NOTIFIER_ARGUMENTS", '{"text": "{{ keywatch.title }}|{{ keywatch.text }}"}')
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/")
    Told.texts.clear()
    return Told.texts


def failed(published: Mapping[str, Any] | Exception | None = PUBLISHED) -> Context:
    """Make a context as the DAG processor gives it."""
    return cast(
        "Context",
        {
            "dag": DAG("access_key_report", schedule=None),
            "run_id": RUN_ID,
            "reason": "task_failure",
            "ti": TaskInstance(published),
        },
    )


def late(state: str = "running", due: str | datetime = "2026-11-26T06:00:00Z") -> Context:
    """Make a context as the triggerer gives it."""
    run = {
        "dag_id": "access_key_report",
        "dag_run_id": RUN_ID,
        "state": state,
        "queued_at": "2026-11-26T00:00:00.123456Z",
    }
    return cast("Context", {"dag_run": run, "deadline": {"id": "1", "deadline_time": due}})


def test_failure_names_accounts_and_run(told: list[str]) -> None:
    """A failed run is told of by its verdict, with a link to it."""
    report_failed(failed())

    [text] = told
    assert text.startswith(
        f"access_key_report failed: run {RUN_ID}|The report is incomplete (accounts: 1 denied, 2 ok;"
    )
    assert "210987654321 (shop): denied: AWS account 210987654321 denies iam:ListUsers." in text
    assert (
        "https://airflow.example.com/dags/access_key_report/runs/scheduled__2026-11-26T00%3A00%3A00%2B00%3A00" in text
    )


def test_failure_of_azures_report_names_its_subscriptions() -> None:
    """Each DAG's verdict is its own: the one over Azure names subscriptions."""
    published = {
        "run_id": RUN_ID,
        "complete": False,
        "window_start": "2026-03-01T00:00:00Z",
        "window_end": "2026-03-02T00:00:00Z",
        "statuses": {"denied": 1, "ok": 5},
        "events": 7,
        "virtual_machines": 3,
        "accepted": 10,
        "rejected": 0,
        "perhaps_twice": 0,
        "problems": ["11111111-2222-3333-4444-555555555555, events: denied: Azure does not let the application"],
        "more_problems": 0,
    }
    context = {**failed(published), "dag": DAG("azure_activity_report", schedule=None)}

    text = failure(cast("Context", context)).text

    assert "11111111-2222-3333-4444-555555555555, events: denied" in text
    assert "Nothing was published" in failure(cast("Context", {**context, "ti": TaskInstance(None)})).text


@pytest.mark.parametrize("published", [None, RuntimeError("no XCom here")])
def test_failure_without_a_report_says_where_to_look(published: Exception | None) -> None:
    """Where nothing was published, or nobody can tell what, the notification says how to go on."""
    assert "No report was published. Open the log of the first red task" in failure(failed(published)).text
    assert "No report was published" in failure({"dag": DAG("access_key_report", schedule=None), "run_id": RUN_ID}).text


def test_failure_of_a_complete_report_says_so() -> None:
    """A run whose report is complete can fail all the same, as when somebody marks it failed."""
    notice = failure(failed(PUBLISHED | {"complete": True}))

    assert notice.text.startswith("Complete: accounts: 1 denied, 2 ok; 7 keys delivered. Yet the run failed.")


def test_failed_task_is_told_of_by_its_error(told: list[str]) -> None:
    """The words of the task's error are what is said."""
    error = CertificateAttentionError("Certificates need somebody:\n- a")
    task_failed(cast("Context", {**failed(), "exception": error}))

    assert told[0].startswith(f"access_key_report failed: run {RUN_ID}|Certificates need somebody:\n- a\n\nRun ")


@pytest.mark.parametrize("due", ["2026-11-26T06:00:00Z", datetime(2026, 11, 26, 6, tzinfo=UTC)])
def test_lateness_says_since_when_and_where_to_look(due: str | datetime) -> None:
    """A late run is told of with its state, when it was queued and due, by how much it is late, and a link."""
    notice = lateness(late(due=due), NOW)

    assert notice is not None
    assert notice.event == "late"
    assert (
        "its state is running. It was queued on 2026-11-26 00:00:00 UTC and due by 2026-11-26 06:00:00 UTC, "
        "1.5 minutes ago." in notice.text
    )
    assert notice.url in notice.text


def test_run_that_has_failed_is_not_late_as_well(told: list[str]) -> None:
    """When the deadline of a run passes that has failed, nobody is told a second time."""
    asyncio.run(report_late(late("failed")))

    assert told == []


@pytest.mark.parametrize(("notifier", "ending"), [("Told", "."), ("ToldInTheLoop", ". in the loop")])
def test_lateness_reaches_notifiers_of_both_forms(
    told: list[str], notifier: str, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the triggerer's event loop, a notifier is awaited if it can be, and called in a thread otherwise."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__NOTIFIER", f"{__name__}.{notifier}")
    asyncio.run(report_late(late()))

    [text] = told
    assert text.startswith(f"access_key_report is late: run {RUN_ID}|Run {RUN_ID} of DAG access_key_report is not done")
    assert text.endswith(f"see that Airflow's scheduler and its workers do{ending}")


def test_text_is_rendered_once(told: list[str]) -> None:
    """What somebody has named an account is text, and no template."""
    problem = {"problems": ["210987654321 ({{ 6 * 7 }}): denied"]}
    report_failed(failed(PUBLISHED | problem))

    assert "({{ 6 * 7 }}): denied" in told[0]


def test_late_run_without_a_notifier_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that wants no notification gets none."""
    monkeypatch.delenv("AIRFLOW__KEYWATCH__NOTIFIER", raising=False)

    asyncio.run(report_late(late()))


def test_notifier_that_cannot_be_made_is_said_to_whoever_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow gets the error to log it, in the DAG processor and in the triggerer."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__NOTIFIER", "nowhere.Notifier")

    with pytest.raises(ConfigurationError, match="nowhere"):
        report_failed(failed())
    with pytest.raises(ConfigurationError, match="nowhere"):
        asyncio.run(report_late(late()))


@pytest.mark.parametrize(("hours", "interval"), [("6", timedelta(hours=6)), ("0.5", timedelta(minutes=30))])
def test_deadline_is_what_the_configuration_says(
    hours: str, interval: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is due so many hours after it was queued."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__REPORT_DEADLINE_HOURS", hours)
    deadline = report_deadline()

    assert deadline is not None
    assert (deadline.interval, deadline.reference) == (interval, DeadlineReference.DAGRUN_QUEUED_AT)
    assert deadline.callback.path == "keywatch_airflow.alerts.report_late"


@pytest.mark.parametrize("hours", ["abc", "", "nan", "inf"])
def test_deadline_that_cannot_be_read_stops_no_report(hours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in the setting of an alert costs the alert, and not the report."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__REPORT_DEADLINE_HOURS", hours)

    assert report_deadline() is None


@pytest.mark.parametrize("hours", [None, "0"])
def test_no_deadline_is_no_alert(hours: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the configuration says so, no run is ever late."""
    if hours:
        monkeypatch.setenv("AIRFLOW__KEYWATCH__REPORT_DEADLINE_HOURS", hours)

    assert report_deadline() is None
