"""A deployment that has a little of everything, for the tests, and what they do with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.bicep import BicepError, Deployment, evaluate, findings

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
