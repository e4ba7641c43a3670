"""### Who answers for which key?

This DAG takes a table of owners into the report store, in place of the one that was there: CSV in UTF-8, with the
columns `account`, `user` and `owner` (an address, a team, whatever your notifier understands). It comes from the
run's form or, if that is empty, from the file that `[keywatch] owners` names. Whom the table does not have gets an
owner from a tag of the IAM user (`owner_tag` of `access_key_report`), or from a pattern of the policy.

**Steps.** `take` reads the whole table before it changes anything, and says what changed. Page and findings know the
owners at once, rows in Log Analytics from the next report on.

**When it fails**
- `take` is red: its log names the lines that are not usable. Nothing was taken; correct them and trigger it again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Param, dag, task
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

NO_USE_IN_RETRYING = ExceptionRetryPolicy(
    [RetryRule("keywatch.errors.PermanentError", RetryAction.FAIL, reason="a retry cannot help")]
)


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["aws", "access-keys"],
    default_args={"owner": "cloud-security", "retry_policy": NO_USE_IN_RETRYING},
    params={
        "table": Param(
            None,
            type=["null", "string"],
            format="multiline",
            maxLength=1_000_000,
            title="Table of owners",
            description="CSV: a first line account,user,owner, and a line for each user. Empty: the file that "
            "[keywatch] owners names.",
        )
    },
)
def access_key_owners() -> None:
    """Wire the one step."""

    @task
    def take(params: Any = None) -> str:
        from keywatch_airflow import access_key_owners as steps

        return steps.take(params["table"])

    take()


access_key_owners()
