"""A run's destination is found by its connection's type."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException

from keywatch.errors import ConfigurationError
from keywatch.log_analytics.data_collector import DataCollector
from keywatch_airflow.destinations import get_destination
from localcloud import LocalCloud
from tests.expected import AUDIT_TABLE
from tests.keywatch_airflow.conftest import Connect


def test_destination_is_made_by_the_connections_type(
    cloud: LocalCloud, connect: Connect, collector: dict[str, Any]
) -> None:
    """A connection of type azure_data_collector gives a Data Collector for the table that was asked for."""
    destination = get_destination(connect("somewhere", collector), "audit", pool_size=2)

    assert isinstance(destination, DataCollector)
    destination.send(b'[{"Status":"ok"}]')
    assert [row["Status_s"] for row in cloud.rows(AUDIT_TABLE, cloud.second_workspace)] == ["ok"]


@pytest.mark.parametrize("conn_type", ["aws", "fs"])
def test_destination_is_refused_when_the_type_has_a_hook_but_is_none(connect: Connect, conn_type: str) -> None:
    """A connection for something else is named, with a type to use instead."""
    conn_id = connect("elsewhere", {"conn_type": conn_type})

    with pytest.raises(ConfigurationError, match=r"'elsewhere' is not a destination.*azure_data_collector"):
        get_destination(conn_id, "keys")


def test_destination_is_refused_when_airflow_does_not_know_the_type(connect: Connect) -> None:
    """A connection of an unknown type is named, with a type to use instead."""
    conn_id = connect("elsewhere", {"conn_type": "carrier_pigeon"})

    with pytest.raises(ConfigurationError, match=r"'elsewhere' is not a destination.*azure_data_collector"):
        get_destination(conn_id, "keys")


def test_destination_is_refused_when_there_is_no_such_connection() -> None:
    """A connection id that nobody defined is named by Airflow, which says the same when it could not look."""
    with pytest.raises(AirflowNotFoundException, match="nobodys"):
        get_destination("nobodys", "keys")
