"""A portal for each provider, all on one local cloud and one report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from localcloud import LocalCloud, Seed
from localcloud.identity_model import PROVIDERS
from localcloud.portal import running_portal, write_config
from tests.portal.browsing import Browser
from tests.portal.owning import write_report
from tests.portal.visiting import Visiting

SMALL: Final = Seed(accounts=1, users=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let `make test-portal` have everything below this folder, and no other target."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.portal)


@pytest.fixture(scope="session")
def portal_cloud() -> Iterator[LocalCloud]:
    """Start a local cloud."""
    with LocalCloud(seed=SMALL) as cloud:
        yield cloud


@pytest.fixture(scope="module", params=PROVIDERS)
def visiting(
    portal_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Visiting]:
    """Run a portal that signs people in by one of the providers."""
    portal_cloud.reset()
    folder = tmp_path_factory.mktemp(request.param)
    write_report(folder / "report.db")
    config = write_config(portal_cloud, request.param, folder, store=folder / "report.db")
    with running_portal(portal_cloud, config, folder) as portal:
        yield Visiting(portal_cloud, portal, request.param, folder / "report.db")


@pytest.fixture
def browser(visiting: Visiting) -> Browser:
    """Give a browser that has been nowhere."""
    return Browser(visiting.cloud)
