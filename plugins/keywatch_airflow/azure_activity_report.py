"""The steps of DAG `azure_activity_report`: connections and parameters in, the library's steps called."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException

from keywatch.azure_resources.activity_log import Condition, FilterBy, check_selectable
from keywatch.azure_resources.resource_manager import ResourceManager
from keywatch.azure_resources.subscriptions import list_subscriptions as visible_subscriptions
from keywatch.azure_resources.windows import DELAY, Window
from keywatch.errors import ActivityWindowError, ConfigurationError
from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.azure.audit import NO_SNAPSHOT
from keywatch.pipeline.azure.load import load_dataset
from keywatch.pipeline.azure.manifests import LoadedDataset, PublishedActivity, ReadDataset, SubscriptionRef, window_of
from keywatch.pipeline.azure.publish import publish_activity
from keywatch.pipeline.azure.read import read_activity as read_events
from keywatch.pipeline.azure.read import read_virtual_machines as read_machines
from keywatch.pipeline.azure.select import select_subscriptions
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.tables import TableName
from keywatch_airflow.activity_params import ActivityParams
from keywatch_airflow.destinations import check_destinations, get_destinations
from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook
from keywatch_airflow.mapped import results_of
from keywatch_airflow.report_params import check_names
from keywatch_airflow.settings import staging, staging_retention

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

Interval = tuple[datetime | None, datetime | None]
"""A run's data interval; a run that is triggered without a logical date has none."""


def list_subscriptions(params: ActivityParams, run_id: str, interval: Interval) -> list[SubscriptionRef]:
    """List the run's subscriptions, and begin its staging.

    Raises:
        ConfigurationError: A parameter or a connection is not usable.
        ActivityWindowError: The window is none, or Azure no longer keeps it.
        NoSubscriptionsError: There is no subscription to read.
        KeywatchError: Resource Manager cannot be asked.
    """
    check_names(params, ActivityParams.__annotations__)
    check_destinations(params["destination_conn_id"], params["copy_conn_id"])
    condition = _condition(params)
    check_selectable(params["columns"] or ())
    now = datetime.now(UTC)
    window = window_of_run(params["window_start"], params["window_end"], interval, now)
    visible = visible_subscriptions(_manager(params))
    chosen = select_subscriptions(
        visible, params["subscriptions"] or [], window, _run(run_id), now, condition=condition
    )
    if len(chosen) > (most := conf.getint("core", "max_map_length")):
        raise ConfigurationError(
            f"There are {len(chosen)} subscriptions, and Airflow maps {most} tasks at most. Raise [core] "
            "max_map_length, or let several copies of the DAG read some `subscriptions` each."
        )
    return chosen


def window_of_run(start: str | None, end: str | None, interval: Interval, now: datetime) -> Window:
    """Return what a run reads: what its parameters say or, with an overlap, the day of its data interval.

    Args:
        start: The parameter, ISO 8601.
        end: The parameter, ISO 8601.
        interval: The run's data interval. Without one, it is the last day that ended an hour ago.
        now: UTC.

    Raises:
        ActivityWindowError: They make no window.
    """
    if start:
        return Window(_moment("window_start", start), _moment("window_end", end) if end else now)
    if end:
        raise ActivityWindowError("`window_end` is set without `window_start`. Give both, or neither.")
    if interval[0] is not None and interval[1] is not None and interval[0] < interval[1]:
        return Window.of_run(interval[0], interval[1]).with_overlap(now)
    midnight = datetime.combine((now - DELAY).date(), time(), UTC)
    return Window(midnight - timedelta(days=1), midnight).with_overlap(now)


def read_activity(subscription: SubscriptionRef, params: ActivityParams, run_id: str) -> ReadDataset:
    """Stage the events of a subscription.

    Raises:
        KeywatchError: As `keywatch.pipeline.azure.read.read_activity`.
    """
    return read_events(
        _manager(params),
        subscription,
        _run(run_id),
        datetime.now(UTC),
        condition=_condition(params),
        select=params["columns"] or (),
    )


