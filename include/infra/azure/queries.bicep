// The saved functions, and the queries under category Keywatch: each from its file.

param workspaceName string

var functions = [
  {
    name: 'AccessKeyReport'
    query: loadTextContent('../../kql/functions/AccessKeyReport.kql')
  }
  {
    name: 'AccessKeys'
    query: loadTextContent('../../kql/functions/AccessKeys.kql')
  }
  {
    name: 'AccessKeyAudit'
    query: loadTextContent('../../kql/functions/AccessKeyAudit.kql')
  }
  {
    name: 'CurrentAccounts'
    query: loadTextContent('../../kql/functions/CurrentAccounts.kql')
  }
  {
    name: 'LatestAccessKeys'
    query: loadTextContent('../../kql/functions/LatestAccessKeys.kql')
  }
  {
    name: 'CurrentAccessKeys'
    query: loadTextContent('../../kql/functions/CurrentAccessKeys.kql')
  }
  {
    name: 'AccessKeyFindings'
    query: loadTextContent('../../kql/functions/AccessKeyFindings.kql')
  }
  {
    name: 'CurrentFindings'
    query: loadTextContent('../../kql/functions/CurrentFindings.kql')
  }
  {
    name: 'AccessKeyDeactivations'
    query: loadTextContent('../../kql/functions/AccessKeyDeactivations.kql')
  }
  {
    name: 'AzureActivity'
    query: loadTextContent('../../kql/functions/AzureActivity.kql')
  }
  {
    name: 'AzureVirtualMachines'
    query: loadTextContent('../../kql/functions/AzureVirtualMachines.kql')
  }
  {
    name: 'AzureSubscriptionAudit'
    query: loadTextContent('../../kql/functions/AzureSubscriptionAudit.kql')
  }
  {
    name: 'CurrentVirtualMachines'
    query: loadTextContent('../../kql/functions/CurrentVirtualMachines.kql')
  }
]

