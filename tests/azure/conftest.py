"""An Airflow home for this process, and the mark by which `make test-azure` finds these tests."""

from __future__ import annotations

import tests.keywatch_airflow.home  # noqa: F401 - first: Airflow reads its home when it is imported

# isort: split

from pathlib import Path

import pytest
from airflow.providers.amazon.aws.hooks import base_aws  # noqa: F401 - first: it imports the session factory itself


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let `make test-azure` have everything below this folder, and no other target."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.azure)
