"""The steps of DAG `access_key_report`: connections and parameters in, the library's steps called."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException

from keywatch.access_keys.record import Account
from keywatch.errors import ConfigurationError
from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.extract import extract_batch
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.list_accounts import list_accounts as list_batches
from keywatch.pipeline.load import load_batch
from keywatch.pipeline.manifests import Batch, ExtractedBatch, LoadedBatch, Published, TransformedBatch
from keywatch.pipeline.publish import publish as publish_run
from keywatch.pipeline.tables import TableName
from keywatch.pipeline.transform import transform_batch
from keywatch_airflow.destinations import get_destination
from keywatch_airflow.mapped import results_of
from keywatch_airflow.settings import staging, staging_retention

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath


class ReportParams(TypedDict):
    """The parameters of a run, as its form gives them."""

    accounts: list[str] | None
    role_name: str | None
    aws_conn_id: str
    destination_conn_id: str
    copy_conn_id: str | None
    lookup: str
    chunk_limit: int | None
    concurrency: int
    in_flight: int
    batch_size: int


def list_accounts(params: ReportParams, run_id: str) -> list[Batch]:
    """List the run's accounts in batches, and begin its staging.

    Raises:
        ConfigurationError: Accounts need a role and none is named, or Airflow cannot map so many batches.
        KeywatchError: There is no account, or AWS cannot be asked for the connection's own.
    """
    named, size = params["accounts"], params["batch_size"]
    own = None if named and params["role_name"] else _own_account(params["aws_conn_id"])
    if own and (others := [account for account in named or [] if account != own.id]):
        raise ConfigurationError(f"AWS accounts {', '.join(others)} can only be entered as a role: give `role_name`.")
    accounts = [Account(account) for account in named] if named else [own] if own else []
    most = conf.getint("core", "max_map_length")
    if len(accounts) > most * size:
        raise ConfigurationError(
            f"{len(accounts)} accounts make more batches than Airflow maps ({most}): give a `batch_size` of at least "
            f"{math.ceil(len(accounts) / most)}."
        )
    return list_batches(accounts, _run(run_id), datetime.now(UTC), size)


def extract(batch: Batch, params: ReportParams, run_id: str, *, last_try: bool) -> ExtractedBatch:
    """Stage what IAM says of a batch.

    Raises:
        KeywatchError: As `keywatch.pipeline.extract.extract_batch`.
    """
    from keywatch_airflow.aws import AwsAccounts

    aws = AwsAccounts(params["aws_conn_id"], params["role_name"], params["concurrency"])
    folder = _run(run_id).batch(batch["number"])
    return extract_batch(batch, folder, aws.connect, concurrency=params["concurrency"], last_try=last_try)


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
        now=datetime.now(UTC),
        keep=staging_retention(),
    )


def event_extra(published: Published) -> dict[str, Any]:
    """Return what the asset event of a run tells those who wait for it."""
    return {name: value for name, value in published.items() if name not in ("problems", "more_problems")}


def _own_account(aws_conn_id: str) -> Account:
    from keywatch_airflow.aws import AwsAccounts

    return AwsAccounts(aws_conn_id).own()


def _destinations(params: ReportParams, table: TableName, *, pool_size: int = 10) -> list[Destination]:
    """Return the tables of a run's destination and of its copy, if it has one."""
    conn_ids = [params["destination_conn_id"], params["copy_conn_id"]]
    return [get_destination(conn_id, table, pool_size=pool_size) for conn_id in conn_ids if conn_id]


def _run(run_id: str) -> RunFolder[ObjectStoragePath]:
    return RunFolder(staging(), run_id)