var queries = [
  {
    name: 'accounts'
    title: 'Accounts'
    query: loadTextContent('../../kql/accounts.kql')
  }
  {
    name: 'accounts_by_status'
    title: 'Accounts by status'
    query: loadTextContent('../../kql/accounts_by_status.kql')
  }
  {
    name: 'accounts_not_read'
    title: 'Accounts not read'
    query: loadTextContent('../../kql/accounts_not_read.kql')
  }
  {
    name: 'activity_by_caller'
    title: 'Activity by caller'
    query: loadTextContent('../../kql/activity_by_caller.kql')
  }
  {
    name: 'activity_by_day'
    title: 'Activity by day'
    query: loadTextContent('../../kql/activity_by_day.kql')
  }
  {
    name: 'activity_by_operation'
    title: 'Activity by operation'
    query: loadTextContent('../../kql/activity_by_operation.kql')
  }
  {
    name: 'activity_failed'
    title: 'Failed operations'
    query: loadTextContent('../../kql/activity_failed.kql')
  }
  {
    name: 'activity_late'
    title: 'Late events'
    query: loadTextContent('../../kql/activity_late.kql')
  }
  {
    name: 'activity_of_key_vaults'
    title: 'Activity of key vaults'
    query: loadTextContent('../../kql/activity_of_key_vaults.kql')
  }
  {
    name: 'activity_of_role_assignments'
    title: 'Role assignments'
    query: loadTextContent('../../kql/activity_of_role_assignments.kql')
  }
  {
    name: 'deactivations'
    title: 'Deactivations'
    query: loadTextContent('../../kql/deactivations.kql')
  }
  {
    name: 'findings'
    title: 'Findings'
    query: loadTextContent('../../kql/findings.kql')
  }
  {
    name: 'findings_by_day'
    title: 'Findings by day'
    query: loadTextContent('../../kql/findings_by_day.kql')
  }
  {
    name: 'findings_by_owner'
    title: 'Findings by owner'
    query: loadTextContent('../../kql/findings_by_owner.kql')
  }
  {
    name: 'findings_by_rule'
    title: 'Findings by rule'
    query: loadTextContent('../../kql/findings_by_rule.kql')
  }
  {
    name: 'findings_resolved'
    title: 'Resolved findings'
    query: loadTextContent('../../kql/findings_resolved.kql')
  }
  {
    name: 'key_figures'
    title: 'Figures'
    query: loadTextContent('../../kql/key_figures.kql')
  }
  {
    name: 'keys'
    title: 'Keys'
    query: loadTextContent('../../kql/keys.kql')
  }
  {
    name: 'keys_by_age'
    title: 'Keys by age'
    query: loadTextContent('../../kql/keys_by_age.kql')
  }
  {
    name: 'keys_by_day'
    title: 'Keys by day'
    query: loadTextContent('../../kql/keys_by_day.kql')
  }
  {
    name: 'keys_by_region'
    title: 'Keys by Region'
    query: loadTextContent('../../kql/keys_by_region.kql')
  }
  {
    name: 'keys_by_service'
    title: 'Keys by service'
    query: loadTextContent('../../kql/keys_by_service.kql')
  }
  {
    name: 'keys_created_per_day'
    title: 'Keys created per day'
    query: loadTextContent('../../kql/keys_created_per_day.kql')
  }
  {
    name: 'keys_deleted'
    title: 'Deleted keys'
    query: loadTextContent('../../kql/keys_deleted.kql')
  }
  {
    name: 'keys_never_used'
    title: 'Keys never used'
    query: loadTextContent('../../kql/keys_never_used.kql')
  }
  {
    name: 'keys_of_root'
    title: 'Keys of root'
    query: loadTextContent('../../kql/keys_of_root.kql')
  }
  {
    name: 'keys_over_90_days'
    title: 'Keys over 90 days old'
    query: loadTextContent('../../kql/keys_over_90_days.kql')
  }
  {
    name: 'keys_unused_for_45_days'
    title: 'Keys unused for 45 days'
    query: loadTextContent('../../kql/keys_unused_for_45_days.kql')
  }
  {
    name: 'keys_without_owner'
    title: 'Keys without an owner'
    query: loadTextContent('../../kql/keys_without_owner.kql')
  }
  {
    name: 'no_azure_activity_for_26_hours'
    title: 'No Azure activity for 26 hours'
    query: loadTextContent('../../kql/no_azure_activity_for_26_hours.kql')
  }
  {
    name: 'no_report_for_26_hours'
    title: 'No report for 26 hours'
    query: loadTextContent('../../kql/no_report_for_26_hours.kql')
  }
  {
    name: 'runs'
    title: 'Runs'
    query: loadTextContent('../../kql/runs.kql')
  }
  {
    name: 'subscriptions_not_read'
    title: 'Subscriptions not read'
    query: loadTextContent('../../kql/subscriptions_not_read.kql')
  }
  {
    name: 'users_with_two_active_keys'
    title: 'Users with two active keys'
    query: loadTextContent('../../kql/users_with_two_active_keys.kql')
  }
  {
    name: 'virtual_machines'
    title: 'Virtual machines'
    query: loadTextContent('../../kql/virtual_machines.kql')
  }
  {
    name: 'virtual_machines_by_region'
    title: 'Virtual machines by region'
    query: loadTextContent('../../kql/virtual_machines_by_region.kql')
  }
  {
    name: 'virtual_machines_by_size'
    title: 'Virtual machines by size'
    query: loadTextContent('../../kql/virtual_machines_by_size.kql')
  }
  {
    name: 'virtual_machines_new_and_gone'
    title: 'Virtual machines new and gone'
    query: loadTextContent('../../kql/virtual_machines_new_and_gone.kql')
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' existing = {
  name: workspaceName
}

// Without an ETag of *, Azure refuses to write over one that is there.
resource function 'Microsoft.OperationalInsights/workspaces/savedSearches@2025-07-01' = [for each in functions: {
  parent: workspace
  name: toLower(each.name)
  etag: '*'
  properties: {
    category: 'Keywatch'
    displayName: each.name
    functionAlias: each.name
    query: each.query
    version: 2
  }
}]

resource query 'Microsoft.OperationalInsights/workspaces/savedSearches@2025-07-01' = [for each in queries: {
  parent: workspace
  name: 'keywatch_${each.name}'
  etag: '*'
  properties: {
    category: 'Keywatch'
    displayName: each.title
    query: each.query
    version: 2
  }
}]
