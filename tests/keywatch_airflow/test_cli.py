"""The command `keywatch` as people start it: where connections are found, exit codes, and what is printed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme

from keywatch_airflow.cli import main
from localcloud.airflow_home import airflow, airflow_environment
from tests.keywatch.loopback import LoopbackProxy, server_context
from tests.keywatch_airflow.doctoring import CERTIFICATE, WORKSPACE, Examine, Setup, examine, setup

__all__ = ["examine", "setup"]  # fixtures

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(setup: Setup, tmp_path: Path) -> dict[str, str]:
    """Give the environment of a machine with an Airflow home, and without connections."""
    return airflow_environment(tmp_path / "home", {}) | setup.cloud.identity_environment()


def keywatch(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Start the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "keywatch_airflow.cli", *arguments],
        env=dict(environment),
        check=False,
        text=True,
        capture_output=True,
    )


def with_connections(environment: Mapping[str, str], connections: Mapping[str, Any]) -> dict[str, str]:
    """Put connections into an environment."""
    return dict(environment) | {f"AIRFLOW_CONN_{name.upper()}": json.dumps(each) for name, each in connections.items()}


def test_connection_of_the_environment_is_examined(setup: Setup, environment: dict[str, str]) -> None:
    """A plain command line finds connections of the environment, and prints nothing but its document."""
    ended = keywatch(with_connections(environment, setup.connections), "doctor", WORKSPACE, "--json")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["ok"] is True


def test_connection_of_the_metadata_database_is_examined(setup: Setup, environment: dict[str, str]) -> None:
    """It finds those that were made in the UI as well, which live in Airflow's database."""
    assert airflow(environment, "db", "migrate", capture_output=True).returncode == 0
    described = json.dumps(setup.connections[CERTIFICATE])
    added = airflow(environment, "connections", "add", CERTIFICATE, "--conn-json", described, capture_output=True)
    assert added.returncode == 0, added.stdout

    ended = keywatch(environment, "doctor", CERTIFICATE)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[0] == f"Connection {CERTIFICATE}, of type keyvault_certificate"
    assert "This connection works." in ended.stdout


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["doctor"], ["doctor", "one", "--nonsense"]])
def test_wrong_use_is_told_before_airflow_is_imported(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments end with exit code 2 and a hint."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "usage: keywatch" in capsys.readouterr().err


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_connection_that_is_not_there_has_its_own_exit_code(examine: Examine, form: list[str]) -> None:
    """Nothing was examined, which is told apart from something being broken."""
    found = examine("nobodys", *form)

    assert found.code == 2
    assert "Airflow knows no connection nobodys." in found.output
    assert "metadata database" in " ".join(found.output.split())
    if form:
        assert (found.document["type"], found.document["ok"]) == (None, False)
        assert [each["step"] for each in found.failed] == ["configuration"]


def test_connection_that_cannot_be_read_is_told_from_none(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that Airflow cannot read would count as no connection at all, and nobody would look at it."""
    monkeypatch.setenv("AIRFLOW_CONN_GARBLED", '{"conn_type": "aws"')

    found = examine("garbled")

    assert found.code == 2
    assert "AIRFLOW_CONN_GARBLED is set, but" in found.output


def test_lines_come_without_colors_where_there_is_no_terminal(examine: Examine) -> None:
    """A log file gets plain text, no wider than the terminal that it would have."""
    found = examine(CERTIFICATE)

    assert "\x1b" not in found.output
    assert max(map(len, found.output.splitlines())) <= 100


def test_lines_are_as_wide_as_the_terminal(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text wraps at the terminal's width."""
    monkeypatch.setenv("COLUMNS", "80")

    assert max(map(len, examine(CERTIFICATE).output.splitlines())) <= 80


def test_authority_is_saved_on_request_and_then_trusted(setup: Setup, examine: Examine, tmp_path: Path) -> None:
    """`--save-ca` writes down what an inspecting proxy presents; named as extra_ca_bundle, it is trusted."""
    ca = trustme.CA(organization_name="Proxy", organization_unit_name="Proxy CA")
    context = server_context(ca.issue_cert("127.0.0.1"), ca.cert_pem.bytes())
    saved = tmp_path / "proxy.pem"
    both = tmp_path / "both.pem"
    with LoopbackProxy(setup.cloud.proxy_url, context=context) as proxy:
        setup.transport(proxy=proxy.url)

        before = examine(CERTIFICATE, "--save-ca", str(saved))
        both.write_bytes(setup.cloud.ca_bundle.read_bytes() + saved.read_bytes())
        setup.transport(ca_bundle=None, extra_ca_bundle=str(both))
        after = examine(CERTIFICATE)

    assert (before.code, after.code) == (1, 0)
    assert saved.read_bytes() == ca.cert_pem.bytes()
    assert "--save-ca" in before.output
    assert f"1 saved in {saved}" in before.output


def test_nothing_is_saved_where_nothing_was_untrusted(examine: Examine, tmp_path: Path) -> None:
    """A file is only made where there is something to put into it."""
    found = examine(CERTIFICATE, "--save-ca", str(tmp_path / "ca.pem"))

    assert found.code == 0
    assert "nothing to save" in found.output
    assert not (tmp_path / "ca.pem").exists()


@pytest.mark.parametrize("place", ["there.pem", "nowhere/ca.pem"])
def test_file_that_cannot_be_made_is_refused_at_once(examine: Examine, tmp_path: Path, place: str) -> None:
    """No file is overwritten, and nobody waits for an examination whose result cannot be saved."""
    (tmp_path / "there.pem").touch()

    found = examine(CERTIFICATE, "--save-ca", str(tmp_path / place))

    assert found.code == 2
    assert "cannot be made" in found.output
