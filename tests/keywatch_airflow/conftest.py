"""Connections and settings for tests of the plugin: from the environment, into a home of this process's own."""

from __future__ import annotations

import tests.keywatch_airflow.home  # noqa: F401 - first: Airflow reads its home when it is imported

# isort: split

import json
import socket
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trustme
from airflow.providers.amazon.aws.hooks import base_aws  # noqa: F401 - first: it imports the session factory itself

from keywatch_airflow import aws_session
from localcloud import LocalCloud
from localcloud.airflow_home import connections

Connect = Callable[[str, Mapping[str, Any]], str]

AMBIENT = (
    *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_PROFILE", "AWS_SESSION_TOKEN"),
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting of the machine's reach a test."""
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Give a function that makes a connection of an id and its JSON form, and returns the id."""

    def make(conn_id: str, connection: Mapping[str, Any]) -> str:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        return conn_id

    return make


@pytest.fixture
def collector(cloud: LocalCloud) -> dict[str, Any]:
    """Give a good connection to the workspace without declared tables, in JSON form, to be altered."""
    workspace = cloud.second_workspace
    transport = connections(cloud)["azure_data_collector_default"]["extra"]["transport"]
    return {
        "conn_type": "azure_data_collector",
        "login": workspace.id,
        "password": workspace.shared_key,
        "extra": {"transport": transport},
    }


@pytest.fixture
def aws(cloud: LocalCloud) -> dict[str, Any]:
    """Give a good stock connection to the local cloud's first AWS account, in JSON form, to be altered."""
    extra = {
        name: connections(cloud)["aws_default"]["extra"][name] for name in ("region_name", "verify", "config_kwargs")
    }
    key = {"login": cloud.aws.access_key_id, "password": cloud.aws.secret_access_key}
    return {"conn_type": "aws", "extra": extra} | key


@pytest.fixture
def aws_by_certificate(cloud: LocalCloud, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give a good connection to the same account that holds no key, in JSON form, to be altered."""
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)
    connect("keyvault_certificate_default", connections(cloud)["keyvault_certificate_default"])
    aws_session._sessions.cache_clear()  # of the test before, which the local cloud has forgotten
    return connections(cloud)["aws_default"]


@pytest.fixture
def allow_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Airflow's configuration allow laboratories."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__ALLOW_LAB", "True")


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """Give what is logged while a test runs, as structlog's events."""
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture
def stranger_ca(tmp_path: Path) -> Path:
    """Give a certificate authority that signed nothing here."""
    path = tmp_path / "stranger.pem"
    trustme.CA(organization_name="Stranger").cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def closed_port() -> int:
    """Give a port of this machine that nothing listens on."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])
