"""### Which access keys exist, how old are they, who still uses them?

Every day, this DAG reads the metadata of every IAM access key in the chosen AWS accounts and loads one row per key
into Log Analytics table `AWS_Access_Key_Report_CL`, and one row per account into `AWS_Access_Key_Audit_CL`.

**Steps.** `list_accounts` groups the accounts into batches. For each batch, `extract` stages what IAM says (key ids
shortened), `transform` makes records of it, and `load` sends them in signed chunks. `publish` runs whatever happened
before: it writes the audit rows and emits asset `access_keys`. `verdict` fails the run if anything is missing.

**Before the first run.** An `aws` connection whose identity may `iam:GetAccountSummary`, `iam:ListUsers`,
`iam:ListAccessKeys` and `iam:GetAccessKeyLastUsed` (and, for other accounts, `sts:AssumeRole` on the role given), and
a destination connection; press *Test* on it.

**When it fails**
- `verdict` is red: its log names every account that was not read, with the reason. Everything else is delivered.
- `extract` or `load` is red: its log ends with one error that says what to do. Do it, then clear that task with
  everything downstream. What was read is not read again, and what was accepted is not sent again.
- A message says that staging is gone: clear the whole run.

**Running it again** is safe: a key's `RecordId` is the same all day, so `arg_max(SnapshotTime_t, *) by RecordId_s`
shows each key once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Asset, Param, dag, task, task_group
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

access_keys = Asset("access_keys", uri="x-keywatch://access_keys")

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
    default_args={"owner": "cloud-security", "retry_policy": NO_USE_IN_RETRYING},
    params={
        "accounts": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "pattern": r"^\d{12}$"},
            title="AWS accounts",
            description="12-digit account ids, one a line. Empty: the AWS connection's own account.",
        ),
        "role_name": Param(
            None,
            type=["null", "string"],
            pattern=r"^[\w+=,.@/-]{1,512}$",
            title="Role to assume",
            description="The role's name in every account but the connection's own.",
        ),
        "aws_conn_id": Param(
            "aws_default", type="string", minLength=1, title="AWS connection", description="A connection of type aws."
        ),
        "destination_conn_id": Param(
            "azure_logs_ingestion_default",
            type="string",
            minLength=1,
            title="Destination connection",
            description="Where the rows go. Its type decides how.",
        ),
        "copy_conn_id": Param(
            None, type=["null", "string"], title="Copy to", description="A second destination that gets the same rows."
        ),
        "lookup": Param(
            "exact", type="string", enum=["exact"], title="Last use", description="exact: IAM is asked about every key."
        ),
        "chunk_limit": Param(
            None,
            type=["null", "integer"],
            minimum=200,
            title="Chunk limit (bytes)",
            description="The most bytes of one request before compression. Empty: what suits the destination.",
        ),
        "concurrency": Param(
            32,
            type="integer",
            minimum=1,
            maximum=256,
            title="Concurrency",
            description="Users of one account that are read side by side.",
        ),
        "in_flight": Param(
            4, type="integer", minimum=1, maximum=64, title="In flight", description="Chunks sent side by side."
        ),
        "batch_size": Param(
            20, type="integer", minimum=1, maximum=500, title="Batch size", description="Accounts in one batch."
        ),
    },
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

    @task(trigger_rule="all_done", retries=0)
    def verdict(published: Any) -> str:
        from keywatch.pipeline.verdict import verdict as give_verdict

        return give_verdict(published)

    @task_group
    def audit(batch: Any) -> Any:
        return load(transform(extract(batch)))

    batches = list_accounts()
    verdict(publish(batches, audit.expand(batch=batches)))


access_key_report()
