"""A provider for the tests of one module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.keywatch.portal.tokens.issuer import Issuer


@pytest.fixture(scope="module")
def shared_issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """Start a provider."""
    with Issuer(tmp_path_factory.mktemp("issuer")) as issuer:
        yield issuer


@pytest.fixture
def issuer(shared_issuer: Issuer) -> Issuer:
    """Give a provider that has one key, and that nobody has asked."""
    shared_issuer.reset()
    return shared_issuer
