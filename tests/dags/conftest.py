"""The project's DAGs, parsed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dags.dag_bag import DAGS_FOLDER, make_dag_bag

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag


@pytest.fixture(scope="session")
def dag_bag() -> DagBag:
    """Parse the project's DAG files as Airflow does."""
    return make_dag_bag(DAGS_FOLDER)
