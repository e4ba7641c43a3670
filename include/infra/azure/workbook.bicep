// The workbook: the views of the page, each drawn from its query.

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

var views = [
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

var queries = [for view in views: {
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
}]

var introduction = {
  type: 1
  name: 'Introduction'
  content: {
    json: '''
# Access keys

Every IAM access key of the organisation, as Keywatch's newest runs found it. Ages are counted to the newest run. The keys of
an account that was not read stay as they were last seen. The time range is how far back is looked: a key that was not seen
within it is not shown.'''
  }
}

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
        introduction
        timeRange
      ], queries)
      fallbackResourceIds: [
        workspaceId
      ]
    })
  }
}
