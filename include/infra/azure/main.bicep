// Everything of Keywatch's in one resource group, but for the application and its certificate: docs/azure-setup.md.
targetScope = 'subscription'

@description('Where everything is, such as westeurope; of a workspace that is there already, where that is.')
param location string

@description('The resource group that it is deployed to.')
@maxLength(90)
param resourceGroupName string

@description('The Log Analytics workspace.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Whether the workspace is to be made; otherwise it is left as it is, and gets tables.')
param newWorkspace bool

@description('How many days a new workspace keeps rows to be queried; the tables keep them for 730 days in all.')
@minValue(30)
@maxValue(730)
param retentionInDays int

@description('The data collection rule, by which rows come in.')
@minLength(3)
@maxLength(30)
param ruleName string

@description('The key vault, whose name nobody else in Azure may have.')
@minLength(3)
@maxLength(24)
param vaultName string

@description('The certificate in the vault, whose key signs for the application.')
@maxLength(127)
param certificateName string

@description('The application that sends the rows.')
param applicationName string

@description('Who is told of an alert.')
param alertEmails array

@description('Whether azure_activity_report runs every day, so that its absence is to be told of.')
param watchActivity bool

@description('A secret in the vault that holds the shared key of a workspace whose classic tables are to be filled too; none if empty.')
param workspaceKeySecretName string

@description('The client id of the application.')
param applicationId string

@description('The object id of the application\'s service principal.')
param applicationObjectId string

@description('The object id of the managed identity of Airflow\'s workers; on a laptop, of whoever has signed in to the Azure CLI; nobody if empty.')
param workerObjectId string

@description('What the worker is.')
@allowed([
  'ServicePrincipal'
  'User'
])
param workerType string

@description('How the worker finds its identity.')
@allowed([
  'managed_identity'
  'workload_identity'
  'default'
])
param vaultIdentity string

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' existing = {
  name: resourceGroupName
}

module workspace 'workspace.bicep' = {
  name: 'keywatch-workspace'
  scope: group
  params: {
    location: location
    workspaceName: workspaceName
    newWorkspace: newWorkspace
    retentionInDays: retentionInDays
    ruleName: ruleName
    applicationName: applicationName
    applicationObjectId: applicationObjectId
  }
}

module vault 'vault.bicep' = {
  name: 'keywatch-vault'
  scope: group
  params: {
    location: location
    vaultName: vaultName
    workerObjectId: workerObjectId
    workerType: workerType
    workspaceKeySecretName: workspaceKeySecretName
  }
}

module queries 'queries.bicep' = {
  name: 'keywatch-queries'
  scope: group
  params: {
    workspaceName: workspace.outputs.name
  }
}

module workbook 'workbook.bicep' = {
  name: 'keywatch-workbook'
  scope: group
  params: {
    location: location
    workspaceId: workspace.outputs.id
  }
}

module alerts 'alerts.bicep' = {
  name: 'keywatch-alerts'
  scope: group
  params: {
    location: location
    workspaceId: workspace.outputs.id
    emails: alertEmails
    watchActivity: watchActivity
  }
}

@description('The workspace\'s id, for queries.')
output workspaceId string = workspace.outputs.customerId

@description('Airflow\'s connection keyvault_certificate_default.')
output certificateConnection object = {
  conn_type: 'keyvault_certificate'
  host: vault.outputs.uri
  login: applicationId
  extra: {
    tenant_id: tenant().tenantId
    certificate: certificateName
    source: 'hsm'
    vault_identity: vaultIdentity
  }
}

@description('Airflow\'s connection azure_logs_ingestion_default.')
output logsIngestionConnection object = {
  conn_type: 'azure_logs_ingestion'
  host: workspace.outputs.endpoint
  extra: {
    rule_id: workspace.outputs.ruleId
  }
}
