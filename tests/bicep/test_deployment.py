"""What a Bicep file deploys: resources, outputs, roles, and what parameters do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.bicep import Assignment, BicepError, Runtime, evaluate, role_assignments
from tests.bicep.example import (
    GIVEN,
    GROUP,
    RULE,
    SCHEMA,
    SUBSCRIPTION,
    VAULT_GIVEN,
    WORKER,
    deployed,
    found,
    parameters,
)


def test_a_good_program_has_no_mistakes(folder: Path) -> None:
    """Nothing is found in a main file with two modules, loops and conditions, nor in one for a resource group."""
    assert found(folder / "main.bicep", {**GIVEN, "emails": ["a@b.example"], "extra": {"a": "b"}}) == []
    assert found(folder / "vault.bicep", VAULT_GIVEN) == []


def test_resources_of_all_modules_are_found(folder: Path) -> None:
    """Every resource has a type, a name with its parents', a scope and an id; a condition that fails leaves it out."""
    without = deployed(folder)
    made = deployed(folder, emails=["a@b.example"])

    assert [each.symbol for each in without.modules] == ["logs"]
    assert {each.symbol: each.id for each in made.resources if each.symbol != "table"} == {
        "group": GROUP,
        "workspace": f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-test",
        "collect": (collect := f"{GROUP}/providers/Microsoft.Insights/dataCollectionRules/collect"),
        "sends": f"{collect}/providers/Microsoft.Authorization/roleAssignments/{made.resources[5].name}",
        "search": f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-test/savedSearches/search",
        "book": f"{GROUP}/providers/Microsoft.Insights/workbooks/{made.resources[7].name}",
        "people": f"{GROUP}/providers/Microsoft.Insights/actionGroups/people",
        "alert": f"{GROUP}/providers/Microsoft.Insights/scheduledQueryRules/alert-1",
    }
    tables = [each for each in made.resources if each.symbol == "table"]
    assert [(each.name, each.scope, each.line) for each in tables] == [
        ("log-test/One_CL", GROUP, 27),
        ("log-test/Two_CL", GROUP, 27),
    ]
    assert [each.body["properties"] for each in tables] == [
        {"plan": "Analytics", "totalRetentionInDays": days, "schema": {"name": name}}
        for name, days in (("One_CL", 400), ("Two_CL", 100))
    ]


def test_outputs_go_through_modules(folder: Path) -> None:
    """A module's outputs reach the main file's, and what only Azure knows is a readable placeholder."""
    outputs = deployed(folder).outputs

    assert isinstance(outputs["endpoint"], Runtime)
    assert str(outputs["endpoint"]) == "<dataCollectionRules/collect.properties.endpoints.logsIngestion>"
    assert (outputs["tables"], outputs["alerted"]) == (["One_CL", "Two_CL"], "nobody")
    assert deployed(folder, emails=["a@b.example"]).outputs["alerted"] == "alert-1"


def test_union_of_a_file_and_a_literal(folder: Path) -> None:
    """What a JSON file has is merged with what is written, and loops within it are worked out."""
    (rule,) = (each for each in deployed(folder).resources if each.symbol == "collect")
    properties = rule.body["properties"]

    assert isinstance(properties, dict)
    assert rule.body["kind"] == "Direct"
    assert properties["streamDeclarations"] == RULE["properties"]["streamDeclarations"]  # type: ignore[index]
    assert properties["description"] == "For ${streams}."
    assert [(each["streams"], each["transformKql"]) for each in properties["dataFlows"]] == [
        (["Custom-One"], "source | take 1"),
        (["Custom-Two"], "source | take 2"),
    ]


def test_role_assignments_are_named(folder: Path) -> None:
    """A role assignment tells the role, who gets it, and on what."""
    scope = f"{GROUP}/providers/Microsoft.Insights/dataCollectionRules/collect"

    assert role_assignments(deployed(folder).resources) == [
        Assignment("Monitoring Metrics Publisher", WORKER, "ServicePrincipal", scope)
    ]
    (reads,) = role_assignments(evaluate(folder / "vault.bicep", given=VAULT_GIVEN).resources)
    assert (reads.role, reads.principal) == (
        "Key Vault Reader",
        "<userAssignedIdentities/worker.properties.principalId>",
    )


