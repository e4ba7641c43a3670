"""docs/aws-setup.md against the templates, the connection forms and the code that it speaks of."""

from __future__ import annotations

import json
import re
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

from keywatch import errors
from keywatch_airflow.aws_connection import roles_anywhere_of
from keywatch_airflow.provider import get_provider_info
from keywatch_airflow.report_params import report_params
from tests.cloudformation import (
    AUDIT_ROLE,
    DEACTIVATION_ROLE,
    PROJECT,
    TEMPLATES,
    Stack,
    allowed,
    audit,
    aws_connection,
    deactivation,
    management,
)

PAGE: Final = (PROJECT / "docs/aws-setup.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of the page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def annotated(name: str) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON block of the page that follows a marker."""
    match = re.search(rf"<!-- {name} -->\n```json\n(.*?)```", PAGE, re.DOTALL)
    assert match, name
    return json.loads(match[1])


def commands() -> list[str]:
    """Return the commands of the page, each on one line."""
    joined = "\n".join(blocks("bash")).replace("\\\n", " ")
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize(("purpose", "role"), [("default", AUDIT_ROLE), ("deactivation", DEACTIVATION_ROLE)])
def test_page_shows_connections_that_work(purpose: str, role: str) -> None:
    """The aws connection is taken by the session factory, the certificate's by its form."""
    shown = annotated(f"aws_{purpose}")
    certificate = annotated(f"keyvault_certificate_{purpose}")
    [form] = [
        each for each in get_provider_info()["connection-types"] if each["connection-type"] == "keyvault_certificate"
    ]

    target, conn_id = roles_anywhere_of(aws_connection(shown["extra"]))

    assert shown["conn_type"] == "aws"
    assert conn_id == f"keyvault_certificate_{purpose}"
    assert target.role_arn == role
    assert set(certificate["extra"]) <= set(form["conn-fields"])
    assert [json.loads(each) for each in blocks("json")]


def test_page_deploys_every_template_with_parameters_that_it_has() -> None:
    """Each deployment names a template of ours, parameters of its own, and every parameter without a default."""
    deployed = set()
    for command in commands():
        files = re.findall(r"(?:--template-file |--template-body file://)(\S+)", command)
        if not files:
            continue
        parameters = Stack(Path(files[0]).name).template["Parameters"]
        given = set(re.findall(r"ParameterKey=(\w+)", command) or re.findall(r"[ \"]([A-Z]\w+)=", command))
        required = {name for name, each in parameters.items() if "Default" not in each}
        assert (PROJECT / files[0]).is_file()
        assert required <= given <= set(parameters), command
        assert "CAPABILITY_NAMED_IAM" in command or "stackset" in command
        deployed.add(Path(files[0]).name)
    assert deployed == set(TEMPLATES)


def test_commands_of_the_page_are_shell() -> None:
    """The shell can read every block of commands."""
    for block in blocks("bash"):
        command = ["bash", "-n"]
        assert subprocess.run(command, input=block, text=True, capture_output=True, check=False).stderr == ""


def test_page_explains_every_permission() -> None:
    """The table of permissions has every action that a template allows, and no other."""
    rows = re.findall(r"^\| (`(?:iam|organizations|sts|s3):.*?) \|", PAGE, re.MULTILINE)
    explained = {action for row in rows for action in re.findall(r"`(\w+:\w+)`", row)}
    audited = audit(StagingBucket="staging", ReadUserTags="true").properties("AuditRole")["Policies"]
    deactivating = deactivation().properties("DeactivationRole")["Policies"]
    assert explained == {action for action, _ in allowed(audited) | allowed(deactivating)}


def test_page_gives_the_deactivation_rights_on_its_own_key_alone() -> None:
    """What the page grants in the vault is on the second certificate and its key, which the second connection names."""
    scopes = re.findall(r'--scope "\$VAULT(.*?)"', PAGE)
    shown = annotated("keyvault_certificate_deactivation")["extra"]["certificate"]
    template = deactivation().template["Parameters"]

    assert scopes == [f"/certificates/{shown}", f"/keys/{shown}"]
    assert template["CertificateCommonName"]["Default"] == shown
    assert f"s/CN=keywatch-audit/CN={shown}/" in PAGE


def test_page_shows_the_delegation_that_the_template_makes() -> None:
    """The statement for an existing delegation policy is the template's own."""
    [statement] = management().properties("Delegation")["Content"]["Statement"]
    assert annotated("delegation") == statement


def test_page_names_what_exists() -> None:
    """The session factory can be imported; errors, parameters of the DAG, links and paths are all there."""
    [factory] = set(re.findall(r"session_factory = (\S+)", PAGE))
    module, _, name = factory.rpartition(".")
    links = [PROJECT / "docs" / each for each in re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE)]
    paths = [PROJECT / each for each in re.findall(r"`((?:dags|docs|include)/[\w./-]+\.\w+)`", PAGE)]

    assert hasattr(import_module(module), name)
    assert f"AIRFLOW__AWS__SESSION_FACTORY={factory}" in PAGE
    mentioned = set(re.findall(r"\b[A-Z]\w+Error\b", PAGE))
    [configuration] = re.findall(r"--conf '(.*)'", PAGE)

    assert mentioned
    assert [error for error in mentioned if not hasattr(errors, error)] == []
    assert set(json.loads(configuration)) <= set(report_params())
    assert links + paths
    assert [path for path in links + paths if not path.exists()] == []


def test_page_asks_for_a_certificate_that_roles_anywhere_and_entra_take() -> None:
    """The vault makes an RSA key that stays on the HSM, and the authority an end entity's certificate to sign with."""
    policy = annotated("keywatch-audit-policy")
    extensions = dict(line.split(" = ") for line in blocks("ini")[0].splitlines())

    assert policy["issuerParameters"] == {"name": "Unknown"}
    assert (policy["keyProperties"]["keyType"], policy["keyProperties"]["exportable"]) == ("RSA-HSM", False)
    assert "CA:FALSE" in extensions["basicConstraints"]
    assert "digitalSignature" in extensions["keyUsage"]
    assert policy["x509CertificateProperties"]["keyUsage"] == ["digitalSignature"]
    assert f"CertificateCommonName={policy['x509CertificateProperties']['subject'].removeprefix('CN=')}" in PAGE
