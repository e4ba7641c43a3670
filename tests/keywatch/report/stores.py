"""Report stores in files, made for one test."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from keywatch.report.engine import open_engine, sqlite_url
from keywatch.report.read import ReportReader


def store_in(folder: Path) -> Engine:
    """Open the store of a folder for writing."""
    return open_engine(sqlite_url(folder / "report.db"), writing=True)


def reader_of(folder: Path) -> ReportReader:
    """Read the store of a folder."""
    return ReportReader(open_engine(sqlite_url(folder / "report.db"), writing=False))
