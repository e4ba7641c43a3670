"""A portal for each provider, all on one local cloud and one report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from localcloud import LocalCloud, Seed
from localcloud.identity_model import PROVIDERS
from tests.portal.browsing import Browser
from tests.portal.visiting import Visiting, portal_of

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
    with portal_of(portal_cloud, request.param, folder) as visiting:
        yield visiting


@pytest.fixture
def browser(visiting: Visiting) -> Browser:
    """Give a browser that has been nowhere."""
    return Browser(visiting.cloud)
