"""The steps of DAG `access_key_report`: connections and parameters in, the library's steps called."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException

from keywatch.access_keys.organization import MemberAccount, Selection, select_accounts
from keywatch.access_keys.record import Account
from keywatch.errors import ConfigurationError
from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.extract import Reading, extract_batch
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.list_accounts import list_accounts as list_batches
from keywatch.pipeline.load import load_batch
from keywatch.pipeline.manifests import Batch, ExtractedBatch, LoadedBatch, Published, TransformedBatch
from keywatch.pipeline.publish import publish as publish_run
from keywatch.pipeline.tables import TableName
from keywatch.pipeline.transform import transform_batch
from keywatch_airflow.destinations import check_destinations, get_destinations
from keywatch_airflow.mapped import results_of
from keywatch_airflow.policy import owners_of_accounts
from keywatch_airflow.report_params import ReportParams, check_names
from keywatch_airflow.report_store import report_store_url, report_writer
from keywatch_airflow.settings import staging, staging_retention

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

SHOWN = 5
"""Accounts that an error names."""


def list_accounts(params: ReportParams, run_id: str) -> list[Batch]:
    """List the run's accounts in batches, and begin its staging.

    Raises:
        ConfigurationError: A parameter is unknown, accounts need a role and none is named, a destination is none, the
            report store cannot be where it is, or Airflow cannot map so many batches.
        KeywatchError: There is no account, or AWS cannot be asked for the connection's own.
    """
    _check(params)
    selection, size = _selection(params), int(params["batch_size"])
    most, wanted = conf.getint("core", "max_map_length"), len(selection.accounts)
    if wanted > most * size:
        raise ConfigurationError(
            f"{wanted} accounts make more batches than Airflow maps ({most}): give a `batch_size` of at least "
            f"{math.ceil(wanted / most)}."
        )
    return list_batches(selection, _run(run_id), datetime.now(UTC), size, owners_of_accounts())


def extract(batch: Batch, params: ReportParams, run_id: str, *, last_try: bool) -> ExtractedBatch:
    """Stage what IAM says of a batch.

    Raises:
        KeywatchError: As `keywatch.pipeline.extract.extract_batch`.
    """
    from keywatch_airflow.aws import AwsAccounts

    aws = AwsAccounts(params["aws_conn_id"], params["role_name"], params["concurrency"])
    reading = Reading(
        lookup=params["lookup"],
        oldest_report=timedelta(hours=params["oldest_report_hours"]),
        concurrency=params["concurrency"],
        accounts_at_once=params["accounts_at_once"],
        owner_tag=params["owner_tag"],
    )
    aws.own()  # here, since credentials that AWS refuses are no matter of one account
    return extract_batch(batch, _run(run_id).batch(batch["number"]), aws.connect, reading, last_try=last_try)


def transform(extracted: ExtractedBatch, run_id: str) -> TransformedBatch:
    """Stage a batch's records.

    Raises:
        KeywatchError: As `keywatch.pipeline.transform.transform_batch`.
    """
    return transform_batch(extracted, _run(run_id))


def load(transformed: TransformedBatch, params: ReportParams, run_id: str) -> LoadedBatch:
    """Deliver a batch's records.

    Raises:
        KeywatchError: As `keywatch.pipeline.load.load_batch`.
    """
    destinations = _destinations(params, "keys", pool_size=params["in_flight"])
    return load_batch(
        transformed, _run(run_id), destinations, limit=params["chunk_limit"], in_flight=params["in_flight"]
    )


def publish(batches: Iterable[Batch] | None, loaded: object, params: ReportParams, run_id: str) -> Published:
    """Say what became of every account.

    Args:
        batches: What `list_accounts` returned.
        loaded: What Airflow hands on of `load`'s results.
        params: The run's parameters.
        run_id: The run.

    Raises:
        AirflowSkipException: `list_accounts` did not succeed, so there is nothing to say.
        KeywatchError: As `keywatch.pipeline.publish.publish`.
    """
    if batches is None:
        raise AirflowSkipException("No accounts were listed: look at the log of task list_accounts.")
    return publish_run(
        batches,
        results_of(loaded),
        _run(run_id),
        _destinations(params, "audit"),
        report_writer(),
        now=datetime.now(UTC),
        keep=staging_retention(),
    )


def event_extra(published: Published) -> dict[str, Any]:
    """Return what the asset event of a run tells those who wait for it."""
    return {name: value for name, value in published.items() if name not in ("problems", "more_problems")}


def _check(params: ReportParams) -> None:
    """Refuse parameters that would be noticed only when everything has been read, or never."""
    check_names(params, ReportParams.__annotations__)
    report_store_url()
    for each in params["exclude"] or []:
        Account(each)
    check_destinations(params["destination_conn_id"], params["copy_conn_id"])


def _selection(params: ReportParams) -> Selection:
    """Choose the accounts: of the organisation, those named, or the connection's own."""
    from keywatch_airflow.aws import AwsAccounts

    aws, named, exclude = AwsAccounts(params["aws_conn_id"]), params["accounts"] or [], params["exclude"] or []
    if params["organization"]:
        selection = select_accounts(aws.organization(), named, exclude)
    elif named:
        selection = select_accounts([], named, exclude)
    else:
        selection = select_accounts([MemberAccount(aws.own(), "ACTIVE")], exclude=exclude)
    if not params["role_name"] and (others := [each.id for each in selection.accounts if each.id != aws.own().id]):
        more = f" and {len(others[SHOWN:])} more" * bool(others[SHOWN:])
        raise ConfigurationError(
            f"AWS accounts {', '.join(others[:SHOWN])}{more} can only be entered as a role: give `role_name`, "
            "such as KeywatchAudit."
        )
    return selection


def _destinations(params: ReportParams, table: TableName, *, pool_size: int = 10) -> list[Destination]:
    """Return the tables of a run's destination and of its copy, if it has one."""
    return get_destinations((params["destination_conn_id"], params["copy_conn_id"]), table, pool_size=pool_size)


def _run(run_id: str) -> RunFolder[ObjectStoragePath]:
    return RunFolder(staging(), run_id)
