"""mitmproxy before a local cloud, and connections that lead through it."""

from __future__ import annotations

import tests.keywatch_airflow.home  # noqa: F401 - first: Airflow reads its home when it is imported

# isort: split

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.providers.amazon.aws.hooks import base_aws  # noqa: F401 - first: it imports the session factory itself

from localcloud import LocalCloud, Seed
from tests.proxy.mitm import Mitm

AMBIENT = (
    *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_PROFILE", "AWS_SESSION_TOKEN"),
)
SEED = Seed(accounts=3, users=40, virtual_machines=60, activity_events=300)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let `make test-proxy` have everything below this folder, and no other target."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.proxy)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting of the machine's reach a test."""
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(scope="session")
def proxied_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """Start a local cloud for the whole session."""
    with LocalCloud(tmp_path_factory.mktemp("proxied") / "localcloud", SEED) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def running_proxy(proxied_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mitm]:
    """Start mitmproxy before it."""
    with Mitm(proxied_cloud, tmp_path_factory.mktemp("mitm")) as mitm:
        yield mitm


@pytest.fixture
def mitm(running_proxy: Mitm, proxied_cloud: LocalCloud) -> Mitm:
    """Give the proxy, which has seen nothing yet, before a local cloud as freshly seeded."""
    proxied_cloud.reset()
    running_proxy.forget()
    return running_proxy
