"""The check of Bicep files: what they deploy is worked out, and every mistake is found at its line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.bicep import Assignment, BicepError, Deployment, Runtime, evaluate, findings, queries, role_assignments
from tests.bicep.__main__ import main as command
from tests.bicep.kinds import KINDS
from tests.bicep.models import Structure, api_versions, sent
from tests.bicep.values import UnfitError

SUBSCRIPTION: Final = "/subscriptions/22222222-bbbb-4bbb-8bbb-222222222222"
GROUP: Final = f"{SUBSCRIPTION}/resourceGroups/rg-test"
WORKER: Final = "aaaaaaaa-1111-4111-8111-111111111111"
SCHEMA: Final = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"

MAIN: Final = """\
targetScope = 'subscription'

@description('Where.')
@minLength(4)
param location string
@allowed([
  'User'
  'ServicePrincipal'
])
param workerType string = 'ServicePrincipal'
param worker string
@minValue(1)
@maxValue(3)
param severity int = 2
param emails string[] = []
param extra object?

var prefix = 'rg' // the group's

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: '${prefix}-test'
  location: location
  tags: extra
}

module logs 'modules/logs.bicep' = {
  name: 'logs'
  scope: group
  params: {
    names: [
      'One_CL'
      'Two_CL'
    ]
    worker: worker
    workerType: workerType
  }
}

module alerts 'modules/alerts.bicep' = if (!empty(emails)) {
  name: 'alerts'
  scope: resourceGroup('rg-test')
  params: {
    workspaceId: logs.outputs.id
    emails: emails
    severity: severity
  }
}

output endpoint string = logs.outputs.endpoint
output tables array = logs.outputs.tables
output alerted string = alerts.?outputs.?rule ?? 'nobody'
"""

LOGS: Final = """\
param names array
param worker string
param workerType string
param location string = resourceGroup().location

var role = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '3913510d-42f4-4e42-8a64-420c390055eb')
var streams = [for (name, at) in names: {
  name: 'Custom-${replace(name, '_CL', '')}'
  place: at + 1
}]
var rule = loadJsonContent('../rule.json')

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: 'log-test'
  location: location
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: 90
    features: {
      disableLocalAuth: true
    }
  }
}

resource table 'Microsoft.OperationalInsights/workspaces/tables@2025-07-01' = [for name in names: {
  parent: workspace
  name: name
  properties: {
    plan: 'Analytics'
    totalRetentionInDays: name == 'One_CL' ? 400 : 100
    schema: {
      name: name
    }
  }
}]

resource collect 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: 'collect'
  location: location
  kind: rule.kind
  properties: union(rule.properties, {
    description: '''
For ${streams}.'''
    destinations: {
      logAnalytics: [
        {
          name: 'workspace'
          workspaceResourceId: workspace.id
        }
      ]
    }
    dataFlows: [for stream in streams: {
      streams: [
        stream.name
      ]
      destinations: [
        'workspace'
      ]
      transformKql: 'source | take ${stream.place}'
    }]
  })
  dependsOn: [
    table
  ]
}

resource sends 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: collect
  name: guid(collect.id, worker, role)
  properties: {
    roleDefinitionId: role
    principalId: worker
    principalType: workerType
  }
}

resource search 'Microsoft.OperationalInsights/workspaces/savedSearches@2025-07-01' = {
  parent: workspace
  name: 'search'
  properties: {
    category: 'Test'
    displayName: 'One'
    query: loadTextContent('../one.kql')
  }
}

resource book 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspace.id, 'book')
  location: location
  kind: 'shared'
  properties: {
    displayName: 'Book'
    category: 'workbook'
    sourceId: workspace.id
    serializedData: string({
      version: 'Notebook/1.0'
      items: loadJsonContent('../items.json')
    })
  }
}

output id string = workspace.id
output endpoint string = collect.properties.endpoints.logsIngestion
output tables array = [for i in range(0, length(names)): table[i].name]
output rules string[] = map(filter(streams, each => each.place != 1), each => toLower(each.name))
"""

ALERTS: Final = """\
param workspaceId string
param emails string[]
param severity int
param location string = resourceGroup().location

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'people'
  location: 'global'
  properties: {
    groupShortName: 'people'
    enabled: true
    emailReceivers: [for (email, i) in emails: {
      name: 'email-${i}'
      emailAddress: email
    }]
  }
}

