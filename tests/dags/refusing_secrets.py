"""A secrets backend of Airflow's, asked before any other, that refuses every question."""

from __future__ import annotations

from typing import NoReturn

from airflow.secrets.base_secrets import BaseSecretsBackend

from tests.dags.parse_alone import refuse


class RefusingSecrets(BaseSecretsBackend):
    """Refuses every connection and every variable."""

    def get_connection(self, conn_id: str, team_name: str | None = None) -> NoReturn:
        """Refuse a connection."""
        del team_name
        refuse(f"connection {conn_id}")

    def get_variable(self, key: str, team_name: str | None = None) -> NoReturn:
        """Refuse a variable."""
        del team_name
        refuse(f"variable {key}")
