"""Azure's command line, as far as docs/azure-setup.md uses it: strict about commands and options, and true to Bicep.

python -m tests.azure.fake_az <command and options of az>

It stands for a subscription whose resources are those of a local cloud. What it knows lies in the folder `FAKE_AZ`:
`cloud.json` says where the local cloud is, `calls.ndjson` gets every command, `deployment.json` the last deployment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import jmespath

from localcloud import LocalCloud
from tests.azure.deployment import APPLICATION_OBJECT, WORKER
from tests.bicep import Deployment, Runtime, Target, evaluate, role_assignments
from tests.bicep.kinds import BUILT_IN_ROLES

FOLDER: Final = Path(os.environ.get("FAKE_AZ", "."))
PRINCIPAL: Final = FOLDER / "service-principal"
"""There once the application has one."""
OFFICER: Final = FOLDER / "certificates-officer"
"""There as long as whoever has signed in may make certificates."""
CUSTOM_ROLES: Final = FOLDER / "custom-roles"
"""A file for each, which says to whom it is assigned."""
NOBODY: Final = "00000000-0000-4000-8000-000000000000"
Answer = dict[str, Any]
GLOBAL: Final = {"--output", "--query", "--subscription"}
REPEATED: Final = "--parameters"
FLAGS: Final = {"--append"}

COMMANDS: Final[dict[str, set[str]]] = {
    "login": set(),
    "account show": set(),
    "ad app delete": {"--id"},
    "ad app list": {"--display-name"},
    "ad app create": {"--display-name", "--sign-in-audience"},
    "ad app credential reset": {"--id", "--keyvault", "--cert", "--append"},
    "ad sp create": {"--id"},
    "ad sp show": {"--id"},
    "ad signed-in-user show": set(),
    "deployment sub create": {"--name", "--location", "--template-file", "--parameters"},
    "deployment sub show": {"--name"},
    "group create": {"--name", "--location"},
    "group delete": {"--name"},
    "keyvault show": {"--name"},
    "keyvault certificate create": {"--vault-name", "--name", "--policy"},
    "monitor log-analytics query": {"--workspace", "--analytics-query"},
    "monitor log-analytics workspace table show": {"--resource-group", "--workspace-name", "--table-name"},
    "monitor log-analytics workspace table migrate": {"--resource-group", "--workspace-name", "--table-name"},
    "role assignment create": {"--role", "--assignee-object-id", "--assignee-principal-type", "--scope"},
    "role assignment delete": {"--role", "--assignee", "--scope"},
    "role definition delete": {"--name", "--scope"},
}
"""Commands, each with the options that it is given here.

Source: the reference of Azure CLI 2.91, whose own parser took every command of the page.
"""


class UsageError(Exception):
    """The command is none of Azure CLI's, or was given the wrong options."""


@dataclass(frozen=True)
class Command:
    """One call of `az`."""

    name: str
    options: dict[str, str]
    parameters: tuple[str, ...]

    @classmethod
    def read(cls, arguments: list[str]) -> Command:
        """Read a command line.

        Raises:
            UsageError: There is no such command, or it lacks an option or has another one.
        """
        words = list(takewhile(lambda word: not word.startswith("-"), arguments))
        name = " ".join(words)
        if name not in COMMANDS:
            raise UsageError(f"'{name}' is misspelled or not recognized by the system.")
        options: dict[str, str] = {}
        parameters: list[str] = []
        rest = arguments[len(words) :]
        while rest:
            option = rest.pop(0)
            if option == REPEATED:
                while rest and not rest[0].startswith("--"):
                    parameters.append(rest.pop(0))
            options[option] = "" if option in FLAGS | {REPEATED} else rest.pop(0)
        if set(options) - GLOBAL != COMMANDS[name]:
            raise UsageError(f"{name} takes {sorted(COMMANDS[name])}, not {sorted(options)}")
        return cls(name, options, tuple(parameters))


