"""What every test may use: one small local cloud, brought back to its seed before each test."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from localcloud import LocalCloud, Seed

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("keywatch", deadline=None)
hypothesis.settings.load_profile("keywatch")

SMALL = Seed(accounts=2, users=24)
"""Two accounts, the second with a root key; users with no, one and two keys, and names that look like other types."""


@pytest.fixture(scope="session")
def small_cloud() -> Iterator[LocalCloud]:
    """Start a small local cloud for the whole session. Tests take `cloud`."""
    with LocalCloud(seed=SMALL) as cloud:
        yield cloud


@pytest.fixture
def cloud(small_cloud: LocalCloud) -> LocalCloud:
    """Give the small local cloud as freshly seeded: no rows, no requests, no faults."""
    small_cloud.reset()
    return small_cloud
