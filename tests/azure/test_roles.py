"""Least privilege: Bicep, documentation and the local cloud's RBAC know the same roles, each of which is needed."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Final

import pytest

from localcloud import LocalCloud, Seed
from localcloud.airflow_home import airflow
from localcloud.azure.cloud import FIRST_GRANTS
from tests.airflow.conftest import DAG_ID, Home, make_home
from tests.azure.deployment import PROJECT, deployed, roles

PAGE: Final = (PROJECT / "docs/azure-setup.md").read_text(encoding="utf-8")
PRINCIPALS: Final = {"worker": "airflow-worker", "application": "keywatch"}
SCOPES: Final = {
    "vaults": "/vault",
    "vaults/secrets": "/vault/secrets/workspace-key",
    "dataCollectionRules": "/dcr",
}
"""The local cloud's scopes, by the types of the resources."""
TYPES: Final = {
    "the vault": "vaults",
    "the secret `workspaceKeySecretName`, if one is named": "vaults/secrets",
    "the data collection rule": "dataCollectionRules",
}
"""The types of the resources, by their names in the documentation."""


def documented() -> set[tuple[str, str, str]]:
    """Give the rows of the table of roles."""
    match = re.search(r"<!-- roles -->\n((?:\|.*\n)+)", PAGE)
    assert match
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in match[1].splitlines()[2:]]
    return {(who.removeprefix("the "), role, TYPES[on]) for who, role, on, _ in rows}


NEEDED: Final = sorted(documented())


def test_deployment_assigns_the_documented_roles() -> None:
    """Bicep assigns what the table says, no more; the role on a secret only if one is named."""
    assert roles(deployed(workspaceKeySecretName="workspace-key")) == set(NEEDED)
    assert roles(deployed()) == {each for each in NEEDED if each[2] != "vaults/secrets"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Make an Airflow on a small local cloud where nobody holds any role but those documented."""
    folder = tmp_path_factory.mktemp("roles")
    with LocalCloud(folder / "localcloud", Seed(accounts=2, users=4, auditor_key=False)) as cloud:
        home = make_home(folder / "home", cloud)
        for name, role, scope in FIRST_GRANTS:
            cloud.revoke(name, role, scope)
        for who, role, on in NEEDED:
            cloud.grant(PRINCIPALS[who], role, SCOPES[on])
        yield home


def report(home: Home) -> subprocess.CompletedProcess[str]:
    """Run the report as the demo does: the whole organisation, to one workspace, with a copy to the other."""
    conf = {"organization": True, "role_name": home.cloud.aws.role_name, "copy_conn_id": "azure_data_collector_default"}
    return airflow(home.env, "dags", "test", DAG_ID, "-c", json.dumps(conf), capture_output=True)


def test_documented_roles_are_enough(home: Home) -> None:
    """With these roles and no others, the report succeeds."""
    finished = report(home)
    assert finished.returncode == 0, finished.stdout[-3000:]


@pytest.mark.parametrize(("who", "role", "on"), NEEDED)
def test_no_documented_role_can_be_spared(home: Home, who: str, role: str, on: str) -> None:
    """Without one of the roles, the report fails, and the error says to grant just that one."""
    home.cloud.revoke(PRINCIPALS[who], role, SCOPES[on])
    try:
        finished = report(home)
    finally:
        home.cloud.grant(PRINCIPALS[who], role, SCOPES[on])

    others = {other for _, other, _ in NEEDED} - {role}
    errors = re.findall(r"^keywatch\.errors\.\w+: .*", finished.stdout + finished.stderr, re.MULTILINE)
    assert finished.returncode != 0
    assert [error for error in errors if role in error]
    assert [error for error in errors if any(other in error for other in others)] == []
