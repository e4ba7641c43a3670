"""Connection aws_deactivation of the local cloud, through Airflow's stock hooks."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

from keywatch_airflow import aws_session
from localcloud import LocalCloud
from localcloud.airflow_home import connections
from tests.keywatch_airflow.conftest import Connect


@pytest.fixture(autouse=True)
def machine(cloud: LocalCloud, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every connection, on a worker with a managed identity and our session factory."""
    monkeypatch.setenv("AIRFLOW__AWS__SESSION_FACTORY", "keywatch_airflow.aws_session.SessionFactory")
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)
    for conn_id, connection in connections(cloud).items():
        connect(conn_id, connection)
    aws_session._sessions.cache_clear()  # of the test before, which the local cloud has forgotten


def sts_hook(conn_id: str) -> Any:  # noqa: ANN401 - the stock hook has few types
    """Make a stock hook that asks STS."""
    return AwsBaseHook(conn_id, client_type="sts")


def test_each_connection_enters_with_its_own_certificate(cloud: LocalCloud) -> None:
    """The two connections are sessions of two roles, each signed for by a key of its own."""
    arns = {
        conn_id: sts_hook(conn_id).get_conn().get_caller_identity()["Arn"]
        for conn_id in ("aws_default", "aws_deactivation")
    }
    sts = f"arn:aws:sts::{cloud.aws.account_id}:assumed-role"
    signing = {str(record.detail).partition("/")[0] for record in cloud.requests(action="keys/sign")}

    assert arns == {
        "aws_default": f"{sts}/KeywatchAudit/keywatch",
        "aws_deactivation": f"{sts}/KeywatchDeactivate/keywatch-deactivate",
    }
    assert signing == {"keywatch-audit", "keywatch-deactivate"}


def test_test_button_works_for_the_deactivation() -> None:
    """What Airflow's button Test asks is allowed to every session, and so to the deactivation's."""
    works, message = sts_hook("aws_deactivation").test_connection()

    assert works, message
