"""What happens where nobody has set anything up: findings, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import LocalCloud, RequestRecord, Seed
from localcloud.airflow_home import airflow
from tests.airflow.conftest import Home, make_home
from tests.approval.asking import DEACTIVATIONS_TABLE, FINDINGS_TABLE, READING
from tests.expected import KEYS_TABLE


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Run report and findings, each as shipped, on an organisation of three accounts; nobody answers anything."""
    folder = tmp_path_factory.mktemp("defaults")
    with LocalCloud(folder / "localcloud", Seed(accounts=3, users=60)) as cloud:
        home = make_home(folder / "home", cloud)
        conf = {"organization": True, "role_name": cloud.aws.role_name}
        for dag_id, given in (("access_key_report", conf), ("access_key_findings", {})):
            done = airflow(home.env, "dags", "test", dag_id, "-c", json.dumps(given), capture_output=True)
            assert done.returncode == 0, done.stdout[-3000:]
        yield home


def asked_of_aws(home: Home) -> list[RequestRecord]:
    """List every request that AWS got."""
    return [record for record in home.cloud.requests() if record.host.endswith(".amazonaws.com")]


def test_nothing_is_written_to_aws(home: Home) -> None:
    """In a whole run of report and findings, AWS is asked to read, and for nothing else; no key has another status."""
    actions = Counter(record.action for record in asked_of_aws(home))

    assert actions["ListAccessKeys"] > 0
    assert set(actions) <= READING
    statuses = Counter(key.status for key in home.cloud.keys())
    stored = Counter(row["Status_s"] for row in home.cloud.rows(KEYS_TABLE) if row["AccessKeyId_s"])
    assert stored == statuses


def test_only_the_audit_signs(home: Home) -> None:
    """The certificate that can deactivate is not used at all."""
    signed = Counter(str(record.detail).partition("/")[0] for record in home.cloud.requests(action="keys/sign"))

    assert signed["keywatch-audit"] > 0
    assert set(signed) == {"keywatch-audit"}
    assert len(home.cloud.requests(action="CreateSession")) == 1


def test_findings_are_delivered_and_nobody_is_asked(home: Home) -> None:
    """Findings of the policy that comes with Keywatch are in Log Analytics; there is no proposal, and no decision."""
    rows = home.cloud.rows(FINDINGS_TABLE)

    assert {"root-key", "older-than-90-days", "unused-for-45-days"} <= {row["Rule_s"] for row in rows}
    assert home.cloud.rows(DEACTIVATIONS_TABLE) == []
    assert not list(Path(home.path).rglob("proposals/*"))
