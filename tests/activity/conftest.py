"""An Airflow home on a local cloud with many virtual machines and events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud import LocalCloud, Seed
from localcloud.standalone import Standalone
from tests.activity.running import DAG_ID, Activity, backfilled_days
from tests.airflow.conftest import make_home, wait_for

SEED = Seed(accounts=1, users=2, virtual_machines=3_000, activity_events=0)
EVENTS_A_DAY = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let `make test-activity` have everything below this folder, and no other target."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.activity)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def activity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Activity]:
    """Make an Airflow home for `airflow dags test`, on a local cloud with 3,000 virtual machines."""
    folder = tmp_path_factory.mktemp("activity")
    with LocalCloud(folder / "localcloud", SEED) as cloud:
        yield Activity(make_home(folder / "home", cloud))


@pytest.fixture(scope="session")
def scheduled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Activity, Standalone]]:
    """Start `airflow standalone` on a local cloud whose first subscription has events on each of the last ten days."""
    folder = tmp_path_factory.mktemp("backfill")
    with LocalCloud(folder / "localcloud", Seed(accounts=1, users=2, virtual_machines=20, activity_events=0)) as cloud:
        activity = Activity(make_home(folder / "home", cloud))
        for number, (start, end) in enumerate(backfilled_days(10)):
            cloud.add_activity_events(
                cloud.azure.subscription_id, EVENTS_A_DAY, start=start, end=end, number=number, late=3
            )
        with Standalone(activity.home.env, log=folder / "standalone.log") as standalone:
            wait_for(lambda: DAG_ID in {dag["dag_id"] for dag in standalone.api("GET", "/dags")["dags"]})
            yield activity, standalone
