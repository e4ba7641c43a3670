"""Every mistake is found, at its line."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.bicep.example import (
    GIVEN,
    VAULT_GIVEN,
    found,
)

MISTAKES: Final = [
    ("main", "  location: location", "  location: locatoin", "locatoin is not declared"),
    ("main", "var prefix", "var unused = 1\nvar prefix", "unused is not used"),
    ("main", "param worker string", "param unused int?\nparam worker string", "unused is not used"),
    ("main", "param worker string", "param worker strin", "The type 'strin' is not supported"),
    ("main", "param worker string", "func worker() string => 'x'", "'func' is not supported"),
    ("main", "param location string", "param location string = prefix", "depends on nothing but other parameters"),
    ("main", "var prefix = 'rg'", "var prefix = 'rg", "no Bicep that pycep can read"),
    ("main", "var prefix = 'rg'", "var prefix = 'rg' var more = 1", "The end of the line is expected"),
    ("main", "var prefix = 'rg'", "var prefix = prefix", "prefix depends on itself"),
    ("main", "var prefix = 'rg'", "var location = 'rg'", "location is declared twice"),
    (
        "main",
        "var prefix = 'rg'",
        "var all = { each: [for each in emails: each] }\nvar prefix = 'rg'",
        "`map` stands for a loop",
    ),
    ("main", "@maxValue(3)", "@maximum(3)", "@maximum is not supported"),
    ("main", "@maxValue(3)", "@maxLength(3)", "@maxLength is not for this"),
    ("main", "@maxValue(3)", "@maxValue()", "@maxValue has 1 arguments"),
    ("main", "    worker: worker\n", "    werker: worker\n", "has no parameter 'werker'"),
    ("main", "    severity: severity", "    severity: location", "severity has to be int, not string"),
    ("main", "    emails: emails", "    emails: group", "emails has to be string[]"),
    ("main", "'modules/logs.bicep'", "'modules/log.bicep'", "no file modules/log.bicep"),
    ("main", "'modules/logs.bicep'", "'main.bicep'", "module of itself"),
    ("main", "logs.outputs.endpoint", "logs.outputs.endpiont", "has no output 'endpiont'"),
    ("main", "output tables array", "output tables string", "tables has to be string, not array"),
    ("main", "output tables array", "output endpoint array", "endpoint is declared twice"),
    ("main", "'${prefix}-test'", "'${logs.outputs.id}'", "logs.outputs is not known before"),
    ("main", "resourceGroup('rg-test')", "workerType", "to a subscription or a resource group"),
    ("main", "LOGS_MODULE\n  scope: group", "LOGS_MODULE", "for a resourceGroup; this scope is a subscription"),
    ("main", "GROUP\n  name: '${prefix}-test'", "GROUP\n  name: '${prefix}.'", "The name 'rg.' is not 1 to 90"),
    ("main", "WITH_WORKER\n    worker: worker", "WITH_WORKER", "needs the parameter 'worker'"),
    ("main", "  tags: extra", "  id: 'group'", "id of group is read-only"),
    ("logs", "var rule = loadJsonContent('../rule", "var rule = loadJsonContent('../rul", "cannot read"),
    ("logs", "query: loadTextContent('../one", "query: loadTextContent('../two", "cannot read"),
    ("logs", "retentionInDays: 90", "retentionDays: 90", "properties.retentionDays of workspace does not exist"),
    ("logs", "retentionInDays: 90", "retentionInDays: '90'", "is a number, not '90'"),
    ("logs", "name: 'PerGB2018'", "name: 'PerGb2018'", "properties.sku.name of workspace is one of Free"),
    ("logs", "name: 'PerGB2018'", "nmae: 'PerGB2018'", "properties.sku.nmae of workspace does not exist"),
    ("logs", "sku: {\n      name: 'PerGB2018'", "sku: {", "properties.sku.name of workspace is required"),
    ("logs", "kind: rule.kind", "knid: rule.kind", "knid of collect does not exist"),
    ("logs", "kind: rule.kind", "kind: rule.knid", "no 'knid' in object"),
    ("logs", "kind: rule.kind", "kind: 'Direkt'", "kind of collect is one of Linux, Windows"),
    (
        "logs",
        "streams: [\n        stream.name",
        "streams: [\n        'Mine'",
        "dataFlows[0].streams[0] of collect is one of",
    ),
    ("logs", "workspaceResourceId: workspace.id", "workspaceResourceId: workspace", "is no value"),
    ("logs", "workspaceResourceId: workspace.id", "workspaceId: workspace.id", "is read-only"),
    (
        "logs",
        "plan: 'Analytics'",
        "archiveRetentionInDays: 1",
        "properties.archiveRetentionInDays of table is read-only",
    ),
    ("logs", "? 400 : 100", "? 4384 : 100", "is 4384, against maximum 4383"),
    ("logs", "== 'One_CL' ?", "+ 1 ?", "A number is expected, not string"),
    ("logs", "roleDefinitionId: role", "roleDefinition: role", "properties.roleDefinition of sends does not exist"),
    ("logs", "collect.properties.endpoints", "collect.properties.endpoint", "has no 'endpoint'"),
    ("logs", "endpoints.logsIngestion", "endpoints.logIngestion", "has no 'logIngestion'"),
    ("logs", "endpoints.logsIngestion", "endpoints[0]", "has no 0"),
    ("logs", "parent: workspace\n  name: name", "parent: search\n  name: name", "is no parent of"),
    ("logs", "dependsOn: [\n    table", "dependsOn: [\n    'table'", "dependsOn is an array of resources"),
    ("logs", "for (name, at) in names", "for (name, role) in names", "role is the name of something else"),
    ("logs", "    category: 'Test'", "    category: collect.properties.dataFlows", "is of another type than <"),
    ("logs", "  parent: workspace\n  name: 'search'", "  name: 'search'", "is named by 2, not by 1"),
    ("logs", "SEARCH\n  PROPERTIES\n", "SEARCH\n", "properties.category of search is required"),
    (
        "logs",
        "TABLE: {\n  parent: workspace\n  name: name",
        "TABLE: {\n  parent: workspace\n  name: 'x'",
        "is deployed twice",
    ),
    ("alerts", "actionGroups@2023-01-01", "actionGroups@2022-01-01", "no API version 2022-01-01, but 2023-01-01"),
    ("alerts", "Microsoft.Insights/actionGroups@", "Microsoft.Insights/actionGroup@", "No SDK is known"),
    ("alerts", "groupShortName: 'people'", "groupShortName: 'people of mine'", "against max_length 12"),
    ("alerts", "'PT1H'", "'1h'", "is a duration"),
    ("alerts", "severity: severity", "severity: 7", "is one of 0, 1, 2, 3, 4, not 7"),
    ("alerts", "enabled: true\n    scopes", "enabled: 'yes'\n    scopes", "is true or false, not 'yes'"),
    ("alerts", "timeAggregation: 'Count'", "timeAggregation: 'Counts'", "is one of Count"),
    ("alerts", "threshold: 0", "treshold: 0", "properties.criteria.allOf[0].treshold of alert does not exist"),
    (
        "alerts",
        "scopes: [\n      workspaceId",
        "scopes: [\n      42",
        "properties.scopes[0] of alert is a text, not 42",
    ),
    ("alerts", "scopes: [\n      workspaceId\n    ]", "scopes: workspaceId", "is an array, not string"),
    ("alerts", "PEOPLE\n  location: 'global'", "PEOPLE", "location of people is required"),
    ("alerts", "{\n      name: 'email-${i}'", "{", "properties.emailReceivers[0].name of people is required"),
    ("alerts", "if (count != 2)", "if (count)", "A condition is true or false, not int"),
]
"""The file, what is right there, what is wrong instead, and what is said about the first line of that."""
STANDING_FOR: Final = {
    "WITH_WORKER": """LOGS_MODULE
  scope: group
  params: {
    names: [
      'One_CL'
      'Two_CL'
    ]""",
    "LOGS_MODULE": "module logs 'modules/logs.bicep' = {\n  name: 'logs'",
    "GROUP": "resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {",
    "SEARCH": """resource search 'Microsoft.OperationalInsights/workspaces/savedSearches@2025-07-01' = {
  parent: workspace
  name: 'search'""",
    "PROPERTIES": """properties: {
    category: 'Test'
    displayName: 'One'
    query: loadTextContent('../one.kql')
  }""",
    "TABLE": "resource table 'Microsoft.OperationalInsights/workspaces/tables@2025-07-01' = [for name in names",
    "PEOPLE": "resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {\n  name: 'people'",
}


def with_mistake(file: Path, right: str, mistake: str) -> int:
    """Put a mistake into a file, and return the line where it begins."""
    for word, text in STANDING_FOR.items():
        right, mistake = right.replace(word, text), mistake.replace(word, text)
    content = file.read_text(encoding="utf-8")
    assert content.count(right) == 1, right
    file.write_text(content.replace(right, mistake), encoding="utf-8")
    return content.count("\n", 0, content.index(right)) + 1


@pytest.mark.parametrize(("name", "right", "mistake", "message"), MISTAKES)
def test_each_mistake_is_found_at_its_line(folder: Path, name: str, right: str, mistake: str, message: str) -> None:
    """A mistake in the main file or in a module is said with the file and the line."""
    file = folder / ("main.bicep" if name == "main" else f"modules/{name}.bicep")
    line = with_mistake(file, right, mistake)

    wrong = found(folder / "main.bicep", {**GIVEN, "emails": ["a@b.example"]})

    assert [each for each in wrong if each[:2] == (file.name, line) and message in each[2]], wrong


VAULT_MISTAKES: Final = [
    ("    tenantId: tenant().tenantId\n", "", "properties.tenantId of vault is required"),
    ("21090545-7ca7", "21090545-7ca8", "No role is known with the id"),
    (
        "principalId: identity.properties.principalId",
        "principalId: 'me'\n    description: identity.id",
        "The principal 'me' is no object id",
    ),
    ("  scope: vault\n  name: guid", "  scope: resourceGroup('other')\n  name: guid", "needs a module"),
    ("  scope: vault\n  name: guid", "  scope: secret\n  name: guid", "A scope is expected, not string"),
    ("guid(vault.id, principal)", "vault.properties.vaultUri", "vault.properties is not known before"),
    ("  name: 'worker'", "  name: 'worker'\n  tags: {}", "'tags' of an existing resource cannot be set"),
    ("identity.properties.principalId", "principal", "identity is not used"),
    ("= vault.properties.vaultUri", "= secret", "An output tells the secret secret"),
    ("  location: 'westeurope'", "  location: 'westeurope'\n  scope: identity", "is not deployed to a resource"),
    ("param name string", "param name string\nparam name int", "name is declared twice"),
]


@pytest.mark.parametrize(("right", "mistake", "message"), VAULT_MISTAKES)
def test_each_mistake_in_a_file_for_a_resource_group_is_found(
    folder: Path, right: str, mistake: str, message: str
) -> None:
    """Mistakes about vaults, roles, scopes, existing resources and secrets are found."""
    with_mistake(folder / "vault.bicep", right, mistake)

    assert message in "".join(each[2] for each in found(folder / "vault.bicep", VAULT_GIVEN))
