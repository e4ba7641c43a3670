"""Airflow's REST API, asked as one of the users that its simple auth manager makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import requests

ADMIN: Final = "admin"


class AirflowApi:
    """The API server of an Airflow on loopback.

    Args:
        url: Of the API server.
        home: Its `AIRFLOW_HOME`, where it writes the password that it made.
    """

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self._home = home

    @property
    def password(self) -> str:
        """The password of user `admin`, which Airflow made."""
        return self.password_of(ADMIN)

    def password_of(self, user: str) -> str:
        """Return the password of a user, which Airflow made."""
        file = self._home / "simple_auth_manager_passwords.json.generated"
        return str(json.loads(file.read_text(encoding="utf-8"))[user])

    def api(self, method: str, path: str, *, base: str = "/api/v2", user: str = ADMIN, **options: Any) -> Any:  # noqa: ANN401 - JSON
        """Ask Airflow's REST API, and return its JSON.

        Args:
            method: HTTP method.
            path: Below `base`.
            base: `/api/v2`, or `/ui` for what only Airflow's own pages ask.
            user: Who asks.
            options: For `requests.request`.

        Raises:
            requests.HTTPError: The API refuses; its answer is in the message.
        """
        with requests.Session() as session:
            session.trust_env = False
            login = {"username": user, "password": self.password_of(user)}
            token = session.post(f"{self.url}/auth/token", json=login, timeout=30).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            answer = session.request(method, f"{self.url}{base}{path}", headers=headers, timeout=60, **options)
        if not answer.ok:
            raise requests.HTTPError(f"{method} {path}: {answer.status_code} {answer.text}", response=answer)
        return answer.json() if answer.content else None
