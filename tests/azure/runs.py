"""Runs of the reports for real, on the demo's organisation or another: rows in two workspaces, and a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from keywatch.report.read import ReportReader
from keywatch_airflow import access_key_report as steps
from keywatch_airflow import aws_session, azure_activity_report, report_store
from keywatch_airflow.activity_params import ActivityParams
from keywatch_airflow.report_params import ReportParams
from localcloud import LocalCloud, Seed
from localcloud.airflow_home import connections
from localcloud.demo import organization

NOBODY: Final = {"Version": "2012-10-17", "Statement": []}


@dataclass(frozen=True)
class Reported:
    """The demo's organisation, its rows in both workspaces, and the page."""

    cloud: LocalCloud
    page: ReportReader

    def run(self, run_id: str) -> None:
        """Run the report as the demo does: all accounts, to one workspace, with a copy to the other."""
        params = _params(self.cloud)
        batches = steps.list_accounts(params, run_id)
        loaded = [
            steps.load(steps.transform(steps.extract(batch, params, run_id, last_try=True), run_id), params, run_id)
            for batch in batches
        ]
        steps.publish(batches, loaded, params, run_id)

    def run_azure(self, run_id: str, day: datetime, subscriptions: list[str] | None = None) -> None:
        """Read Azure's events of a day and its machines as the DAG does, to one workspace, with a copy to the other.

        Args:
            run_id: The run's.
            day: Its beginning.
            subscriptions: Those to read; None is all that the application can see.
        """
        azure, params = azure_activity_report, _activity_params(subscriptions)
        begin = day + timedelta(hours=1)
        listed = azure.list_subscriptions(params, run_id, (begin, begin + timedelta(days=1)))
        loaded = [azure.load(azure.read_activity(each, params, run_id), params, run_id) for each in listed]
        seen = [each for each in listed if each["reads_machines"]]
        loaded += [azure.load(azure.read_virtual_machines(each, params, run_id), params, run_id) for each in seen]
        azure.publish(listed, [loaded], params, run_id)


@contextmanager
def reported(folder: Path, seed: Seed | None = None) -> Iterator[Reported]:
    """Give the demo's organisation or another, of which nothing has been reported yet; settings last as long."""
    with LocalCloud(folder / "localcloud", seed or organization()) as cloud, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__KEYWATCH__STAGING", f"file://{folder / 'staging'}")
        patch.setenv("AIRFLOW__KEYWATCH__REPORT_DATABASE", str(folder / "page.db"))
        for name, value in cloud.identity_environment().items():
            patch.setenv(name, value)
        for conn_id, connection in connections(cloud).items():
            patch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        aws_session._sessions.cache_clear()  # of another local cloud, which is gone
        yield Reported(cloud, report_store.report_reader())


def _params(cloud: LocalCloud) -> ReportParams:
    return ReportParams(
        organization=True,
        accounts=None,
        exclude=None,
        role_name=cloud.aws.role_name,
        aws_conn_id="aws_default",
        destination_conn_id="azure_logs_ingestion_default",
        copy_conn_id="azure_data_collector_default",
        lookup="exact",
        oldest_report_hours=4,
        owner_tag=None,
        chunk_limit=100_000,
        concurrency=8,
        accounts_at_once=2,
        in_flight=2,
        batch_size=5,
        trace=False,
    )


def _activity_params(subscriptions: list[str] | None) -> ActivityParams:
    return ActivityParams(
        certificate_conn_id="keyvault_certificate_default",
        subscriptions=subscriptions,
        window_start=None,
        window_end=None,
        filter_by=None,
        filter_value=None,
        columns=None,
        destination_conn_id="azure_logs_ingestion_default",
        copy_conn_id="azure_data_collector_default",
        chunk_limit=100_000,
        in_flight=2,
        trace=False,
    )
