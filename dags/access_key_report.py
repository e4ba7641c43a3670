"""### Which access keys exist, how old are they, who still uses them?

Every day, this DAG reads the metadata of every IAM access key in the chosen AWS accounts, or in all of an organisation,
and loads one row per key into Log Analytics table `AWS_Access_Key_Report_CL`, and one row per account into
`AWS_Access_Key_Audit_CL`.

**Steps.** `list_accounts` groups the accounts into batches. For each batch, `extract` stages what IAM says (key ids
shortened), a few accounts at a time, each with its own IAM rate; `transform` makes records of it, and `load` sends them
in signed chunks. `publish` runs whatever happened before: it writes the audit rows and emits asset `access_keys`.
`verdict` fails the run if anything is missing.

**Before the first run.** An `aws` connection, best without an access key (`docs/aws-setup.md`), whose identity may
`iam:GetAccountSummary`, `iam:ListUsers`, `iam:ListAccessKeys` and `iam:GetAccessKeyLastUsed`; for lookup `report`
also `iam:GenerateCredentialReport` and `iam:GetCredentialReport`; for other accounts `sts:AssumeRole` on the role
given; for a whole organisation `organizations:ListAccounts`; with an owner tag `iam:ListUserTags`. And a destination
connection; press *Test* on it.

**Who is told.** `[keywatch] notifier` in Airflow's configuration, once for a run that fails, and when a run is not done
`[keywatch] report_deadline_hours` after it was queued (`docs/monitoring.md`).

**When it fails**
- `verdict` is red: its log names every account that was not read, with the reason. Everything else is delivered.
- `extract` or `load` is red: its log ends with one error that says what to do. Do it, then clear that task with
  everything downstream. What was read is not read again, and what was accepted is not sent again.
- A message says that staging is gone: clear the whole run.

**Running it again** is safe: a key's `RecordId` is the same all day, so `arg_max(SnapshotTime_t, *) by RecordId_s`
shows each key once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import dag, task, task_group
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from keywatch_airflow.alerts import report_deadline, report_failed
from keywatch_airflow.assets import access_keys
from keywatch_airflow.report_params import report_params

NO_USE_IN_RETRYING = ExceptionRetryPolicy(
    [RetryRule("keywatch.errors.PermanentError", RetryAction.FAIL, reason="a retry cannot help")]
)


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["aws", "azure", "access-keys"],
    default_args={
        "owner": "cloud-security",
        "retry_policy": NO_USE_IN_RETRYING,
        "execution_timeout": timedelta(hours=12),  # far above any batch: it ends what hangs
    },
    params=report_params(),
    on_failure_callback=report_failed,
    deadline=report_deadline(),
)
def access_key_report() -> None:
    """Wire the steps of the daily report."""

    @task
    def list_accounts(params: Any = None, run_id: Any = None) -> Any:
        from keywatch_airflow import access_key_report as steps

        return steps.list_accounts(params, run_id)

    @task
    def extract(batch: Any, params: Any = None, run_id: Any = None, ti: Any = None) -> Any:
        from keywatch_airflow import access_key_report as steps

        return steps.extract(batch, params, run_id, last_try=ti.try_number > ti.max_tries)

    @task
    def transform(extracted: Any, run_id: Any = None) -> Any:
        from keywatch_airflow import access_key_report as steps

        return steps.transform(extracted, run_id)

    @task
    def load(transformed: Any, params: Any = None, run_id: Any = None) -> Any:
        from keywatch_airflow import access_key_report as steps

        return steps.load(transformed, params, run_id)

    @task(trigger_rule="all_done", outlets=[access_keys])
    def publish(batches: Any, loaded: Any, params: Any = None, run_id: Any = None, outlet_events: Any = None) -> Any:
        from keywatch_airflow import access_key_report as steps

        published = steps.publish(batches, loaded, params, run_id)
        outlet_events[access_keys].extra = steps.event_extra(published)
        return published

    @task(trigger_rule="all_done")
    def verdict(published: Any) -> str:
        from keywatch.pipeline.verdict import verdict as give_verdict

        return give_verdict(published)

    @task_group
    def audit(batch: Any) -> Any:
        return load(transform(extract(batch)))

    batches = list_accounts()
    verdict(publish(batches, audit.expand(batch=batches)))


access_key_report()
