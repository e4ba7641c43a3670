// The key vault, whose HSM keeps the private key, and what Airflow's workers may do there.

param location string
param vaultName string
param workerObjectId string
param workerType string
param workspaceKeySecretName string

var roles = empty(workerObjectId) ? [] : [
  {
    // Key Vault Reader
    id: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '21090545-7ca7-4776-b22c-e363652d74d2')
    purpose: 'Airflow reads the certificate, of which the public part goes into an assertion.'
  }
  {
    // Key Vault Crypto User
    id: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '12338af0-0e69-4776-bea7-57ae8d297424')
    purpose: 'Airflow has assertions signed with the certificate\'s key, which stays on the HSM.'
  }
]

// Key Vault Secrets User
var secretsRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: vaultName
  location: location
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'premium'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: 'Enabled'
  }
}

resource signs 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in roles: {
  name: guid(vault.id, workerObjectId, role.id)
  scope: vault
  properties: {
    roleDefinitionId: role.id
    principalId: workerObjectId
    principalType: workerType
    description: role.purpose
  }
}]

resource workspaceKey 'Microsoft.KeyVault/vaults/secrets@2024-11-01' existing = {
  parent: vault
  // Azure looks at the name although there is no assignment.
  name: empty(workspaceKeySecretName) ? 'none' : workspaceKeySecretName
}

resource readsWorkspaceKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(workspaceKeySecretName) && !empty(workerObjectId)) {
  name: guid(vault.id, workspaceKeySecretName, workerObjectId, secretsRole)
  scope: workspaceKey
  properties: {
    roleDefinitionId: secretsRole
    principalId: workerObjectId
    principalType: workerType
    description: 'Airflow reads the key of the workspace whose classic tables it fills too.'
  }
}

output uri string = vault.properties.vaultUri
