"""An Airflow in which findings follow the report, and people who may approve, or may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import LocalCloud, Seed
from localcloud.airflow_home import PROJECT
from localcloud.standalone import Standalone
from tests.airflow.conftest import make_home, wait_for
from tests.approval.asking import Asking

DAGS = ("access_key_report", "access_key_findings", "impatient_findings")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let `make test-approval` have everything below this folder, and no other target."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.approval)
            item.add_marker(pytest.mark.timeout(600))


def copy_dags(folder: Path) -> Path:
    """Copy the DAG files, with a report that runs only when told to; add findings whose requests wait for seconds."""
    folder.mkdir()
    for name in ("access_key_report", "access_key_findings"):
        text = (PROJECT / "dags" / f"{name}.py").read_text(encoding="utf-8").replace('"@daily"', "None")
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    impatient = text.replace("def access_key_findings()", "def impatient_findings()")
    impatient = impatient.replace("\naccess_key_findings()", "\nimpatient_findings()")
    impatient = impatient.replace("=RESPONSE_TIMEOUT)", "=timedelta(seconds=4))").replace("=[access_keys]", "=None")
    impatient = impatient.replace("import UTC, datetime", "import UTC, datetime, timedelta")
    (folder / "impatient_findings.py").write_text(impatient, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def airflow_with_people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """Start `airflow standalone` on a local cloud of three accounts, with three users beside the administrator."""
    folder = tmp_path_factory.mktemp("approval")
    with LocalCloud(folder / "localcloud", Seed(accounts=3, users=60)) as cloud:
        home = make_home(folder / "home", cloud)
        home.env["AIRFLOW__CORE__DAGS_FOLDER"] = str(copy_dags(folder / "dags"))
        home.env["AIRFLOW__KEYWATCH__POLICY"] = str(folder / "policy.yaml")
        users = "admin:admin,approver:op,deputy:op,somebody:op"
        with Standalone(home.env, log=folder / "standalone.log", users=users) as standalone:
            wait_for(lambda: set(DAGS) <= {dag["dag_id"] for dag in standalone.api("GET", "/dags")["dags"]})
            for dag_id in DAGS:
                standalone.api("PATCH", f"/dags/{dag_id}", json={"is_paused": False})
            asking = Asking(standalone, home, folder / "policy.yaml")
            asking.remember_report()
            yield asking


@pytest.fixture
def asking(airflow_with_people: Asking) -> Asking:
    """Give the running Airflow, with its local cloud as freshly seeded and no request open."""
    airflow_with_people.begin_anew()
    return airflow_with_people
