"""docs/azure-setup.md, followed to the first rows: its own commands, in its own order, in one shell."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import pytest

from keywatch import errors
from localcloud import LocalCloud, LocalCloudError, Seed
from localcloud.airflow_home import airflow_environment
from localcloud.azure.roles import AZURE_READER, ROLES
from tests.azure.deployment import APPLICATION_OBJECT, PARAMETERS, PROJECT, deployed
from tests.azure.fake_az import COMMANDS
from tests.bicep import evaluate, role_assignments

PAGE: Final = (PROJECT / "docs/azure-setup.md").read_text(encoding="utf-8")
ALERTS_PAGE: Final = (
    (PROJECT / "docs/monitoring.md").read_text(encoding="utf-8").split("## Alerts")[1].split("\n## ")[0]
)
BLOCKS: Final = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
KEPT: Final = {"certificateName", "location", "workspaceKeySecretName"}
"""Parameters that are not renamed: the local cloud's certificate, and what is no name."""


@dataclass(frozen=True)
class Followed:
    """What came of following the page: the shell, each call of `az`, and the names in the parameter file."""

    shell: subprocess.CompletedProcess[str]
    calls: list[list[str]]
    names: dict[str, Any]
    cloud: LocalCloud
    checkout: Path


def renamed(folder: Path) -> dict[str, Any]:
    """Give everything in a copy of the parameter file a name of its own, and return the names."""
    file = folder / PARAMETERS.relative_to(PROJECT)
    content = json.loads(file.read_text(encoding="utf-8"))
    for number, (name, parameter) in enumerate(content["parameters"].items()):
        if isinstance(parameter["value"], str) and name not in KEPT:
            parameter["value"] = f"own-{number}"
    file.write_text(json.dumps(content), encoding="utf-8")
    return {name: parameter["value"] for name, parameter in content["parameters"].items()}


def environment(folder: Path, cloud: LocalCloud) -> dict[str, str]:
    """Give the environment of whoever follows the page: signed in to both clouds, behind a proxy, with a fake `az`."""
    bin_folder, state = folder / "bin", folder / "az"
    bin_folder.mkdir()
    state.mkdir()
    (state / "cloud.json").write_text(json.dumps(str(cloud.state_dir)), encoding="utf-8")
    az = bin_folder / "az"
    az.write_text(f'#!/bin/sh\nexec env PYTHONPATH="{PROJECT}" {sys.executable} -m tests.azure.fake_az "$@"\n')
    az.chmod(0o755)
    home = folder / "airflow"
    home.mkdir()
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env = airflow_environment(home, {}, inherited) | cloud.identity_environment()
    del env["AIRFLOW__CORE__DAGS_FOLDER"]  # which the page sets
    key = {
        "AWS_ACCESS_KEY_ID": cloud.aws.access_key_id or "",
        "AWS_SECRET_ACCESS_KEY": cloud.aws.secret_access_key or "",
    }
    bundle = str(cloud.ca_bundle)
    trust = {"HTTPS_PROXY": cloud.proxy_url, "REQUESTS_CA_BUNDLE": bundle, "AWS_CA_BUNDLE": bundle}
    more = {"NO_PROXY": "127.0.0.1", "AWS_DEFAULT_REGION": cloud.aws.region, "FAKE_AZ": str(state)}
    return env | key | trust | more | {"PATH": f"{bin_folder}:{env['PATH']}"}


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    """Follow the page from its first command to its last, with a parameter file that has names of its own."""
    folder = tmp_path_factory.mktemp("setup")
    checkout = folder / "checkout"
    for part in ("dags", "include/infra", "include/kql"):
        shutil.copytree(PROJECT / part, checkout / part, ignore=shutil.ignore_patterns("node_modules"))
    names = renamed(checkout)
    with LocalCloud(folder / "localcloud", Seed(accounts=1, users=6)) as cloud:
        for subscription in cloud.azure.subscription_ids:
            cloud.revoke("keywatch", AZURE_READER, f"/subscription/{subscription}")
        command = ["bash", "-eu"]
        shell = subprocess.run(
            command,
            input="\n".join(BLOCKS),
            cwd=checkout,
            env=environment(folder, cloud),
            capture_output=True,
            text=True,
            check=False,
        )
        lines = (folder / "az" / "calls.ndjson").read_text(encoding="utf-8").splitlines()
        yield Followed(shell, [json.loads(line) for line in lines], names, cloud, checkout)


