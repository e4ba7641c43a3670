"""Asks a person whether keys may be deactivated: Airflow's human-in-the-loop, closed when a newer run proposes anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from airflow.sdk.timezone import utcnow

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

    from keywatch.pipeline.deactivate import Answer

APPROVE: Final = "Approve"
REJECT: Final = "Reject"

RESPONSE_TIMEOUT: Final = timedelta(hours=20)
"""How long a request waits for a person: less than a day, so that each day's report has its own."""

ASKED_ALREADY: Final = (
    "This run has asked before, and Airflow 3.3.2 would show that old request again, whatever is proposed now. So "
    "nobody is asked: trigger access_key_findings anew."
)

GRACE: Final = timedelta(hours=1)
"""How much longer than its response a request may take, should no triggerer run that closes it."""


class ProposalApprovalOperator(HITLOperator):
    """Shows the proposal that an earlier task has frozen to the users whom the policy names, and waits for one of them.

    Who may answer is known only when the policy has been read, so it is not an argument here. Without an answer in time
    it counts as rejected; it is never asked again by a retry. A request that a newer run supersedes is closed likewise.
    What follows runs whatever the answer is, and has to look at it.

    Args:
        proposed_by: The task that returned a `keywatch.pipeline.propose.ProposalRequest`.
        response_timeout: How long to wait.
        arguments: Of `HITLOperator`.
    """

    def __init__(self, *, proposed_by: str, response_timeout: timedelta, **arguments: Any) -> None:  # noqa: ANN401 - Airflow's
        super().__init__(
            subject=f"{{{{ ti.xcom_pull(task_ids='{proposed_by}')['subject'] }}}}",
            body=f"{{{{ ti.xcom_pull(task_ids='{proposed_by}')['body'] }}}}",
            options=[APPROVE, REJECT],
            defaults=REJECT,
            response_timeout=response_timeout,
            **{**arguments, "retries": 0},
        )
        self.proposed_by = proposed_by

    def execute(self, context: Context) -> None:
        """Ask, and wait in the triggerer.

        Raises:
            AirflowFailException: Nobody may answer, or the run has asked before, so nobody is asked.
            TaskDeferred: As Airflow has it.
        """
        from keywatch_airflow.approval_trigger import ApprovalTrigger

        if context["ti"].try_number > 1:
            raise AirflowFailException(ASKED_ALREADY)
        request = context["ti"].xcom_pull(task_ids=self.proposed_by)
        self.assigned_users = request["assigned_users"]
        if not self.assigned_users:  # Airflow would let anybody answer
            raise AirflowFailException("The policy names nobody who may approve, so nobody is asked.")
        until = utcnow() + (self.response_timeout or timedelta())
        try:
            super().execute(context)
        except TaskAwaitingInput:  # where nothing would notice a newer run
            self._tell(context, request, until)
            trigger = ApprovalTrigger(
                proposal=request["sha256"],
                ti_id=context["ti"].id,
                options=self.options,
                params={},
                defaults=self.defaults,
                timeout_datetime=until,
            )
            self.defer(
                trigger=trigger,
                method_name="execute_complete",
                timeout=(self.response_timeout or timedelta()) + GRACE,
            )

    def _tell(self, context: Context, request: Mapping[str, Any], until: datetime) -> None:
        """Tell whoever the configuration names that a request waits; it waits all the same if nobody can be told."""
        from keywatch_airflow.notice import request as waiting
        from keywatch_airflow.notify import ConfiguredNotifier

        users = [user["name"] for user in request["assigned_users"]]
        notice = waiting(cast("Mapping[str, Any]", context), request["subject"], users, until)
        try:
            ConfiguredNotifier()(cast("Context", {**context, "keywatch": notice}))
        except Exception:
            self.log.exception("Nobody could be told of the request, which waits all the same")


def answer_of(said: Mapping[str, Any] | None) -> Answer | None:
    """Read what the operator returned; None if it returned nothing."""
    if not said:
        return None
    user = said.get("responded_by_user") or {}
    return {
        "approved": list(said["chosen_options"]) == [APPROVE],
        "user_id": user.get("id"),
        "user_name": user.get("name"),
    }
