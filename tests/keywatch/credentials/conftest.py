"""What these tests share: a machine with a managed identity."""

from __future__ import annotations

import pytest

from localcloud import LocalCloud


@pytest.fixture(autouse=True)
def machine(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine the local cloud's managed identities."""
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)