def test_page_leads_to_the_first_rows(followed: Followed) -> None:
    """No command fails or names what is not defined, and the last query prints every key of the account."""
    assert followed.shell.returncode == 0, followed.shell.stdout[-3000:] + followed.shell.stderr[-3000:]
    keys = {f"{key.access_key_id[:4]}...{key.access_key_id[-4:]}" for key in followed.cloud.keys()}
    assert {row["AccessKeyId_s"] for row in printed(followed) if "AccessKeyId_s" in row} - {""} == keys
    assert len(keys) > 1


def printed(followed: Followed) -> list[dict[str, Any]]:
    """Give the rows of the tables that commands have printed."""
    return [json.loads(line) for line in followed.shell.stdout.splitlines() if line.startswith("{")]


def test_page_leads_to_the_first_events(followed: Followed) -> None:
    """With the role of the page, the chosen subscription is read, and no other; in the end the role is gone."""
    [*_, subscriptions] = [block for block in BLOCKS if "SUBSCRIPTIONS=" in block]
    events, machines = (followed.cloud.rows(name) for name in ("Azure_Activity_CL", "Azure_Virtual_Machine_CL"))

    assert "az account show" in subscriptions
    assert {row["SubscriptionId_s"] for row in events + machines} == {followed.cloud.azure.subscription_id}
    assert sum(row["Events"] for row in printed(followed) if "Events" in row) == len(events) > 1
    assert len(machines) > 1
    with pytest.raises(LocalCloudError):
        followed.cloud.revoke("keywatch", AZURE_READER, f"/subscription/{followed.cloud.azure.subscription_id}")


def test_page_names_the_actions_of_the_role() -> None:
    """The table has what Bicep lets the application do on a subscription, as does the local cloud's role."""
    table = PAGE.split("<!-- actions -->")[1].split("\n\n")[0]
    made = evaluate(
        PROJECT / "include/infra/azure/subscription.bicep", given={"applicationObjectId": APPLICATION_OBJECT}
    )
    [role] = [each for each in made.resources if each.type == "Microsoft.Authorization/roleDefinitions"]
    properties: Any = role.body["properties"]
    [permissions] = properties["permissions"]

    assert re.findall(r"^\| `(Microsoft\.[\w./]+)`", table, re.MULTILINE) == permissions["actions"]
    assert sorted(permissions["actions"]) == sorted(ROLES[AZURE_READER].actions)
    assert permissions["notActions"] == []
    assert properties["assignableScopes"] == [made.scope.id]
    assert made.scope.id.rpartition("/")[2] in properties["roleName"]
    assert [(each.principal, each.scope) for each in role_assignments(made.resources)] == [
        (APPLICATION_OBJECT, made.scope.id)
    ]


def test_every_name_comes_from_the_parameter_file(followed: Followed) -> None:
    """No command names anything but what the parameter file, an earlier answer or Azure itself names."""
    committed = json.loads(PARAMETERS.read_text(encoding="utf-8"))["parameters"]
    elsewhere = {each["value"] for name, each in committed.items() if isinstance(each["value"], str)} - {""}
    own = {name: value for name, value in followed.names.items() if str(value) == value}
    words = [word for call in followed.calls for word in call]

    assert [word for word in words if word in elsewhere - set(own.values())] == []
    used = {name for name, value in own.items() if value in words}
    assert used >= {"location", "resourceGroupName", "workspaceName", "vaultName", "certificateName", "applicationName"}


