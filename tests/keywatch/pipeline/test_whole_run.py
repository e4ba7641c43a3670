"""The whole way, without Airflow: from IAM to Log Analytics, both played by the local cloud."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from keywatch.access_keys.accounts import assume_role
from keywatch.access_keys.organization import Selection
from keywatch.access_keys.record import Account
from keywatch.errors import IncompleteReportError, UnreachableError
from keywatch.pipeline.extract import Reading, extract_batch
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.list_accounts import list_accounts
from keywatch.pipeline.load import load_batch
from keywatch.pipeline.manifests import Published
from keywatch.pipeline.publish import publish
from keywatch.pipeline.tables import TABLES
from keywatch.pipeline.transform import transform_batch
from keywatch.pipeline.verdict import verdict
from localcloud import Fault, FaultKind, LocalCloud
from tests.expected import AUDIT_TABLE, KEYS_TABLE, expected_rows, stored
from tests.keywatch.reach import collector, iam_client, sts_client
from tests.keywatch.report.stores import store_in

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

RUN_ID = "manual__2024-03-01"
LIMIT = 3_000
"""Bytes of a chunk: a handful of records, so that a run has several."""


class Report:
    """Runs the report's steps one after another."""

    def __init__(self, cloud: LocalCloud, session: boto3.Session, staging: Path) -> None:
        self.cloud = cloud
        self.names = {cloud.aws.account_ids[0]: "audit", cloud.aws.account_ids[1]: "Prod Zürich"}
        self._session = session
        self._sts = sts_client(session, cloud)
        self._run = RunFolder(staging, RUN_ID)
        self._now = datetime.now(UTC)
        self.store = store_in(staging)

    def run(self, attempts: int = 3) -> Published:
        """Make every step, each account in a batch of its own."""
        accounts = [Account(account, name) for account, name in self.names.items()]
        batches = list_accounts(Selection(tuple(accounts)), self._run, self._now, 1)
        keys = collector(self.cloud, TABLES["keys"].name, attempts=attempts)
        loaded = []
        for batch in batches:
            extracted = extract_batch(batch, self._run.batch(batch["number"]), self._connect, Reading(concurrency=4))
            loaded.append(load_batch(transform_batch(extracted, self._run), self._run, [keys], limit=LIMIT))
        audit = collector(self.cloud, TABLES["audit"].name)
        return publish(batches, loaded, self._run, [audit], self.store, now=self._now, keep=timedelta(days=7))

    def expected(self) -> list[dict[str, Any]]:
        """Work out the rows that have to be stored, of every account that was read."""
        read = {
            row["account_number_s"]: row["SnapshotTime_t"]
            for row in self.cloud.rows(AUDIT_TABLE, self.cloud.second_workspace)
            if row["Status_s"] == "ok"
        }
        return expected_rows(self.cloud.keys(), self.cloud.root_keys(), read, RUN_ID, self.names)

    def _connect(self, account: Account) -> IAMClient:
        role = assume_role(self._session, self._sts, account, self.cloud.aws.role_name)
        return iam_client(role, self.cloud, attempts=1)


@pytest.fixture
def report(cloud: LocalCloud, auditor_session: boto3.Session, tmp_path: Path) -> Report:
    """Give a report on both accounts."""
    return Report(cloud, auditor_session, tmp_path)


def test_whole_run_stores_every_key_once(report: Report, cloud: LocalCloud) -> None:
    """Every seeded key is one row with every column right, and the run says that it is complete."""
    result = report.run()

    assert report.expected() == stored(cloud.rows(KEYS_TABLE, cloud.second_workspace))
    assert len(report.expected()) == len(cloud.keys()) + 1
    assert (result["complete"], result["keys"], result["accepted"]) == (True, 31, 31)
    assert len(cloud.requests(log_type=TABLES["keys"].name)) > 2
    assert verdict(result) == "Complete: accounts: 2 ok; 31 keys delivered."


def test_whole_run_takes_names_that_look_like_other_types(report: Report, cloud: LocalCloud) -> None:
    """The rows compared above include users whose names the service takes for GUIDs and dates."""
    report.run()

    columns = {
        name
        for row in stored(cloud.rows(KEYS_TABLE, cloud.second_workspace))
        for name in row
        if name.startswith("user_")
    }
    assert columns == {"user_s", "user_g", "user_t"}


def test_whole_run_twice_stores_nothing_more(report: Report, cloud: LocalCloud) -> None:
    """A run whose tasks are all cleared reads and sends nothing that is there already."""
    report.run()
    cloud.clear_requests()
    again = report.run()

    assert report.expected() == stored(cloud.rows(KEYS_TABLE, cloud.second_workspace))
    assert cloud.requests(log_type=TABLES["keys"].name) == []
    assert cloud.requests(log_type=TABLES["audit"].name) == []
    assert cloud.requests(action="ListUsers") == []
    assert again["complete"]


def test_whole_run_with_a_denied_account_reports_the_other(report: Report, cloud: LocalCloud) -> None:
    """The other account's keys are all there, the denied one has an audit row, and the verdict names it."""
    member = cloud.aws.account_ids[1]
    cloud.inject(Fault(FaultKind.DENY, action="GetAccountSummary", account=member, count=None))

    result = report.run()

    assert report.expected() == stored(cloud.rows(KEYS_TABLE, cloud.second_workspace))
    assert {row["account_number_s"]: row["Status_s"] for row in cloud.rows(AUDIT_TABLE, cloud.second_workspace)} == {
        cloud.aws.account_ids[0]: "ok",
        member: "denied",
    }
    with pytest.raises(IncompleteReportError, match=rf"{member} \(Prod Zürich\): denied: .*iam:GetAccountSummary"):
        verdict(result)


def test_whole_run_that_loses_answers_goes_on_where_it_was(report: Report, cloud: LocalCloud) -> None:
    """After lost answers and a broken attempt, every key is there, and twice only where an answer was lost."""
    keys = TABLES["keys"].name
    cloud.inject(Fault(FaultKind.DROP_AFTER, log_type=keys))
    cloud.inject(Fault(FaultKind.DROP_BEFORE, log_type=keys, after=4, count=None))
    with pytest.raises(UnreachableError):
        report.run(attempts=2)
    cloud.clear_faults()

    result = report.run()

    copies = Counter(row["RecordId_s"] for row in cloud.rows(KEYS_TABLE, cloud.second_workspace))
    (lost,) = (request for request in cloud.requests(log_type=keys) if request.fault == FaultKind.DROP_AFTER)
    assert {name for name, count in copies.items() if count == 2} == set(lost.record_ids)
    assert max(copies.values()) == 2
    assert set(copies) == {row["RecordId_s"] for row in report.expected()}
    assert result["complete"]
