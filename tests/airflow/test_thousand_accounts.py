"""An organisation of a thousand accounts, as Airflow handles it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from localcloud import LocalCloud, Seed
from localcloud.airflow_home import airflow
from tests.airflow.conftest import DAG_ID, Home, make_home
from tests.expected import AUDIT_TABLE, KEYS_TABLE

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]

ACCOUNTS = 1_000
BATCH_SIZE = 20
BATCHES = ACCOUNTS // BATCH_SIZE
ORGANIZATION = Seed(accounts=ACCOUNTS, users=1_200, keys_per_100_users=80, auditor_key=False)


@dataclass(frozen=True)
class Finished:
    """A finished `airflow dags test`."""

    home: Home
    process: subprocess.CompletedProcess[str]

    def xcoms(self) -> list[tuple[str, int, int]]:
        """Give the task, the map index and the bytes of every XCom."""
        database = sqlite3.connect(self.home.path / "airflow.db")
        found = list(database.execute("SELECT task_id, map_index, length(value) FROM xcom"))
        database.close()
        return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """Run the DAG over the organisation, with AWS and Azure played by the local cloud."""
    folder = tmp_path_factory.mktemp("thousand")
    with LocalCloud(folder / "localcloud", ORGANIZATION) as cloud:
        home = make_home(folder / "home", cloud)
        conf = {"organization": True, "role_name": cloud.aws.role_name, "batch_size": BATCH_SIZE}
        process = airflow(home.env, "dags", "test", DAG_ID, "-c", json.dumps(conf), capture_output=True)
        yield Finished(home, process)


def test_every_account_is_audited(finished: Finished) -> None:
    """The run succeeds, with a row for each account and each key."""
    cloud = finished.home.cloud

    assert finished.process.returncode == 0, finished.process.stdout[-3000:]
    statuses = {row["account_number_s"]: row["Status_s"] for row in cloud.rows(AUDIT_TABLE)}
    assert statuses == dict.fromkeys(cloud.aws.account_ids, "ok")
    keys = Counter(key.account for key in cloud.keys()) + Counter(cloud.root_keys())
    assert Counter(row["account_number_s"] for row in cloud.rows(KEYS_TABLE)) == keys


def test_batches_are_mapped(finished: Finished) -> None:
    """Each step runs once for each batch of twenty accounts."""
    mapped = Counter(task for task, index, _ in finished.xcoms() if index >= 0)

    assert mapped == dict.fromkeys(("audit.extract", "audit.transform", "audit.load"), BATCHES)


def test_xcom_grows_by_a_few_kilobytes_for_each_batch(finished: Finished) -> None:
    """What passes between tasks are manifests: below 4 kB a batch, all steps together, and nothing that is one row."""
    xcoms = finished.xcoms()

    assert sum(size for _, _, size in xcoms) / BATCHES < 4_000
    assert max(size for task, _, size in xcoms if task != "list_accounts") < 2_000


def test_accounts_share_the_certificates_session(finished: Finished) -> None:
    """One session of IAM Roles Anywhere enters all thousand accounts, each of which is asked what it has to be."""
    actions = Counter(record.action for record in finished.home.cloud.requests())

    assert (actions["CreateSession"], actions["AssumeRole"]) == (1, ACCOUNTS - 1)
    assert (actions["GetAccountSummary"], actions["ListUsers"]) == (ACCOUNTS, ACCOUNTS)
