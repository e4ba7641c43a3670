"""Connections to examine, whole ones and broken ones, and what an examination gives."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from keywatch_airflow import aws_session
from keywatch_airflow.cli import main
from localcloud import LocalCloud
from localcloud.airflow_home import connections
from tests.keywatch_airflow.conftest import Connect

Json = dict[str, Any]

CERTIFICATE: Final = "keyvault_certificate_default"
RULE: Final = "azure_logs_ingestion_default"
WORKSPACE: Final = "azure_data_collector_default"
AWS: Final = "aws_default"
STOCK: Final = "aws_stock"
FILE: Final = "on_premises_certificate"

LOOKS_SECRET: Final = re.compile(
    r"\bey[A-Za-z0-9_-]{16,}|[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/_-]{80,}|\bA[KS]IA[A-Z0-9]{12,}"
)
"""A token, an HMAC in base64, a longer signature or key, or an access key id."""


@dataclass
class Setup:
    """A local cloud and the connections to it, to be altered."""

    cloud: LocalCloud
    monkeypatch: pytest.MonkeyPatch
    connections: dict[str, Json] = field(default_factory=dict)

    def extras(self, conn_id: str) -> Json:
        """Give a connection's extras."""
        extra: Json = self.connections[conn_id]["extra"]
        return extra

    def transport(self, **changes: Any) -> None:  # noqa: ANN401 - JSON
        """Change the way of every connection of Azure's."""
        for each in self.connections.values():
            if "transport" in each["extra"]:
                each["extra"]["transport"] = each["extra"]["transport"] | changes

    def way_to_aws(self, **changes: Any) -> None:  # noqa: ANN401 - JSON
        """Change the way of the stock connections."""
        for conn_id in (AWS, STOCK):
            self.connections[conn_id]["extra"] |= changes


@dataclass
class Examination:
    """What a run of the command gave.

    Attributes:
        code: The exit code.
        output: What it printed, on both streams.
        document: The same parsed, if it was asked for as JSON.
    """

    code: int
    output: str
    document: Json

    @property
    def failed(self) -> list[Json]:
        """The steps that failed."""
        return self.ended("failed")

    def ended(self, state: str) -> list[Json]:
        """Give the steps that ended so."""
        return [each for each in self.document["steps"] if each["state"] == state]

    def named(self, name: str) -> list[Json]:
        """Give the steps of a name."""
        return [each for each in self.document["steps"] if each["step"] == name]


Examine = Callable[..., Examination]


@pytest.fixture
def setup(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Setup:
    """Give good connections of every kind."""
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)
    aws_session._sessions.cache_clear()
    good: dict[str, Json] = json.loads(json.dumps(connections(cloud)))
    way = {name: good[AWS]["extra"][name] for name in ("region_name", "verify", "config_kwargs")}
    good[STOCK] = {
        "conn_type": "aws",
        "login": cloud.aws.access_key_id,
        "password": cloud.aws.secret_access_key,
        "extra": way,
    }
    for each in good.values():
        each.setdefault("extra", {})
    return Setup(cloud, monkeypatch, good)


@pytest.fixture
def examine(setup: Setup, connect: Connect, capsys: pytest.CaptureFixture[str]) -> Examine:
    """Give a function that examines one of the connections as they are by then."""

    def run(conn_id: str, *arguments: str) -> Examination:
        for each, connection in setup.connections.items():
            connect(each, connection)
        code = main(["doctor", conn_id, *arguments])
        out, err = capsys.readouterr()
        return Examination(code, out + err, json.loads(out) if "--json" in arguments else {})

    return run


def secrets_of(cloud: LocalCloud) -> list[str]:
    """List what must be in no output."""
    return [
        cloud.workspace.shared_key,
        cloud.second_workspace.shared_key,
        str(cloud.aws.secret_access_key),
        cloud.azure.identity_header,
        *cloud.session_secrets(),
    ]
