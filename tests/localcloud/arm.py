"""A hand-made client of the local cloud's Resource Manager, which follows links without thinking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import requests

from tests.localcloud.azure import MANAGEMENT, Azure

READER: Final = "Keywatch Azure Reader"
IDENTITY: Final = "airflow-worker"
PAGES: Final = 200
"""After which a listing that does not end is left alone."""


def moment(days_ago: float) -> str:
    """Write the moment so many days ago as the activity log's filter has it."""
    return f"{datetime.now(UTC) - timedelta(days=days_ago):%Y-%m-%dT%H:%M:%S.%f}0Z"


def since(days_ago: float, until: float | None = None, more: str = "") -> str:
    """Write a filter of the activity log: from so many days ago on, perhaps until so many days ago, and what more."""
    end = "" if until is None else f" and eventTimestamp le '{moment(until)}'"
    return f"eventTimestamp ge '{moment(days_ago)}'{end}{more}"


@dataclass(frozen=True)
class Arm:
    """Requests to Resource Manager with one token."""

    azure: Azure
    token: str

    def get(self, path: str, query: dict[str, str] | None = None) -> requests.Response:
        """Ask for a path, or for a whole link."""
        url = path if path.startswith("https:") else f"{MANAGEMENT}{path}"
        return self.azure.ask("GET", url, self.token, query=query)

    def subscriptions(self, **query: str) -> requests.Response:
        """List subscriptions."""
        return self.get("/subscriptions", {"api-version": "2022-12-01"} | query)

    def machines(self, subscription_id: str, **query: str) -> requests.Response:
        """List the virtual machines of a subscription."""
        path = f"/subscriptions/{subscription_id}/providers/Microsoft.Compute/virtualMachines"
        return self.get(path, {"api-version": "2024-07-01"} | query)

    def activity(self, subscription_id: str, text: str | None = None, select: str | None = None) -> requests.Response:
        """List the activity log of a subscription, by default of the last 80 days."""
        path = f"/subscriptions/{subscription_id}/providers/Microsoft.Insights/eventtypes/management/values"
        chosen = {} if select is None else {"$select": select}
        query = {"api-version": "2015-04-01", "$filter": since(80) if text is None else text}
        return self.get(path, query | chosen)

    def pages(self, first: requests.Response) -> list[list[dict[str, Any]]]:
        """Follow the links of a listing, and give what is on each page, up to so many pages."""
        pages: list[list[dict[str, Any]]] = []
        answer = first.json()
        while len(pages) < PAGES:
            pages.append(answer["value"])
            if "nextLink" not in answer:
                break
            answer = self.get(answer["nextLink"]).json()
        return pages

    def items(self, first: requests.Response) -> list[dict[str, Any]]:
        """Follow the links of a listing, and give all that is on its pages."""
        return [item for page in self.pages(first) for item in page]


def insights_error(response: requests.Response) -> tuple[int, str, str]:
    """Read the status, code and message of a refusal by the activity log, which has a form of its own."""
    error = response.json()
    return response.status_code, error["Code"], error["Message"]