resource alert 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for count in [1, 2]: if (count != 2) {
  name: 'alert-${count}'
  location: location
  properties: {
    severity: severity
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: 'PT1H'
    windowSize: 'P1D'
    criteria: {
      allOf: [
        {
          query: 'One_CL | count'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: {
      actionGroups: [
        people.id
      ]
    }
  }
}]

output rule string = alert[0].name
"""

RULE: Final = {"kind": "Direct", "properties": {"streamDeclarations": {"Custom-One": {"columns": [{"name": "a"}]}}}}
ITEMS: Final[list[dict[str, Any]]] = [
    {"type": 1, "content": {"json": "# Text"}},
    {"type": 9, "content": {"parameters": [{"name": "a", "query": "One_CL | take 1"}, {"name": "b"}]}},
    {"type": 12, "content": {"items": [{"type": 3, "content": {"query": "One_CL | take 2"}}]}},
]
GIVEN: Final = {"location": "westeurope", "worker": WORKER}

VAULT: Final = """\
param name string
param principal string
@secure()
param secret string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: 'westeurope'
  tags: {
    secret: secret
  }
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'premium'
    }
  }
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: 'worker'
}

resource reads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, principal)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      '21090545-7ca7-4776-b22c-e363652d74d2'
    )
    principalId: identity.properties.principalId
  }
}

output uri string = vault.properties.vaultUri
"""
VAULT_GIVEN: Final = {"name": "kv-test", "principal": WORKER, "secret": "s"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a main file, its modules, and what these load."""
    (tmp_path / "modules").mkdir()
    files = {
        "main.bicep": MAIN,
        "modules/logs.bicep": LOGS,
        "modules/alerts.bicep": ALERTS,
        "one.kql": "One_CL\n",
        "rule.json": json.dumps(RULE),
        "items.json": json.dumps(ITEMS),
        "vault.bicep": VAULT,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def parameters(folder: Path, values: Mapping[str, object]) -> Path:
    """Write a parameter file, with a line for each parameter from the third on."""
    lines = [f'"{name}": {json.dumps({"value": value})}' for name, value in values.items()]
    file = folder / "parameters.json"
    file.write_text(f'{{"$schema": "{SCHEMA}",\n"parameters": {{\n' + ",\n".join(lines) + "}}", encoding="utf-8")
    return file


def deployed(folder: Path, **given: object) -> Deployment:
    """Work out the main file."""
    return evaluate(folder / "main.bicep", parameters(folder, {**GIVEN, **given}))


def expression(tmp_path: Path, text: str) -> object:
    """Work out an expression."""
    file = tmp_path / "expression.bicep"
    kinds = ("string", "int", "bool", "array", "object")
    for kind in kinds:
        file.write_text(f"output value {kind}? = {text}\n", encoding="utf-8")
        try:
            return evaluate(file).outputs["value"]
        except BicepError as error:
            if "has to be" not in error.message:
                raise
    raise AssertionError(text)


def found(file: Path, given: Mapping[str, object]) -> list[tuple[str, int, str]]:
    """Return what is wrong: file, line and message."""
    _, wrong = findings(file, parameters(file.parent, given))
    return [(each.place.file.name, each.place.line, each.message) for each in wrong]


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
    ("text", "value"),
    [
        ("1 + 2 == 3 && !false || false", True),
        ("true || true && false", True),
        ("true == 1 || 1 != 1", False),
        ("'${concat('a}', '{b')}'", "a}{b"),
        ("true ? false ? 1 : 2 : 3", 2),
        ("null ?? 'a'", "a"),
        ("{ a: [ 1, -2 ] }.a[1]", -2),
        ("{ a: 1 }.?b", None),
        ("[ 1 ][?1] ?? 'none'", "none"),
        ("{ 'a.${1}': 'x' }['a.1']", "x"),
        (r"'it\'s \${x} \u{41}${1}${null}'", "it's ${x} A1"),
        ("string({ a: [ 1, 'é', null, true ] })", '{"a":[1,"é",null,true]}'),
        ("string('a')", "a"),
        ("union({ a: { b: 1, c: 2 } }, { a: { b: 3 } })", {"a": {"b": 3, "c": 2}}),
        ("union([ 1, 2 ], [ 2, 3 ])", [1, 2, 3]),
        ("concat([ 1 ], [ 2 ])", [1, 2]),
        ("concat('a', 1)", "a1"),
        ("contains([ 1, 2 ], 2)", True),
        ("contains('abc', 'd')", False),
        ("contains({ Key: 1 }, 'key')", True),
        ("empty('') && empty([]) && empty({}) && empty(null)", True),
        ("length({ a: 1 })", 1),
        ("range(3, 2)", [3, 4]),
        ("guid('a') == guid('a') && guid('a') != guid('b')", True),
        ("subscription().id", SUBSCRIPTION),
        ("resourceGroup().name", "rg-keywatch"),
        ("subscriptionResourceId('A.B/c', 'x')", f"{SUBSCRIPTION}/providers/A.B/c/x"),
    ],
)
def test_expressions(tmp_path: Path, text: str, value: object) -> None:
    """Operators, accesses and functions are worth what Bicep says they are."""
    assert expression(tmp_path, text) == value


