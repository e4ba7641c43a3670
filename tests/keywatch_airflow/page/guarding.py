"""An auth manager that lets one user read everything but the report's DAG."""

from __future__ import annotations

from typing import Final

from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

DENIED: Final = "mallory"


class GuardingAuthManager(SimpleAuthManager):
    """Airflow's simple auth manager, but for one DAG and one user."""

    def is_authorized_dag(
        self,
        *,
        method: ResourceMethod,
        user: SimpleAuthManagerUser,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Decide as Airflow does, but for one."""
        if user.username == DENIED and details is not None and details.id == "access_key_report":
            return False
        return super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