def test_a_role_of_the_same_deployment_is_known(tmp_path: Path) -> None:
    """A role that the deployment defines itself is called by its name."""
    file = tmp_path / "main.bicep"
    file.write_text(
        f"""\
targetScope = 'subscription'
resource own 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {{
  name: guid(subscription().id, 'own')
  properties: {{
    roleName: 'Signer'
    permissions: [
      {{
        dataActions: []
      }}
    ]
    assignableScopes: [
      subscription().id
    ]
  }}
}}
resource assigned 'Microsoft.Authorization/roleAssignments@2022-04-01' = {{
  name: guid(own.id)
  properties: {{
    roleDefinitionId: own.id
    principalId: '{WORKER}'
  }}
}}
""",
        encoding="utf-8",
    )

    assert found(file, {}) == []
    assert role_assignments(evaluate(file).resources) == [Assignment("Signer", WORKER, "", SUBSCRIPTION)]


@pytest.mark.parametrize(
    ("given", "file", "line", "message"),
    [
        ({"location": "westeurope"}, "main.bicep", 11, "The parameter worker has to be given."),
        ({**GIVEN, "wrong": 1}, "parameters.json", 5, "main.bicep has no parameter 'wrong'."),
        ({**GIVEN, "location": "eu"}, "main.bicep", 5, "location violates @minLength(4)."),
        ({**GIVEN, "severity": 0}, "main.bicep", 14, "severity violates @minValue(1)."),
        ({**GIVEN, "severity": 4}, "main.bicep", 14, "severity violates @maxValue(3)."),
        ({**GIVEN, "severity": "2"}, "main.bicep", 14, "severity has to be int, not string."),
        ({**GIVEN, "severity": True}, "main.bicep", 14, "severity has to be int, not bool."),
        ({**GIVEN, "emails": [1]}, "main.bicep", 15, "emails has to be string[], not array."),
        ({**GIVEN, "extra": []}, "main.bicep", 16, "extra has to be object?, not array."),
        (
            {**GIVEN, "workerType": "Group"},
            "main.bicep",
            10,
            'workerType violates @allowed(["User", "ServicePrincipal"]).',
        ),
    ],
)
def test_mistakes_in_parameters_are_found(
    folder: Path, given: Mapping[str, object], file: str, line: int, message: str
) -> None:
    """A parameter that is missing, unknown, of another type or against its decorators is found."""
    assert found(folder / "main.bicep", given) == [(file, line, message)]


@pytest.mark.parametrize("severity", [1, 3])
def test_limits_of_parameters_belong_to_them(folder: Path, severity: int) -> None:
    """The least and the greatest value are fine."""
    assert found(folder / "main.bicep", {**GIVEN, "severity": severity}) == []


def test_parameter_files_have_their_schema(folder: Path) -> None:
    """A parameter file that is missing, no JSON, of another schema, or refers to a vault is an error."""
    wrong = {
        "{": "This is no JSON",
        "{}": "The schema of a parameter file is",
        json.dumps({"$schema": SCHEMA, "parameters": {"worker": {"reference": {}}}}): "worker has to have a value",
    }
    for text, message in wrong.items():
        (folder / "parameters.json").write_text(text, encoding="utf-8")
        with pytest.raises(BicepError, match=message):
            evaluate(folder / "main.bicep", folder / "parameters.json")
    with pytest.raises(BicepError, match=r"none\.json:1: There is no such file"):
        evaluate(folder / "main.bicep", folder / "none.json")


def test_given_parameters_win(folder: Path) -> None:
    """A parameter given by name wins over the file's, and has to exist."""
    file = parameters(folder, GIVEN)
    made = evaluate(folder / "main.bicep", file, {"location": "northeurope"})

    assert {each.body["location"] for each in made.resources if "location" in each.body} == {
        "northeurope",
    }
    with pytest.raises(BicepError, match="has no parameter 'where'"):
        evaluate(folder / "main.bicep", file, {"where": "here"})
