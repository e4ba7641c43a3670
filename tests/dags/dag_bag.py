"""Airflow's DagBag, behind one function: the class has moved and changed its arguments between Airflow's releases."""

from __future__ import annotations

import tests.keywatch_airflow.home  # noqa: F401 - first: Airflow reads its home when it is imported

# isort: split

from pathlib import Path
from typing import Final

from airflow.dag_processing.dagbag import DagBag

DAGS_FOLDER: Final = Path(__file__).resolve().parents[2] / "dags"
DAG_FILES: Final = sorted(DAGS_FOLDER.glob("**/*.py"))


def make_dag_bag(folder: Path) -> DagBag:
    """Parse every file of a folder, those included that do not look like DAGs."""
    return DagBag(dag_folder=folder, safe_mode=False)
