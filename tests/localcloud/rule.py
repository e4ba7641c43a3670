"""A rule with one stream of every type of column, and a caller who may send to it what no SDK would."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
from azure.identity import ManagedIdentityCredential
from azure.monitor.ingestion import LogsIngestionClient

from localcloud import LocalCloud

MONITOR = "https://monitor.azure.com"
ROLE = "Monitoring Metrics Publisher"
API_VERSION = {"api-version": "2023-01-01"}
MIB = 1024 * 1024
LOG_FIELDS = ("account", "log_type", "records", "record_ids", "body_bytes", "raw_bytes")

TABLE: dict[str, Any] = {
    "properties": {
        "plan": "Analytics",
        "totalRetentionInDays": 30,
        "schema": {
            "name": "Test_CL",
            "columns": [
                {"name": "TimeGenerated", "type": "dateTime"},
                {"name": "RecordId_s", "type": "string"},
                {"name": "s", "type": "string"},
                {"name": "i", "type": "int"},
                {"name": "l", "type": "long"},
                {"name": "r", "type": "real"},
                {"name": "b", "type": "boolean"},
                {"name": "t", "type": "dateTime"},
                {"name": "g", "type": "guid"},
                {"name": "d", "type": "dynamic"},
            ],
        },
    }
}
STREAM: dict[str, Any] = {
    "columns": [
        {"name": "TimeGenerated", "type": "datetime"},
        {"name": "RecordId_s", "type": "string"},
        {"name": "s", "type": "string"},
        {"name": "i", "type": "int"},
        {"name": "l", "type": "long"},
        {"name": "r", "type": "real"},
        {"name": "b", "type": "boolean"},
        {"name": "t", "type": "datetime"},
        {"name": "g", "type": "string"},
        {"name": "d", "type": "dynamic"},
    ]
}
RULE: dict[str, Any] = {
    "kind": "Direct",
    "properties": {
        "streamDeclarations": {"Custom-Test": STREAM},
        "dataFlows": [
            {
                "streams": ["Custom-Test"],
                "destinations": ["workspace"],
                "transformKql": "source",
                "outputStream": "Custom-Test_CL",
            }
        ],
    },
}
Change = Callable[[dict[str, Any]], object]


def changed(body: dict[str, Any], change: Change) -> dict[str, Any]:
    """Give a copy of a definition with something changed."""
    altered = copy.deepcopy(body)
    change(altered)
    return altered


@dataclass(frozen=True)
class Sender:
    """A caller with the role, who can send what no SDK would."""

    cloud: LocalCloud
    credential: ManagedIdentityCredential
    session: requests.Session = field(default_factory=requests.Session)

    def token(self, resource: str = MONITOR) -> str:
        """Get a token of the machine's managed identity."""
        return str(self.credential.get_token(f"{resource}/.default").token)

    def client(self, **options: Any) -> LogsIngestionClient:  # noqa: ANN401 - whatever the SDK takes
        """Make the official client, which tries once."""
        return LogsIngestionClient(
            self.cloud.logs_ingestion.endpoint,
            self.credential,
            proxies={"https": self.cloud.proxy_url},
            connection_verify=str(self.cloud.ca_bundle),
            retry_total=0,
            **options,
        )

    def send(
        self,
        body: bytes | list[dict[str, Any]],
        *,
        stream: str = "Custom-Test",
        rule: str | None = None,
        method: str = "POST",
        query: dict[str, str] | None = None,
        authorization: str | None = None,
        **headers: str | None,
    ) -> requests.Response:
        """Send a body; headers are named with _ for -, and None leaves one out."""
        given: dict[str, str | None] = {"Content-Type": "application/json"}
        given["Authorization"] = authorization or f"Bearer {self.token()}"
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        access = self.cloud.logs_ingestion
        return self.session.request(
            method,
            f"{access.endpoint}/dataCollectionRules/{rule or access.rule_id}/streams/{stream}",
            params=API_VERSION if query is None else query,
            data=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={name: value for name, value in given.items() if value is not None},
            timeout=60,
        )

    def refusal(self, response: requests.Response) -> tuple[int, str]:
        """Give status and code of a refusal, after which nothing may be stored."""
        error = response.json()["error"]
        assert error["code"] == response.headers["x-ms-error-code"]
        assert error["message"]
        assert self.cloud.rows("Test_CL") == []
        assert self.cloud.requests(action="POST logs")[-1].error == error["code"]
        return response.status_code, str(error["code"])
