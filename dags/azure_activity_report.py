"""### What was done in our Azure subscriptions, and which virtual machines are there?

Every day at 01:00 UTC, this DAG reads the activity log of the day that ended an hour before, and of the two hours
before it once more, since events arrive late; and it takes a snapshot of all virtual machines. One row per event goes
into Log Analytics table `Azure_Activity_CL`, one per machine and day into `Azure_Virtual_Machine_CL`, and one per
subscription and dataset into `Azure_Subscription_Audit_CL`.

**Steps.** `list_subscriptions` lists those given, or all that the application can see. For each, `activity.read` stages
its events, each once, and `activity.load` sends them in signed chunks. `take_snapshot` lets only the run whose window
ends today go on to `virtual_machines.read` and `.load`: machines can be seen only as they are now, so others are
skipped. `publish` runs whatever happened before: it writes the audit rows and emits asset `azure_activity`. `verdict`
fails the run if anything is missing.

**Before the first run.** A `keyvault_certificate` connection whose application may on each subscription
`Microsoft.Resources/subscriptions/read`, `Microsoft.Insights/eventtypes/values/Read` and
`Microsoft.Compute/virtualMachines/read` (`docs/azure-setup.md`), and a destination connection; press *Test* on both.

**Earlier days.** `airflow backfill create --dag-id azure_activity_report --from-date 2026-01-01 --to-date 2026-01-08`
reads the activity log of the first to the seventh, up to 90 days back: it names the day after the last. Days that have
a run are left out; `--reprocess-behavior failed` makes red ones anew. A run that is triggered by hand takes its window
from the form.

**When it fails**
- `verdict` is red: its log names every subscription that was not read, with the reason. Everything else is delivered.
- A `read` or `load` is red: its log ends with one error that says what to do. Do it, then clear that task with
  everything downstream. What was accepted is not sent again.
- It is not clear what was asked and answered: trigger it with *Trace* (`docs/debugging.md`).

**Running it again** is safe: an event's `RecordId` is made of its `eventDataId`, a machine's of its id and the day, so
that `AzureActivity()` and `AzureVirtualMachines()` show each once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, dag, task, task_group
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from keywatch_airflow.activity_params import activity_params
from keywatch_airflow.alerts import report_failed
from keywatch_airflow.assets import azure_activity

NO_USE_IN_RETRYING = ExceptionRetryPolicy(
    [RetryRule("keywatch.errors.PermanentError", RetryAction.FAIL, reason="a retry cannot help")]
)


@dag(
    schedule=CronDataIntervalTimetable("0 1 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["azure", "activity-log", "virtual-machines"],
    default_args={
        "owner": "cloud-security",
        "retry_policy": NO_USE_IN_RETRYING,
        "execution_timeout": timedelta(hours=12),  # far above any subscription: it ends what hangs
    },
    params=activity_params(),
    on_failure_callback=report_failed,
)
def azure_activity_report() -> None:
    """Wire the steps of the daily report."""

    @task
    def list_subscriptions(
        params: Any = None, run_id: Any = None, data_interval_start: Any = None, data_interval_end: Any = None
    ) -> Any:
        from keywatch_airflow import azure_activity_report as steps

        return steps.list_subscriptions(params, run_id, (data_interval_start, data_interval_end))

    @task
    def take_snapshot(subscriptions: Any) -> Any:
        from keywatch_airflow import azure_activity_report as steps

        return steps.take_snapshot(subscriptions)

    @task(task_id="read")
    def read_activity(subscription: Any, params: Any = None, run_id: Any = None) -> Any:
        from keywatch_airflow import azure_activity_report as steps

        return steps.read_activity(subscription, params, run_id)

    @task(task_id="read")
    def read_virtual_machines(subscription: Any, params: Any = None, run_id: Any = None) -> Any:
        from keywatch_airflow import azure_activity_report as steps

        return steps.read_virtual_machines(subscription, params, run_id)

    @task
    def load(read: Any, params: Any = None, run_id: Any = None) -> Any:
        from keywatch_airflow import azure_activity_report as steps

        return steps.load(read, params, run_id)

    @task(trigger_rule="all_done", outlets=[azure_activity])
    def publish(
        subscriptions: Any, loaded: Any, params: Any = None, run_id: Any = None, outlet_events: Any = None
    ) -> Any:
        from keywatch_airflow import azure_activity_report as steps

        published = steps.publish(subscriptions, loaded, params, run_id)
        outlet_events[azure_activity].extra = steps.event_extra(published)
        return published

    @task(trigger_rule="all_done")
    def verdict(published: Any) -> str:
        from keywatch.pipeline.azure.verdict import activity_verdict

        return activity_verdict(published)

    @task_group
    def activity(subscription: Any) -> Any:
        return load(read_activity(subscription))

    @task_group
    def virtual_machines(subscription: Any) -> Any:
        return load(read_virtual_machines(subscription))

    subscriptions = list_subscriptions()
    events = activity.expand(subscription=subscriptions)
    machines = virtual_machines.expand(subscription=take_snapshot(subscriptions))
    verdict(publish(subscriptions, [events, machines]))


azure_activity_report()
