"""### Will a certificate stop us?

Every day, this DAG looks at each given connection of type `keyvault_certificate`: which versions its certificate has,
how long they last, whether Entra knows them, and whether a token can be had with each. One row per version goes into
Log Analytics table `Azure_Certificate_CL`.

**Steps.** `watch`, one per connection, tries every version that has not expired. `publish` delivers the rows.
`verdict` fails the run when somebody must act, and notifies them: the newest version gives no token, the one that
signs expires within the threshold, or something could not be seen or delivered.

**Before the first run.** The connections, and a destination; press *Test* on each. Who is notified is set in Airflow's
configuration: `[keywatch] notifier`, any notifier of Airflow's, and `notifier_arguments`, as JSON. A destination whose
own certificate is watched cannot take the rows once that one fails; the verdict is red all the same.

**When it fails**
- `verdict` is red: its log says, line by line, what to do. After it is done, trigger the DAG again.
- `watch` is red: the connection is not usable, or vault or Entra could not be asked; its log says why.
- `publish` is red: the destination did not take the rows; clear it and `verdict` when that is mended.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Param, chain, dag, task
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from keywatch_airflow.alerts import task_failed
from keywatch_airflow.report_params import trace_param

NO_USE_IN_RETRYING = ExceptionRetryPolicy(
    [RetryRule("keywatch.errors.PermanentError", RetryAction.FAIL, reason="a retry cannot help")]
)


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["azure", "certificates"],
    default_args={"owner": "cloud-security", "retry_policy": NO_USE_IN_RETRYING},
    params={
        "certificate_conn_ids": Param(
            ["keyvault_certificate_default"],
            type="array",
            items={"type": "string", "minLength": 1},
            minItems=1,
            title="Certificate connections",
            description="Connections of type keyvault_certificate, one a line.",
        ),
        "destination_conn_id": Param(
            "azure_logs_ingestion_default",
            type="string",
            minLength=1,
            title="Destination connection",
            description="Where the rows go. Its type decides how.",
        ),
        "threshold_days": Param(
            30,
            type="integer",
            minimum=1,
            maximum=365,
            title="Threshold (days)",
            description="Days to expiry at and below which the run fails.",
        ),
        **trace_param(),
    },
)
def certificate_watch() -> None:
    """Wire the steps of the watch."""

    @task
    def list_certificates(params: Any = None, run_id: Any = None) -> Any:
        from keywatch_airflow import certificate_watch as steps

        return steps.list_certificates(params, run_id)

    @task
    def watch(conn_id: Any, params: Any = None, run_id: Any = None) -> Any:
        from keywatch_airflow import certificate_watch as steps

        return steps.watch(conn_id, params, run_id)

    @task(trigger_rule="all_done")
    def publish(params: Any = None, run_id: Any = None) -> int:
        from keywatch_airflow import certificate_watch as steps

        return steps.publish(params, run_id)

    @task(trigger_rule="all_done", on_failure_callback=[task_failed])
    def verdict(conn_ids: Any, watched: Any, delivered: Any) -> str:
        from keywatch_airflow import certificate_watch as steps

        return steps.verdict(conn_ids, watched, delivered)

    conn_ids = list_certificates()
    watched = watch.expand(conn_id=conn_ids)
    chain(watched, delivered := publish(), verdict(conn_ids, watched, delivered))


certificate_watch()
