"""A store of accounts for one test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from keywatch.report.engine import sqlite_url
from tests.keywatch.portal.accounts.kept import Kept


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store that has its tables and nothing in them, to be copied."""
    file = tmp_path_factory.mktemp("accounts") / "empty.db"
    Kept(sqlite_url(file)).store.close()
    return file


@pytest.fixture
def kept(empty_store: Path, tmp_path: Path) -> Iterator[Kept]:
    """Give a store that has its tables, and no account."""
    kept = Kept(sqlite_url(Path(shutil.copy(empty_store, tmp_path / "report.db"))))
    yield kept
    kept.store.close()