def test_page_says_what_each_parameter_is() -> None:
    """The table has every parameter of the file, and no other."""
    table = PAGE.split("| parameter | what it is |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(
        json.loads(PARAMETERS.read_text(encoding="utf-8"))["parameters"]
    )


def test_every_command_that_is_known_is_used(followed: Followed) -> None:
    """The fake knows no command that the page does not need."""
    used = {" ".join(takewhile(lambda word: not word.startswith("-"), call)) for call in followed.calls}
    assert used == set(COMMANDS)


def test_migrated_table_keeps_its_columns(followed: Followed, tmp_path: Path) -> None:
    """The columns that the page notes are deployed again, beside ours; ours are there once."""
    present = followed.checkout / "include/infra/azure/present-columns.json"
    shutil.copytree(followed.checkout / "include", tmp_path / "include")
    kept = json.loads(present.read_text(encoding="utf-8"))
    kept["AWS_Access_Key_Report_CL"].append({"name": "user_s", "type": "String"})
    (tmp_path / present.relative_to(followed.checkout)).write_text(json.dumps(kept), encoding="utf-8")

    deployment = deployed(tmp_path, newWorkspace=False)

    [table] = [each for each in deployment.resources if each.name.endswith("/AWS_Access_Key_Report_CL")]
    properties: Any = table.body["properties"]
    columns = [(each["name"], each["type"]) for each in properties["schema"]["columns"]]
    assert ("user_g", "guid") in columns
    assert [column for column in columns if column[0] == "user_s"] == [("user_s", "string")]
    made = [each for each in deployment.resources if each.type == "Microsoft.OperationalInsights/workspaces"]
    assert all(each.existing for each in made)


def test_page_tells_of_every_alert() -> None:
    """The table of alerts has title, query, interval and severity as they are deployed."""
    rows = {
        (cells[0], int(cells[2].removesuffix(" h")), int(cells[3])): re.findall(r"`(\w+\.kql)`", cells[1])
        for cells in (line.strip("| ").split(" | ") for line in PAGE.splitlines() if re.match(r"\|.*\| \d+ h \|", line))
    }
    alerts = [
        each for each in deployed(watchActivity=True).resources if each.type == "Microsoft.Insights/scheduledQueryRules"
    ]
    found = {}
    for alert in alerts:
        properties: Any = alert.body["properties"]
        query = properties["criteria"]["allOf"][0]["query"]
        hours = int(properties["evaluationFrequency"].removeprefix("PT").removesuffix("H"))
        files = [file.name for file in (PROJECT / "include/kql").glob("*.kql") if query.startswith(file.read_text())]
        found[properties["displayName"], hours, properties["severity"]] = files
    assert rows == found


def test_every_alert_has_its_answer() -> None:
    """Another page says of each alert what to do."""
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", ALERTS_PAGE, re.MULTILINE)
    alerts = [each for each in deployed(watchActivity=True).resources if each.type.endswith("/scheduledQueryRules")]
    titles = {each.body["properties"]["displayName"] for each in alerts}  # type: ignore[index]
    assert titles == set(rows) - {"alert"}


def test_page_names_what_exists() -> None:
    """Links, files, functions and errors that the page names are there."""
    links = [PROJECT / "docs" / each for each in re.findall(r"\]\((?!https?:)([^)#]+)", PAGE)]
    paths = [PROJECT / each for each in re.findall(r"`((?:docs|include)/[\w./-]+)`", PAGE)]
    modules = [PROJECT / "include/infra/azure" / each for each in re.findall(r"`(\w+\.bicep)`", PAGE)]
    queries = [PROJECT / "include/kql" / each for each in re.findall(r"`(\w+\.kql)`", PAGE)]
    functions = [PROJECT / "include/kql/functions" / f"{each}.kql" for each in re.findall(r"`(\w+)\(\)`", PAGE)]

    assert min(map(len, (links, paths, modules, queries, functions))) > 0
    assert [each for each in links + paths + modules + queries + functions if not each.exists()] == []
    assert [each for each in re.findall(r"`(\w+Error)`", PAGE) if not hasattr(errors, each)] == []
