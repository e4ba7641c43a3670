"""A store, a run, keys that nobody uses, and the way to AWS as the deactivation role."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from keywatch.pipeline.deactivate import Deactivation
from keywatch.pipeline.folders import RunFolder
from keywatch.report.proposals import Proposals
from localcloud import LocalCloud, SeededKey
from tests.keywatch.deactivating import Deactivator, unused_key
from tests.keywatch.judged import ASKING, policy_of
from tests.keywatch.pipeline.deactivating.acting import FULL_ID, USERS
from tests.keywatch.pipeline.proposing import run_in
from tests.keywatch.report.stores import store_in


@pytest.fixture(autouse=True)
def machine(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine the local cloud's managed identity."""
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    """Give a store in which nothing has been proposed."""
    engine = store_in(tmp_path)
    Proposals(engine).supersede(datetime.now(UTC))
    yield engine
    engine.dispose()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder[Path]:
    """Give a run's folder."""
    return run_in(tmp_path)


@pytest.fixture
def by(cloud: LocalCloud, store: Engine) -> Deactivation:
    """Give the way to AWS as the deactivation role."""
    return Deactivation(
        proposals=Proposals(store),
        policy=policy_of(ASKING),
        connect=Deactivator(cloud).connect,
        clock=lambda: datetime.now(UTC),
    )


@pytest.fixture
def made(cloud: LocalCloud) -> SeededKey:
    """Make a key that nobody uses."""
    key = unused_key(cloud, cloud.aws.account_id)
    cloud.clear_requests()
    return key


@pytest.fixture
def three(cloud: LocalCloud) -> list[SeededKey]:
    """Make three keys that nobody uses, the second in a member account."""
    first, second = cloud.aws.account_ids
    keys = [unused_key(cloud, account, user) for account, user in zip((first, second, first), USERS, strict=True)]
    cloud.clear_requests()
    return keys


@pytest.fixture(autouse=True)
def nothing_said_of_a_full_id(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever happens, no full access key id reaches a log."""
    caplog.set_level(logging.INFO)
    yield
    assert not FULL_ID.search(caplog.text)