def take_snapshot(subscriptions: list[SubscriptionRef]) -> list[SubscriptionRef]:
    """Return the subscriptions whose virtual machines are read now.

    Raises:
        AirflowSkipException: The run's window does not end today, and machines can be seen only as they are now.
    """
    _check_snapshot(subscriptions[0])
    return subscriptions


def read_virtual_machines(subscription: SubscriptionRef, params: ActivityParams, run_id: str) -> ReadDataset:
    """Stage the virtual machines of a subscription.

    Raises:
        AirflowSkipException: As `take_snapshot`: the step may have been cleared on another day.
        KeywatchError: As `keywatch.pipeline.azure.read.read_virtual_machines`.
    """
    _check_snapshot(subscription)
    return read_machines(_manager(params), subscription, _run(run_id), datetime.now(UTC))


def load(read: ReadDataset, params: ActivityParams, run_id: str) -> LoadedDataset:
    """Deliver what was staged.

    Raises:
        KeywatchError: As `keywatch.pipeline.azure.load.load_dataset`.
    """
    destinations = _destinations(params, read["dataset"], pool_size=params["in_flight"])
    return load_dataset(read, _run(run_id), destinations, limit=params["chunk_limit"], in_flight=params["in_flight"])


def publish(
    subscriptions: Iterable[SubscriptionRef] | None, loaded: Iterable[object], params: ActivityParams, run_id: str
) -> PublishedActivity:
    """Say what became of every subscription.

    Args:
        subscriptions: What `list_subscriptions` returned.
        loaded: What Airflow hands on of the results of each mapped `load`.
        params: The run's parameters.
        run_id: The run.

    Raises:
        AirflowSkipException: `list_subscriptions` did not succeed, so there is nothing to say.
        KeywatchError: As `keywatch.pipeline.azure.publish.publish_activity`.
    """
    if subscriptions is None:
        raise AirflowSkipException("No subscriptions were listed: look at the log of task list_subscriptions.")
    return publish_activity(
        subscriptions,
        [result for results in loaded for result in results_of(results)],
        _run(run_id),
        _destinations(params, "subscriptions"),
        now=datetime.now(UTC),
        keep=staging_retention(),
    )


def event_extra(published: PublishedActivity) -> dict[str, Any]:
    """Return what the asset event of a run tells those who wait for it."""
    return {name: value for name, value in published.items() if name not in ("problems", "more_problems")}


def _check_snapshot(subscription: SubscriptionRef) -> None:
    if not (subscription["reads_machines"] and window_of(subscription).ends_on(datetime.now(UTC))):
        raise AirflowSkipException(f"No snapshot of virtual machines: {NO_SNAPSHOT}.")


def _moment(name: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ActivityWindowError(f"`{name}` is no moment: {text!r}. Write it as 2026-01-31T00:00:00Z.") from error


def _condition(params: ActivityParams) -> Condition | None:
    by, value = params["filter_by"], params["filter_value"]
    if not by and not value:
        return None
    if not by or not value:
        raise ConfigurationError("`filter_by` and `filter_value` go together. Give both, or neither.")
    known: FilterBy = by  # type: ignore[assignment]  # which Condition checks
    return Condition(known, value)


def _manager(params: ActivityParams) -> ResourceManager:
    hook = KeyVaultCertificateHook(params["certificate_conn_id"])
    return ResourceManager(hook.cloud, hook.get_credential(), hook.transport)


def _destinations(params: ActivityParams, table: TableName, *, pool_size: int = 10) -> list[Destination]:
    return get_destinations((params["destination_conn_id"], params["copy_conn_id"]), table, pool_size=pool_size)


def _run(run_id: str) -> RunFolder[ObjectStoragePath]:
    """Return the run's folder; other DAGs' runs may have the same id."""
    return RunFolder(staging(), f"azure_activity_report/{run_id}")
