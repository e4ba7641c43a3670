"""Who may see the page: whoever Airflow's auth manager lets read the report's DAG."""

from __future__ import annotations

from typing import Final

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, Request

DAG_ID: Final = "access_key_report"

FINDINGS_DAG_ID: Final = "access_key_findings"


def _remember(request: Request) -> None:
    request.state.let_in = True


GUARDS: Final = (
    Depends(requires_access_dag(method="GET", param_dag_id=DAG_ID)),
    Depends(_remember),  # only reached by those whom the first lets in
)
"""What every route depends on, in this order."""


def is_let_in(request: Request) -> bool:
    """Tell whether a request has passed the guards, so that its answer may refer to what they guard."""
    return getattr(request.state, "let_in", False)
