"""### Which keys break the policy, whose are they, and may they be deactivated?

After each report, this DAG looks at every key by the policy's rules. What it finds goes into Log Analytics table
`AWS_Access_Key_Finding_CL`, onto the page *Access keys*, and to whom the policy tells of it. Where a rule says
`deactivate: propose`, a person is asked, and only what that person approves is deactivated, key by key.

**Steps.** `find` writes findings, by the newest state of every key. `load` delivers them. `notify` tells of those
that are new, by the configured notifier. `propose` freezes what may be deactivated; its SHA-256 stands in the
request. `approve` waits up to 20 hours for one of the policy's `assigned_users`, and counts as rejected without an
answer; a newer run closes it. `deactivate` checks the digest, and then, for each key, that it is still the only one
meant, active and unused. `record` writes who decided what, and what became of each key, into
`AWS_Access_Key_Deactivation_CL`.

**Before the first run.** A report. `[keywatch] policy` in Airflow's configuration names your policy; without it the
one that comes with Keywatch holds, by which nobody is asked and nothing changes (`docs/policy.md`). To deactivate:
connections `aws_deactivation` and its certificate, with a role of its own (`docs/aws-setup.md`), and `dry_run: false`
in the policy.

**When it fails**
- `find`, `notify` or `propose` is red: its log names what is wrong with the policy, line by line, or the store or
notifier.
- `load` or `record` is red: its log says which rows a destination did not take, or which approved keys were not
deactivated, and why. Clear it when a destination is mended.
- `approve` is red: the run asked before and was cleared since, or no triggerer ran to end the request. Trigger the DAG
anew.
- `approve` is skipped or its answer is Reject: nothing is changed. A key is proposed again by the next run.
- `deactivate` is red: the approval did not count, or AWS could not be asked. What was ended is not tried again.

**To make a key active again:** the page *Deactivations* has the commands, which an administrator of the account runs.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import chain, dag, task
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from keywatch_airflow.alerts import task_failed
from keywatch_airflow.approval import RESPONSE_TIMEOUT, ProposalApprovalOperator
from keywatch_airflow.assets import access_keys
from keywatch_airflow.findings_params import findings_params

NO_USE_IN_RETRYING = ExceptionRetryPolicy(
    [RetryRule("keywatch.errors.PermanentError", RetryAction.FAIL, reason="a retry cannot help")]
)


@dag(
    schedule=[access_keys],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=2,  # one may wait for a person until the next one closes its request
    doc_md=__doc__,
    tags=["aws", "azure", "access-keys"],
    default_args={
        "owner": "cloud-security",
        "retry_policy": NO_USE_IN_RETRYING,
        "on_failure_callback": [task_failed],
    },
    params=findings_params(),
)
def access_key_findings() -> None:
    """Wire the steps from finding to deactivation."""

    @task
    def find(run_id: Any = None) -> Any:
        from keywatch_airflow import access_key_findings as steps

        return steps.find(run_id)

    @task
    def load(found: Any, params: Any = None, run_id: Any = None) -> int:
        from keywatch_airflow import access_key_findings as steps

        return steps.load(found, params, run_id)

    @task
    def notify(run_id: Any = None, **context: Any) -> int:
        from keywatch_airflow import access_key_findings as steps

        return steps.notify(context, run_id)

    @task
    def propose(run_id: Any = None) -> Any:
        from keywatch_airflow import access_key_findings as steps

        return steps.propose(run_id)

    @task
    def deactivate(request: Any, said: Any, params: Any = None, run_id: Any = None, ti: Any = None) -> Any:
        from keywatch_airflow import access_key_findings as steps

        return steps.deactivate(request, said, params, run_id, last_try=ti.try_number > ti.max_tries)

    @task(trigger_rule="all_done")
    def record(request: Any, said: Any, params: Any = None, run_id: Any = None) -> Any:
        from keywatch_airflow import access_key_findings as steps

        return steps.record(request, said, params, run_id)

    found, request, approve = (
        find(),
        propose(),
        ProposalApprovalOperator(task_id="approve", proposed_by="propose", response_timeout=RESPONSE_TIMEOUT),
    )
    chain(found, [load(found), notify(), request])
    request >> EmptyOperator(task_id="proposed")  # without it a run would be green whose `propose` is red
    chain(request, approve, deactivate(request, approve.output), record(request, approve.output))


access_key_findings()
