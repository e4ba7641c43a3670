"""A run's destination, whatever type its connection has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, cast

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException

from keywatch.errors import ConfigurationError
from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.tables import TableName


class DestinationHook(Protocol):
    """A hook that makes destinations; every destination connection type has one."""

    def get_destination(self, table: TableName, *, pool_size: int = 10) -> Destination:
        """Return one of Keywatch's tables as a destination."""
        ...


def get_destination(conn_id: str, table: TableName, *, pool_size: int = 10) -> Destination:
    """Return a table of the connection's destination; the connection's type finds the hook.

    Args:
        conn_id: The destination connection.
        table: Which table.
        pool_size: Connections kept open, one per chunk in flight.

    Raises:
        AirflowNotFoundException: There is no such connection, or Airflow could not be asked for it: a retry may help.
        ConfigurationError: The connection's type is no destination, or the connection is not usable.
        KeywatchError: The hook's.
    """
    return destination_hook(conn_id).get_destination(table, pool_size=pool_size)


def get_destinations(conn_ids: Iterable[str | None], table: TableName, *, pool_size: int = 10) -> list[Destination]:
    """Return a table of a run's destination and of its copy, as far as the run has them.

    Args:
        conn_ids: The destination connections; None is none.
        table: Which table.
        pool_size: Connections kept open to each.

    Raises:
        KeywatchError: As `get_destination`.
    """
    return [get_destination(conn_id, table, pool_size=pool_size) for conn_id in conn_ids if conn_id]


def check_destinations(destination: str | None, copy: str | None) -> None:
    """Refuse destinations that would be noticed only when everything has been read; nothing is asked of them.

    Args:
        destination: The destination connection, if there is one.
        copy: The one that gets the same rows, if there is one.

    Raises:
        AirflowNotFoundException: There is no such connection, or Airflow could not be asked for it: a retry may help.
        ConfigurationError: A connection's type is no destination, or the copy goes with nothing, or to the same place.
    """
    if copy and not destination:
        raise ConfigurationError("`copy_conn_id` is set without a destination. Give it as `destination_conn_id`.")
    if copy and copy == destination:
        raise ConfigurationError("`copy_conn_id` is the destination itself. Name another connection, or none.")
    for conn_id in filter(None, (destination, copy)):
        destination_hook(conn_id)


def destination_hook(conn_id: str) -> DestinationHook:
    """Return the hook of a destination connection; nothing is asked of the destination.

    Raises:
        AirflowNotFoundException: There is no such connection, or Airflow could not be asked for it: a retry may help.
        ConfigurationError: The connection's type is no destination.
    """
    connection = BaseHook.get_connection(conn_id)
    try:
        hook = connection.get_hook()  # type: ignore[no-untyped-call]
    except AirflowException as error:
        raise _no_destination(conn_id, f"{error}. ") from error
    if not hasattr(hook, "get_destination"):
        raise _no_destination(conn_id)
    return cast("DestinationHook", hook)


def _no_destination(conn_id: str, why: str = "") -> ConfigurationError:
    return ConfigurationError(
        f"Connection {conn_id!r} is not a destination. {why}Use one of type azure_logs_ingestion, or of type "
        "azure_data_collector."
    )
