"""When somebody is told: something failed, or the daily report is late. A DAG file may import this module."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import cast

from airflow.sdk.configuration import conf
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.context import Context
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowConfigException

log = logging.getLogger(__name__)

SECTION = "keywatch"


def report_deadline() -> DeadlineAlert | None:
    """Return the deadline of a run, as the configuration of this Airflow has it; None if it wants none, as at first.

    It counts from when a run is queued, so that runs which are triggered by hand have one too. `airflow dags test` of a
    DAG with a deadline exits with 1 after a run that succeeded (seen with Airflow 3.3.2), so that only who wants to be
    told of late runs has one. A setting that cannot be read stops no report: it is logged, and there is no deadline.
    """
    try:
        hours = conf.getfloat(SECTION, "report_deadline_hours", fallback=0.0)
        interval = timedelta(hours=hours)
    except (AirflowConfigException, OverflowError, ValueError) as error:
        log.error(  # noqa: TRY400 - the message says it all
            "[keywatch] report_deadline_hours is not a number of hours, so nobody is told of a late report: %s", error
        )
        return None
    if hours <= 0:
        return None
    return DeadlineAlert(
        name="report is due",
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=interval,
        callback=AsyncCallback(f"{__name__}.report_late"),
    )


def report_failed(context: Context) -> None:
    """Tell whoever the configuration names that a run has failed; Airflow calls this once for each that does.

    Args:
        context: As Airflow gives it to a DAG's callback, in its DAG processor.

    Raises:
        Exception: Whatever the notifier raises; Airflow logs it, and the run stays as it is.
    """
    from keywatch_airflow.notice import failure
    from keywatch_airflow.notify import ConfiguredNotifier

    ConfiguredNotifier()({**context, "keywatch": failure(context)})


def task_failed(context: Context) -> None:
    """Tell whoever the configuration names that a task has failed, by the words of its error.

    Args:
        context: As Airflow gives it to a task's callback.

    Raises:
        Exception: As `report_failed`.
    """
    from keywatch_airflow.notice import failure_of_task
    from keywatch_airflow.notify import ConfiguredNotifier

    ConfiguredNotifier()({**context, "keywatch": failure_of_task(context)})


async def report_late(context: Context) -> None:
    """Tell whoever the configuration names that a run has missed its deadline; Airflow's triggerer calls this.

    Args:
        context: As Airflow gives it to a deadline's callback: of the run and the deadline alone.

    Raises:
        Exception: Whatever the notifier raises; Airflow logs it, and the run stays as it is.
    """
    from keywatch_airflow.notice import lateness
    from keywatch_airflow.notify import ConfiguredNotifier

    if notice := lateness(context):
        await ConfiguredNotifier(context=cast("Context", {**context, "keywatch": notice}))
