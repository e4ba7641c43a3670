// The workbook: a tab with the views of the page, and one of Azure's subscriptions; each view is drawn from its query.

param location string
param workspaceId string

var workspaceType = 'microsoft.operationalinsights/workspaces'

// Milliseconds.
var twoDays = 172800000
var thirtyDays = 2592000000
var ninetyDays = 7776000000

var tiles = {
  visualization: 'tiles'
  size: 4
  tileSettings: {
    titleContent: {
      columnMatch: 'Figure'
      formatter: 1
    }
    leftContent: {
      columnMatch: 'Count'
      formatter: 12
      formatOptions: {
        palette: 'none'
      }
    }
    showBorder: true
  }
}

// Drawn as the query's render says.
var chart = {
  size: 0
}

var list = {
  visualization: 'table'
  size: 0
  showExportToExcel: true
  gridSettings: {
    filter: true
    rowLimit: 10000
  }
}

var nobody = {
  noDataMessage: 'None.'
  noDataMessageStyle: 3
}

var ofKeys = [
  {
    title: 'Keys at a glance'
    width: '100'
    content: tiles
    query: loadTextContent('../../kql/key_figures.kql')
  }
  {
    title: 'Accounts that were not read, or not in whole'
    width: '70'
    content: union(list, nobody)
    query: loadTextContent('../../kql/accounts_not_read.kql')
  }
  {
    title: 'Accounts by status'
    width: '30'
    content: list
    query: loadTextContent('../../kql/accounts_by_status.kql')
  }
  {
    title: 'Open findings by rule'
    width: '60'
    content: union(list, nobody)
    query: loadTextContent('../../kql/findings_by_rule.kql')
  }
  {
    title: 'Open findings by owner'
    width: '40'
    content: union(list, nobody)
    query: loadTextContent('../../kql/findings_by_owner.kql')
  }
  {
    title: 'Open findings by day'
    width: '100'
    content: chart
    query: loadTextContent('../../kql/findings_by_day.kql')
  }
  {
    title: 'Open findings'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/findings.kql')
  }
  {
    title: 'Keys by day'
    width: '50'
    content: chart
    query: loadTextContent('../../kql/keys_by_day.kql')
  }
  {
    title: 'Keys created, the last 90 days'
    width: '50'
    content: chart
    query: loadTextContent('../../kql/keys_created_per_day.kql')
  }
  {
    title: 'Keys by age'
    width: '34'
    content: chart
    query: loadTextContent('../../kql/keys_by_age.kql')
  }
  {
    title: 'Keys by the service they were last used for'
    width: '33'
    content: chart
    query: loadTextContent('../../kql/keys_by_service.kql')
  }
  {
    title: 'Keys by the Region they were last used in'
    width: '33'
    content: chart
    query: loadTextContent('../../kql/keys_by_region.kql')
  }
  {
    title: 'Keys of root users'
    width: '50'
    content: union(list, nobody)
    query: loadTextContent('../../kql/keys_of_root.kql')
  }
  {
    title: 'Users with two active keys'
    width: '50'
    content: union(list, nobody)
    query: loadTextContent('../../kql/users_with_two_active_keys.kql')
  }
  {
    title: 'Keys over 90 days old'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/keys_over_90_days.kql')
  }
  {
    title: 'Keys unused for 45 days'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/keys_unused_for_45_days.kql')
  }
  {
    title: 'Keys never used'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/keys_never_used.kql')
  }
  {
    title: 'Keys without an owner'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/keys_without_owner.kql')
  }
  {
    title: 'All keys'
    width: '100'
    content: list
    query: loadTextContent('../../kql/keys.kql')
  }
  {
    title: 'Deleted keys'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/keys_deleted.kql')
  }
  {
    title: 'Findings resolved in the last 30 days'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/findings_resolved.kql')
  }
  {
    title: 'Keys proposed for deactivation, and what became of them'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/deactivations.kql')
  }
  {
    title: 'Accounts'
    width: '100'
    content: list
    query: loadTextContent('../../kql/accounts.kql')
  }
  {
    title: 'Runs'
    width: '100'
    content: list
    query: loadTextContent('../../kql/runs.kql')
  }
]

