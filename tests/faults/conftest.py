"""A local cloud of its own for the fault matrix, small, and the matrix itself at the end of the output."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud import LocalCloud, Seed
from tests.faults.matrix import shown
from tests.faults.server import Server, running

SEED = Seed(accounts=2, users=8)


@pytest.fixture(scope="session")
def matrix_cloud() -> Iterator[LocalCloud]:
    """Start the local cloud of the matrix. Tests take `cloud`."""
    with LocalCloud(seed=SEED) as cloud:
        yield cloud


@pytest.fixture
def cloud(matrix_cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> LocalCloud:
    """Give the local cloud as freshly seeded, and this machine its managed identity."""
    matrix_cloud.reset()
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name, value in matrix_cloud.identity_environment().items():
        monkeypatch.setenv(name, value)
    return matrix_cloud


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix, with how the test of each case ended."""
    outcomes = {
        report.nodeid.partition("[")[2].removesuffix("]"): outcome
        for outcome in ("passed", "failed", "error")
        for report in terminalreporter.stats.get(outcome, [])
        if "/faults/" in report.nodeid and report.nodeid.endswith("]")
    }
    if outcomes:
        terminalreporter.section("fault matrix")
        terminalreporter.write_line(shown(outcomes))


@pytest.fixture(scope="session")
def airflow_to_kill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start an Airflow whose processes may be killed. Tests take `server`."""
    with running(tmp_path_factory.mktemp("kills")) as server:
        yield server


@pytest.fixture
def server(airflow_to_kill: Server) -> Server:
    """Give the running Airflow, with its local cloud as freshly seeded."""
    airflow_to_kill.cloud.reset()
    return airflow_to_kill
