// What the application may read of a subscription, for DAG azure_activity_report: once for each that is to be read.
targetScope = 'subscription'

@description('The object id of the application\'s service principal.')
param applicationObjectId string

// Two custom roles of a tenant cannot have the same name, and each subscription gets its own: none reaches into another one.
var roleName = 'Keywatch Azure Reader (${subscription().subscriptionId})'

resource reader 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, 'Keywatch Azure Reader')
  properties: {
    roleName: roleName
    description: 'Reads the activity log, and which virtual machines there are; nothing else.'
    type: 'CustomRole'
    permissions: [
      {
        actions: [
          'Microsoft.Resources/subscriptions/read'
          'Microsoft.Insights/eventtypes/values/read'
          'Microsoft.Compute/virtualMachines/read'
        ]
        notActions: []
      }
    ]
    assignableScopes: [
      subscription().id
    ]
  }
}

resource reads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, applicationObjectId, reader.id)
  properties: {
    roleDefinitionId: reader.id
    principalId: applicationObjectId
    principalType: 'ServicePrincipal'
    description: 'Keywatch reads the activity log and the virtual machines of this subscription.'
  }
}
