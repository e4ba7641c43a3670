"""Stores of their own for tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from keywatch.report.read import ReportReader
from tests.keywatch.report.stores import reader_of, store_in


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    """Give a store that has nothing in it."""
    engine = store_in(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def reader(tmp_path: Path) -> ReportReader:
    """Give a reader of that store."""
    return reader_of(tmp_path)
