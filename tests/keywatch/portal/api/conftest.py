"""APIs for the tests of one module, one for each flavour of provider."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.keywatch.portal.api.world import FLAVOURS, World
from tests.keywatch.portal.tokens.issuer import Issuer


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """Start a provider."""
    with Issuer(tmp_path_factory.mktemp("issuer")) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def worlds(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, World]]:
    """Give APIs by the flavour of who issues their tokens."""
    worlds = {flavour: World(issuer, flavour, tmp_path_factory.mktemp(flavour)) for flavour in FLAVOURS}
    yield worlds
    for world in worlds.values():
        world.close()


@pytest.fixture
def world(worlds: dict[str, World]) -> World:
    """Give the API whose tokens come from Azure AD B2C."""
    return worlds["b2c"]


@pytest.fixture(params=FLAVOURS)
def any_world(request: pytest.FixtureRequest, worlds: dict[str, World]) -> World:
    """Give one API after the other."""
    return worlds[request.param]


@pytest.fixture
def fresh(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give an API of its own to a test that breaks something."""
    issuer.reset()
    world = World(issuer, "b2c", tmp_path_factory.mktemp("fresh"))
    yield world
    world.close()
    issuer.reset()
