// The alerts: each fires when its query begins to find something, for an account, and is over when it finds nothing there.

param location string
param workspaceId string
param emails array
param watchActivity bool

// Only keys that open something, and only in the week after they have crossed the line: an account that always has old
// keys would fire once, and never again.
var haveBecomeOld = '| where Status_s == "Active" and KeyAgeDays_d <= 97'
var haveBecomeUnused = '| where Status_s == "Active" and UnusedDays_d < 52'
// Only on the first day: a finding stays open until somebody does something, and would fire as long.
var areNew = '| where Severity_s in ("critical", "high") and FirstFound_t > SnapshotTime_t - 1d'
var wasDeactivated = '| where Result_s in ("deactivated", "unknown") and SnapshotTime_t > ago(1d)'
var byAccount = [
  {
    name: 'account_number_s'
    operator: 'Include'
    values: [
      '*'
    ]
  }
]
var alerts = [
  {
    name: 'keywatch-old-keys'
    title: 'Access keys have become older than 90 days'
    severity: 3
    every: 'PT12H'
    query: '${loadTextContent('../../kql/keys_over_90_days.kql')}${haveBecomeOld}'
    dimensions: byAccount
  }
  {
    name: 'keywatch-unused-keys'
    title: 'Access keys have not been used for 45 days'
    severity: 3
    every: 'PT12H'
    query: '${loadTextContent('../../kql/keys_unused_for_45_days.kql')}${haveBecomeUnused}'
    dimensions: byAccount
  }
  {
    name: 'keywatch-root-key'
    title: 'A root user has an access key'
    severity: 1
    every: 'PT6H'
    query: loadTextContent('../../kql/keys_of_root.kql')
    dimensions: byAccount
  }
  {
    name: 'keywatch-critical-finding'
    title: 'A finding of severity critical or high is new'
    severity: 1
    every: 'PT6H'
    query: '${loadTextContent('../../kql/findings.kql')}${areNew}'
    dimensions: byAccount
  }
  {
    name: 'keywatch-key-deactivated'
    title: 'An access key was deactivated'
    severity: 3
    every: 'PT6H'
    query: '${loadTextContent('../../kql/deactivations.kql')}${wasDeactivated}'
    dimensions: byAccount
  }
  {
    name: 'keywatch-account-not-read'
    title: 'An account was not read, or not in whole'
    severity: 2
    every: 'PT6H'
    query: loadTextContent('../../kql/accounts_not_read.kql')
    dimensions: byAccount
  }
  {
    name: 'keywatch-no-report'
    title: 'No report has come for 26 hours'
    severity: 1
    every: 'PT1H'
    query: loadTextContent('../../kql/no_report_for_26_hours.kql')
    dimensions: []
  }
]
// Only where Azure's subscriptions are read at all: elsewhere there never is a report, and it would fire for ever.
var ofActivity = watchActivity ? [
  {
    name: 'keywatch-no-azure-activity'
    title: 'No report of Azure has come for 26 hours'
    severity: 2
    every: 'PT1H'
    query: loadTextContent('../../kql/no_azure_activity_for_26_hours.kql')
    dimensions: []
  }
] : []

resource recipients 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'keywatch'
  location: 'global'
  properties: {
    groupShortName: 'keywatch'
    enabled: true
    emailReceivers: [for email in emails: {
      name: email
      emailAddress: email
      useCommonAlertSchema: true
    }]
  }
}

resource alert 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for each in concat(alerts, ofActivity): {
  name: each.name
  location: location
  kind: 'LogAlert'
  properties: {
    displayName: each.title
    description: 'docs/monitoring.md of Keywatch says what to do.'
    severity: each.severity
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: each.every
    windowSize: 'P1D'
    overrideQueryTimeRange: 'P2D'
    criteria: {
      allOf: [
        {
          query: each.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: each.dimensions
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    // Tables and functions that have just been made cannot be queried yet.
    skipQueryValidation: true
    actions: {
      actionGroups: [
        recipients.id
      ]
    }
  }
}]