def main() -> int:
    """Run one command; 2 if its usage is wrong, 3 if what it names is not there."""
    with (FOLDER / "calls.ndjson").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps(sys.argv[1:]) + "\n")
    try:
        command = Command.read(sys.argv[1:])
        answer = ANSWERS[command.name](command)
    except UsageError as error:
        print(f"ERROR: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 2
    except LookupError as error:
        print(f"ERROR: not found: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 3
    if answer is not None and command.options.get("--output") != "none":
        print(_written(answer, command))  # noqa: T201 - a command
    return 0


def _written(answer: Any, command: Command) -> str:  # noqa: ANN401 - JSON
    """Write an answer as `--query` and `--output` want it."""
    chosen = jmespath.search(command.options.get("--query", "@"), answer)
    match command.options.get("--output"):
        case "table":
            return "\n".join(json.dumps(row) for row in (chosen if isinstance(chosen, list) else [chosen]))
        case "tsv":
            return str(chosen)
        case _:
            return json.dumps(chosen)


def _cloud() -> LocalCloud:
    return LocalCloud.attach(Path(json.loads((FOLDER / "cloud.json").read_text(encoding="utf-8"))))


def _application(command: Command) -> Answer:
    _same(command.options["--sign-in-audience"], "AzureADMyOrg")
    return {"appId": _cloud().azure.applications["keywatch"].client_id, "id": NOBODY}


def _named_application(command: Command) -> None:
    _same(command.options["--id"], _cloud().azure.applications["keywatch"].client_id)


def _create_principal(command: Command) -> Answer:
    _named_application(command)
    PRINCIPAL.touch(exist_ok=False)
    return _show_principal(command)


def _show_principal(command: Command) -> Answer:
    _named_application(command)
    if not PRINCIPAL.exists():
        raise KeyError(command.options["--id"])
    return {"appId": command.options["--id"], "id": APPLICATION_OBJECT}


def _show_account(command: Command) -> Answer:
    del command
    return {"id": _cloud().azure.subscription_id, "name": "that was chosen"}


def _deploy(command: Command) -> None:
    """Work out what Bicep deploys, assign its custom roles, and keep what later commands ask for."""
    files = [Path(each.removeprefix("@")) for each in command.parameters if each.startswith("@")]
    given = dict(each.split("=", 1) for each in command.parameters if not each.startswith("@"))
    azure = _cloud().azure
    target = Target(azure.tenant_id, command.options.get("--subscription", azure.subscription_id))
    deployment = evaluate(Path(command.options["--template-file"]), next(iter(files), None), given, target)
    for assignment in role_assignments(deployment.resources):
        if assignment.role not in BUILT_IN_ROLES:
            _same(assignment.principal, APPLICATION_OBJECT)
            _cloud().grant("keywatch", _base(assignment.role), _local_scope(assignment.scope))
            CUSTOM_ROLES.mkdir(exist_ok=True)
            (CUSTOM_ROLES / assignment.role).write_text(assignment.principal, encoding="utf-8")
    if deployment.outputs:
        _keep(command, deployment)


def _base(role: str) -> str:
    """Give what a custom role is called where it need not be unlike that of another subscription."""
    return role.partition(" (")[0]


def _local_scope(scope: str) -> str:
    """Give what the local cloud calls a subscription's id."""
    if scope.rpartition("/")[0] != "/subscriptions":
        raise KeyError(scope)
    return f"/subscription/{scope.rpartition('/')[2]}"


def _keep(command: Command, deployment: Deployment) -> None:
    kept = {
        "name": command.options["--name"],
        "outputs": {name: _known(value) for name, value in deployment.outputs.items()},
        "resources": {each.type: each.name for each in deployment.resources if "/" not in each.name},
        "tables": [each.name.rpartition("/")[2] for each in deployment.resources if each.type.endswith("/tables")],
        "vault": _id_of(deployment, "Microsoft.KeyVault/vaults"),
    }
    (FOLDER / "deployment.json").write_text(json.dumps(kept), encoding="utf-8")


def _id_of(deployment: Deployment, kind: str) -> str:
    [found] = [each.id for each in deployment.resources if each.type == kind]
    return found


def _known(value: Any) -> Any:  # noqa: ANN401 - an output
    """Put in what only a deployed resource knows: here, a local cloud."""
    if isinstance(value, dict):
        return {name: _known(each) for name, each in value.items()}
    if not isinstance(value, Runtime):
        return value
    cloud = _cloud()
    return {
        "endpoints.logsIngestion": cloud.logs_ingestion.endpoint,
        "immutableId": cloud.logs_ingestion.rule_id,
        "vaultUri": f"{cloud.azure.vault_url}/",
        "customerId": cloud.workspace.id,
    }[".".join(str(each) for each in value.path[1:])]


def _deployment() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((FOLDER / "deployment.json").read_text(encoding="utf-8"))
    return kept


def _show_deployment(command: Command) -> Answer:
    deployment = _deployment()
    _same(command.options["--name"], deployment["name"])
    return {"properties": {"outputs": {name: {"value": value} for name, value in deployment["outputs"].items()}}}


def _vault(command: Command) -> Answer:
    _same(command.options["--name"], _deployment()["resources"]["Microsoft.KeyVault/vaults"])
    return {"id": _deployment()["vault"], "name": command.options["--name"]}


def _assign(command: Command) -> None:
    _same(command.options["--scope"], _deployment()["vault"])
    _same(command.options["--assignee-object-id"], WORKER)
    _certificates_officer(command)
    OFFICER.touch(exist_ok=False)


def _unassign(command: Command) -> None:
    role = CUSTOM_ROLES / command.options["--role"]
    if not role.exists():
        _unassign_officer(command)
        return
    _same(command.options["--assignee"], role.read_text(encoding="utf-8"))
    _cloud().revoke("keywatch", _base(role.name), _local_scope(command.options["--scope"]))
    role.write_text("", encoding="utf-8")


def _delete_role(command: Command) -> None:
    """Delete a custom role that nobody has any more."""
    role = CUSTOM_ROLES / command.options["--name"]
    if not role.exists() or role.read_text(encoding="utf-8"):
        raise KeyError(role.name)
    _local_scope(command.options["--scope"])
    role.unlink()


def _unassign_officer(command: Command) -> None:
    _same(command.options["--scope"], _deployment()["vault"])
    _same(command.options["--assignee"], WORKER)
    _certificates_officer(command)
    OFFICER.unlink()


def _certificates_officer(command: Command) -> None:
    """See that the role is one that lets its holder make certificates, by its name."""
    _same(BUILT_IN_ROLES[command.options["--role"]], BUILT_IN_ROLES["Key Vault Certificates Officer"])


def _certificate(command: Command) -> None:
    _same(command.options["--vault-name"], _deployment()["resources"]["Microsoft.KeyVault/vaults"])
    if not OFFICER.exists():
        raise KeyError("Key Vault Certificates Officer")
    policy = json.loads(Path(command.options["--policy"].removeprefix("@")).read_text(encoding="utf-8"))
    _same(policy["keyProperties"]["keyType"], "RSA-HSM")
    if not _cloud().certificate_versions(command.options["--name"]):
        raise KeyError(command.options["--name"])


def _register(command: Command) -> None:
    _same(command.options["--keyvault"], _deployment()["resources"]["Microsoft.KeyVault/vaults"])
    _named_application(command)
    if not _cloud().certificate_versions(command.options["--cert"]):
        raise KeyError(command.options["--cert"])


def _in_group(command: Command) -> None:
    _same(command.options["--name"], _deployment()["resources"]["Microsoft.Resources/resourceGroups"])


def _table(command: Command) -> None:
    deployment = _deployment()
    _same(command.options["--resource-group"], deployment["resources"]["Microsoft.Resources/resourceGroups"])
    _same(command.options["--workspace-name"], deployment["resources"]["Microsoft.OperationalInsights/workspaces"])
    if command.options["--table-name"] not in deployment["tables"]:
        raise KeyError(command.options["--table-name"])


def _columns(command: Command) -> Answer:
    _table(command)
    return {
        "name": command.options["--table-name"],
        "schema": {"columns": [{"name": "user_g", "type": "guid", "isHidden": False}]},
    }


def _query(command: Command) -> list[Answer]:
    _same(command.options["--workspace"], _cloud().workspace.id)
    return _cloud().query(command.options["--analytics-query"])


def _same(given: str, there: str) -> None:
    if given != there:
        raise KeyError(given)


def _nothing(command: Command) -> None:
    del command


ANSWERS: Final[dict[str, Callable[[Command], Any]]] = {
    "login": _nothing,
    "account show": _show_account,
    "ad app create": _application,
    "ad app credential reset": _register,
    "ad app delete": _named_application,
    "ad app list": lambda _: [],
    "ad sp create": _create_principal,
    "ad sp show": _show_principal,
    "ad signed-in-user show": lambda _: {"id": WORKER, "displayName": "whoever has signed in"},
    "deployment sub create": _deploy,
    "deployment sub show": _show_deployment,
    "group create": _nothing,
    "group delete": _in_group,
    "keyvault show": _vault,
    "keyvault certificate create": _certificate,
    "monitor log-analytics query": _query,
    "monitor log-analytics workspace table migrate": _table,
    "monitor log-analytics workspace table show": _columns,
    "role assignment create": _assign,
    "role assignment delete": _unassign,
    "role definition delete": _delete_role,
}

if __name__ == "__main__":
    sys.exit(main())
