"""A cluster that is stopped, or fails, while it comes up."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from localcloud import LocalCloud
from tests.airflow.conftest import wait_for
from tests.cluster.cluster import Cluster
from tests.cluster.processes import none_left_behind, offspring
from tests.compose import PROJECT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_cluster_leaves_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, while servers come up, ends all of them."""
    before = set(offspring())
    with none_left_behind():
        process = subprocess.Popen([sys.executable, "-m", "tests.cluster", str(tmp_path)], cwd=PROJECT)
        wait_for((tmp_path / "cluster/scheduler/log").exists)
        started = set(offspring()) - before
        process.send_signal(number)
        process.wait(60)
        left = [each for each in set(offspring()) - before if each.status() != psutil.STATUS_ZOMBIE]
    assert len(started) > 8
    assert left == []


def test_cluster_that_cannot_start_leaves_no_process_behind(tmp_path: Path, cloud: LocalCloud) -> None:
    """If the database cannot be migrated, the servers that run by then are ended, and the error says what failed."""
    before = set(offspring())
    cluster = Cluster(tmp_path, cloud)
    cluster._compose["migrate"]["command"] = ["false"]

    with pytest.raises(RuntimeError, match="false failed"), cluster:
        pass

    assert (tmp_path / "redis/log").exists()
    assert set(offspring()) == before
