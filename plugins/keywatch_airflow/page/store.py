"""The report store, as the routes get it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from keywatch.report.read import ReportReader


def get_reader() -> ReportReader:
    """Return what reads the store.

    Raises:
        ConfigurationError: The store is not usable as it is set up.
    """
    from keywatch_airflow.report_store import report_reader

    return report_reader()


Reader = Annotated[ReportReader, Depends(get_reader)]
