"""What a notification says. Templates of any notifier get it as `keywatch`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from airflow.sdk.configuration import conf

from keywatch.errors import IncompleteReportError
from keywatch.pipeline.azure.verdict import activity_verdict
from keywatch.pipeline.verdict import verdict

log = logging.getLogger(__name__)

VERDICTS: Final[Mapping[str, Callable[[Any], str]]] = {"azure_activity_report": activity_verdict}
"""By DAG, where it is not that of the access keys."""

SAID_ALREADY = "failed"
"""The state of a run whose failure has been told of, when its deadline passes."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification.

    Attributes:
        event: `failed`, `late`, `findings` or `request`.
        dag_id: The DAG.
        run_id: Its run.
        url: The run in Airflow's UI; a path alone if `[api] base_url` is not set.
        title: One line.
        text: All there is to say, in lines; names of accounts in it are whatever people have called them.
        owner: Of findings, the owner whom it is for; empty if it is for nobody in particular.
    """

    event: str
    dag_id: str
    run_id: str
    url: str
    title: str
    text: str
    owner: str = ""


def failure(context: Mapping[str, Any]) -> Notice:
    """Say that a run has failed, and what is missing, as the run's verdict has it.

    Args:
        context: Of a DAG's failure callback.
    """
    return _failure(context, _verdict(context))


def failure_of_task(context: Mapping[str, Any]) -> Notice:
    """Say that a task has failed, and why.

    Args:
        context: Of a task's failure callback.
    """
    return _failure(context, str(context.get("exception") or "Look at the log of the first red task of this run."))


def _failure(context: Mapping[str, Any], why: str) -> Notice:
    dag_id, run_id = context["dag"].dag_id, context["run_id"]
    url = url_of_run(dag_id, run_id)
    return Notice(
        "failed", dag_id, run_id, url, f"{dag_id} failed: run {run_id}", f"{why}\n\nRun {run_id} of DAG {dag_id}: {url}"
    )


def request(context: Mapping[str, Any], subject: str, users: Iterable[str], until: datetime) -> Notice:
    """Say that a request waits for a person.

    Args:
        context: Of the task that asks.
        subject: Its headline.
        users: Who may answer, by name.
        until: When it counts as rejected, UTC.
    """
    dag_id, run_id = context["dag"].dag_id, context["run_id"]
    url = url_of_run(dag_id, run_id)
    text = (
        f"{subject}\n\nOne of {', '.join(users)} may answer, among Airflow's required actions, until "
        f"{until:%Y-%m-%d %H:%M} UTC. Without an answer it counts as rejected.\n\nRun {run_id} of DAG {dag_id}: {url}"
    )
    return Notice("request", dag_id, run_id, url, subject, text)


def lateness(context: Mapping[str, Any], now: datetime | None = None) -> Notice | None:
    """Say that a run has missed its deadline; None if it has failed before, which has been told of.

    Args:
        context: Of a deadline's callback.
        now: UTC.
    """
    run = context["dag_run"]
    dag_id, run_id, state = run["dag_id"], run["dag_run_id"], run["state"]
    if state == SAID_ALREADY:
        log.info("Run %s of %s had failed before its deadline", run_id, dag_id)
        return None
    due, queued = _time(context["deadline"]["deadline_time"]), _time(run["queued_at"])
    late = (now or datetime.now(UTC)) - due
    url = url_of_run(dag_id, run_id)
    text = (
        f"Run {run_id} of DAG {dag_id} is not done: its state is {state}. It was queued on {queued:%Y-%m-%d %H:%M:%S} "
        f"UTC and due by {due:%Y-%m-%d %H:%M:%S} UTC, {late.total_seconds() / 60:.1f} minutes ago.\n\n"
        f"See which task it is at, and that task's log: {url}\n"
        "If no task runs, see that Airflow's scheduler and its workers do."
    )
    return Notice("late", dag_id, run_id, url, f"{dag_id} is late: run {run_id}", text)


def _verdict(context: Mapping[str, Any]) -> str:
    """Give the verdict again, of what `publish` has left; where that cannot be had, the verdict says how to go on."""
    published = None
    try:
        if "ti" in context:
            published = context["ti"].xcom_pull(task_ids="publish")
    except Exception as error:  # noqa: BLE001 - a notification that says less is better than none
        log.warning("What task publish found cannot be had: %s", error)
    give_verdict = VERDICTS.get(context["dag"].dag_id, verdict)
    try:
        return give_verdict(published) + " Yet the run failed."
    except IncompleteReportError as error:
        return str(error)


def url_of_run(dag_id: str, run_id: str) -> str:
    """Return the address of a run in Airflow's UI; a path alone if `[api] base_url` is not set."""
    base = conf.get("api", "base_url", fallback="") or ""
    return f"{base.rstrip('/')}/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}"


def _time(value: str | datetime) -> datetime:
    """Return a time in UTC, however Airflow has handed it on."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.astimezone(UTC)
