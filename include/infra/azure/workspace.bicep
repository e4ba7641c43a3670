// The workspace, its tables, and the rule by which rows come in. Tables and rule are made from the record types.

param location string
param workspaceName string
param newWorkspace bool
param retentionInDays int
param ruleName string
param applicationName string
param applicationObjectId string

var tables = [
  loadJsonContent('../tables/AWS_Access_Key_Report_CL.json')
  loadJsonContent('../tables/AWS_Access_Key_Audit_CL.json')
  loadJsonContent('../tables/AWS_Access_Key_Finding_CL.json')
  loadJsonContent('../tables/AWS_Access_Key_Deactivation_CL.json')
  loadJsonContent('../tables/Azure_Certificate_CL.json')
  loadJsonContent('../tables/Azure_Activity_CL.json')
  loadJsonContent('../tables/Azure_Virtual_Machine_CL.json')
  loadJsonContent('../tables/Azure_Subscription_Audit_CL.json')
]

// What a migrated table has beside ours stays: Azure deletes the columns that are left out.
var present = any(loadJsonContent('present-columns.json'))
var further = [for each in tables: filter(
  present[each.properties.schema.name],
  column => !contains(map(each.properties.schema.columns, own => own.name), column.name)
)]

var rule = loadJsonContent('../data_collection_rule.json')

// Monitoring Metrics Publisher
var publisherRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '3913510d-42f4-4e42-8a64-420c390055eb')

resource made 'Microsoft.OperationalInsights/workspaces@2025-07-01' = if (newWorkspace) {
  name: workspaceName
  location: location
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionInDays
    features: {
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' existing = {
  name: workspaceName
}

resource table 'Microsoft.OperationalInsights/workspaces/tables@2025-07-01' = [for (each, index) in tables: {
  parent: workspace
  name: each.properties.schema.name
  properties: union(each.properties, {
    schema: {
      columns: concat(each.properties.schema.columns, further[index])
    }
  })
  dependsOn: [
    made
  ]
}]

resource dataCollectionRule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: ruleName
  location: location
  kind: rule.kind
  properties: union(rule.properties, {
    destinations: {
      logAnalytics: [
        {
          name: 'workspace'
          workspaceResourceId: workspace.id
        }
      ]
    }
  })
  dependsOn: [
    table
  ]
}

resource sendsRows 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dataCollectionRule.id, applicationObjectId, publisherRole)
  scope: dataCollectionRule
  properties: {
    roleDefinitionId: publisherRole
    principalId: applicationObjectId
    principalType: 'ServicePrincipal'
    description: 'Application ${applicationName} sends rows by this rule.'
  }
}

output id string = workspace.id
output name string = workspace.name
output customerId string = workspace.properties.customerId
output endpoint string = dataCollectionRule.properties.endpoints.logsIngestion
output ruleId string = dataCollectionRule.properties.immutableId