@pytest.mark.parametrize(
    "text",
    [
        "'a' + 'b'",
        "1 == 1 ? 2",
        "1 < 2",
        "'${true}'",
        "string(true)",
        "'a' && true",
        "[ 1 ][1]",
        "{ a: 1 }.b",
        "{ a: 1\n a: 2 }",
        "length(1)",
        "length()",
        "toUpper('a')",
        "resourceGroup",
        "'a\\x'",
        "az.tenant().tenantId",
        "any(1)!",
    ],
)
def test_expressions_that_are_refused(tmp_path: Path, text: str) -> None:
    """What Bicep or Resource Manager refuses, or is not supported, is an error with its place."""
    with pytest.raises(BicepError, match=r"expression\.bicep:[12]: "):
        expression(tmp_path, text)


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


def test_every_kind_has_a_model_and_a_version() -> None:
    """For every resource type of the table there is an API version, and a model with properties for it."""
    for name, kind in KINDS.items():
        versions = api_versions(kind)
        assert versions, name
        assert "properties" in sent(name, versions[-1]).group({}).properties, name


def test_some_models_depend_on_a_property() -> None:
    """Where a property tells which of several models it is, its name is taken as on the wire, and its value checked."""
    monitor = sent("Microsoft.Insights/actionGroups", "2023-01-01").models
    metric = Structure(monitor.MetricAlertCriteria, monitor)
    kind = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"

    assert "allOf" not in metric.group({}).properties
    assert {"odata.type", "allOf"} <= set(metric.group({"odata.type": kind}).properties)
    with pytest.raises(UnfitError, match=r"'odata\.type' is one of"):
        metric.group({"odata.type": "Mine"})


def test_queries_are_found(folder: Path) -> None:
    """The queries of workbooks (in groups and parameters too), saved searches and alerts are found."""
    texts = [(each.kind, each.text) for each in queries(deployed(folder, emails=["a@b.example"]).resources)]

    assert texts == [
        ("savedSearches", "One_CL\n"),
        ("workbooks", "One_CL | take 1"),
        ("workbooks", "One_CL | take 2"),
        ("scheduledQueryRules", "One_CL | count"),
    ]


def test_the_command_says_that_all_is_well(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line tells how many resources there are; further parameters are read by their types; queries are written."""
    file = folder / "main.bicep"
    arguments = [str(file), str(parameters(folder, GIVEN)), "severity=3", 'emails=["a@b.example"]']

    assert command([*arguments, "--queries", str(folder / "queries")]) == 0

    assert capsys.readouterr() == (f"10 resources of {file} fit the SDKs' models\n", "")
    assert (folder / "queries/savedSearches-search-1.kql").read_text(encoding="utf-8") == "One_CL\n"
    assert len(list((folder / "queries").iterdir())) == 4


def test_the_command_says_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every mistake has a line on standard error, as editors read it."""
    file = folder / "main.bicep"

    assert command([str(file), str(parameters(folder, GIVEN)), "severity=x"]) == 1

    assert capsys.readouterr() == ("", f"{file}:14: severity has to be int, as JSON.\n")
