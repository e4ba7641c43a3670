"""The steps of DAG `access_key_findings`: connections and parameters in, the library's steps called."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk.exceptions import AirflowSkipException

from keywatch.columns import stable_id
from keywatch.errors import SupersededProposalError
from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.deactivate import Deactivation, deactivate_approved
from keywatch.pipeline.find import Found, load_findings
from keywatch.pipeline.find import find as find_findings
from keywatch.pipeline.folders import RunFolder, remove_expired_runs
from keywatch.pipeline.propose import ProposalRequest
from keywatch.pipeline.propose import propose as propose_keys
from keywatch.pipeline.record_deactivations import record_decision
from keywatch.pipeline.tables import TableName
from keywatch.report.proposals import Proposals, Result
from keywatch.staging import encode, line_writer, list_folder, make_folder, mark, read_lines
from keywatch_airflow.approval import RESPONSE_TIMEOUT, answer_of
from keywatch_airflow.destinations import get_destinations
from keywatch_airflow.findings_notice import notices
from keywatch_airflow.findings_params import FindingsParams
from keywatch_airflow.notice import Notice
from keywatch_airflow.notify import ConfiguredNotifier
from keywatch_airflow.policy import configured_policy
from keywatch_airflow.report_store import report_reader, report_writer
from keywatch_airflow.settings import staging, staging_retention

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.definitions.context import Context

log = logging.getLogger(__name__)

DAG_ID = "access_key_findings"


def find(run_id: str) -> Found:
    """Look at every key by the policy, and stage what there is to deliver.

    Raises:
        PolicyError: The policy is not usable.
        KeywatchError: As `keywatch.pipeline.find.find`.
    """
    run, now = _run(run_id), datetime.now(UTC)
    found = find_findings(report_writer(), configured_policy(), run, now)
    remove_expired_runs(run, staging_retention(), now)
    return found


def load(found: Found, params: FindingsParams, run_id: str) -> int:
    """Deliver the findings.

    Raises:
        KeywatchError: As `keywatch.pipeline.find.load_findings`.
    """
    return load_findings(found, _run(run_id), _destinations(params, "findings"))


def notify(context: Mapping[str, Any], run_id: str) -> int:
    """Tell of findings that are new, as the policy says; what a try has told of, the next one does not.

    Returns:
        How many notices were sent, in this try or before.

    Raises:
        PolicyError: The policy is not usable.
        KeywatchError: The store or staging cannot be read.
        Exception: Whatever the notifier raises.
    """
    folder, count = _run(run_id).folder / "notified", 0
    make_folder(folder)
    _stage_notices(folder / "notices.ndjson", run_id)
    told = {path.name for path in list_folder(folder)}
    for line in read_lines(folder / "notices.ndjson"):
        notice = Notice(**json.loads(line))
        name = stable_id("n", notice.owner, notice.title)
        if name not in told:
            ConfiguredNotifier()(cast("Context", {**context, "keywatch": notice}))
            mark(folder / name)
        count += 1
    return count


def _stage_notices(path: ObjectStoragePath, run_id: str) -> None:
    """Write down what is to be said before anything is, so that no transaction of the store waits for a notifier."""
    rows = report_reader().new_findings(_run(run_id).run_id)
    with line_writer(path) as lines:
        for notice in notices(rows, configured_policy().notify, DAG_ID, run_id):
            lines.write(encode(asdict(notice)))


def propose(run_id: str) -> ProposalRequest:
    """Freeze what the policy proposes for deactivation.

    Raises:
        AirflowSkipException: Nothing is proposed.
        PolicyError: The policy is not usable.
        KeywatchError: As `keywatch.pipeline.propose.propose`.
    """
    request = propose_keys(report_writer(), configured_policy(), _run(run_id), datetime.now(UTC), RESPONSE_TIMEOUT)
    if request is None:
        raise AirflowSkipException("No key is proposed for deactivation, so nobody is asked.")
    return request


def deactivate(
    request: ProposalRequest, said: Mapping[str, Any] | None, params: FindingsParams, run_id: str, *, last_try: bool
) -> dict[Result, int]:
    """Deactivate what was approved, key by key.

    Raises:
        AirflowSkipException: It was not approved, or a newer run has superseded it, so nothing was done.
        PolicyError: The policy is not usable; nothing was done.
        KeywatchError: As `keywatch.pipeline.deactivate.deactivate_approved`.
    """
    from keywatch_airflow.aws import AwsAccounts

    answer = answer_of(said)
    if answer is None or not answer["approved"]:
        raise AirflowSkipException("The request was not approved, so nothing is deactivated.")
    aws = AwsAccounts(params["deactivation_conn_id"], params["deactivation_role_name"], 1)
    by = Deactivation(
        proposals=Proposals(report_writer()),
        policy=configured_policy(),
        connect=aws.connect,
        clock=lambda: datetime.now(UTC),
        last_try=last_try,
    )
    try:
        return deactivate_approved(request["sha256"], answer, _run(run_id), by)
    except SupersededProposalError as error:
        raise AirflowSkipException(str(error)) from error


def record(
    request: ProposalRequest | None, said: Mapping[str, Any] | None, params: FindingsParams, run_id: str
) -> dict[str, int]:
    """Say what was decided, and what became of each key.

    Raises:
        AirflowSkipException: Nobody was asked.
        KeywatchError: As `keywatch.pipeline.record_deactivations.record_decision`.
    """
    if request is None:
        raise AirflowSkipException("Nobody was asked, so there is nothing to record.")
    return record_decision(
        request["sha256"],
        answer_of(said),
        _run(run_id),
        report_writer(),
        _destinations(params, "deactivations"),
        now=datetime.now(UTC),
    )


def _destinations(params: FindingsParams, table: TableName) -> list[Destination]:
    """Return the tables of a run's destination and of its copy, if it has one."""
    return get_destinations((params["destination_conn_id"], params["copy_conn_id"]), table)


def _run(run_id: str) -> RunFolder[ObjectStoragePath]:
    """Return the run's folder; other DAGs' runs may have the same id."""
    return RunFolder(staging(), f"{DAG_ID}/{run_id}")