var ofAzure = [
  {
    title: 'Subscriptions that were not read, or not in whole'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/subscriptions_not_read.kql')
  }
  {
    title: 'Events by day'
    width: '100'
    content: chart
    query: loadTextContent('../../kql/activity_by_day.kql')
  }
  {
    title: 'Events by caller'
    width: '50'
    content: union(list, nobody)
    query: loadTextContent('../../kql/activity_by_caller.kql')
  }
  {
    title: 'Events by operation'
    width: '50'
    content: union(list, nobody)
    query: loadTextContent('../../kql/activity_by_operation.kql')
  }
  {
    title: 'Roles that were given and taken away'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/activity_of_role_assignments.kql')
  }
  {
    title: 'What was done to key vaults'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/activity_of_key_vaults.kql')
  }
  {
    title: 'Operations that failed'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/activity_failed.kql')
  }
  {
    title: 'Virtual machines by size'
    width: '50'
    content: chart
    query: loadTextContent('../../kql/virtual_machines_by_size.kql')
  }
  {
    title: 'Virtual machines by region'
    width: '50'
    content: chart
    query: loadTextContent('../../kql/virtual_machines_by_region.kql')
  }
  {
    title: 'Virtual machines that are new, and that are gone'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/virtual_machines_new_and_gone.kql')
  }
  {
    title: 'Virtual machines'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/virtual_machines.kql')
  }
  {
    title: 'Events that came an hour or more after they had happened'
    width: '100'
    content: union(list, nobody)
    query: loadTextContent('../../kql/activity_late.kql')
  }
]

// What is on a tab that is not chosen asks nothing.
var tabs = [
  {
    id: 'keys'
    title: 'Access keys'
    views: ofKeys
    introduction: '''
# Access keys

Every IAM access key of the organisation, as Keywatch's newest runs found it. Ages are counted to the newest run. The keys of
an account that was not read stay as they were last seen. The time range is how far back is looked: a key that was not seen
within it is not shown.'''
  }
  {
    id: 'azure'
    title: 'Azure'
    views: ofAzure
    introduction: '''
# Azure

What was done in Azure's subscriptions, and which virtual machines are there, as DAG `azure_activity_report` found it. The
time range is how far back is looked: an event that was not read within it is not shown, whenever it happened.'''
  }
]

var choice = {
  type: 11
  name: 'Tabs'
  content: {
    version: 'LinkItem/1.0'
    style: 'tabs'
    links: map(tabs, tab => {
      id: guid(workspaceId, tab.id)
      cellValue: 'Tab'
      linkTarget: 'parameter'
      linkLabel: tab.title
      subTarget: tab.id
      style: 'link'
    })
  }
}

var groups = map(tabs, tab => {
  type: 12
  name: tab.title
  conditionalVisibility: {
    parameterName: 'Tab'
    comparison: 'isEqualTo'
    value: tab.id
  }
  content: {
    version: 'NotebookGroup/1.0'
    groupType: 'editable'
    items: concat([
      {
        type: 1
        name: '${tab.title}, introduction'
        content: {
          json: tab.introduction
        }
      }
    ], map(tab.views, view => {
      type: 3
      name: view.title
      customWidth: view.width
      content: union(view.content, {
        version: 'KqlItem/1.0'
        title: view.title
        query: view.query
        queryType: 0
        resourceType: workspaceType
        crossComponentResources: [
          workspaceId
        ]
        timeContextFromParameter: 'TimeRange'
        timeContext: {
          durationMs: ninetyDays
        }
      })
    }))
  }
})

var timeRange = {
  type: 9
  name: 'Time range'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'pills'
    queryType: 0
    resourceType: workspaceType
    parameters: [
      {
        id: guid(workspaceId, 'TimeRange')
        version: 'KqlParameterItem/1.0'
        name: 'TimeRange'
        label: 'Time range'
        type: 4
        isRequired: true
        value: {
          durationMs: ninetyDays
        }
        typeSettings: {
          selectableValues: [
            {
              durationMs: twoDays
            }
            {
              durationMs: thirtyDays
            }
            {
              durationMs: ninetyDays
            }
          ]
          allowCustom: true
        }
      }
    ]
  }
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspaceId, 'keywatch')
  location: location
  kind: 'shared'
  properties: {
    displayName: 'Access keys'
    category: 'workbook'
    sourceId: workspaceId
    version: 'Notebook/1.0'
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat([
        timeRange
        choice
      ], groups)
      fallbackResourceIds: [
        workspaceId
      ]
    })
  }
}
