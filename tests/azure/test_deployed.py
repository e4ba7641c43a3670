"""Values in what is deployed that no SDK's model judges, and without which nothing would work, or not as safely."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from tests.azure.deployment import deployed, roles
from tests.azure.files import FUNCTIONS, QUERIES
from tests.azure.local_engine import Tables
from tests.bicep import Resource

DEPLOYMENT: Final = deployed(workspaceKeySecretName="workspace-key", watchActivity=True)
OF_ALERTS_ALONE: Final = {"no_report_for_26_hours", "no_azure_activity_for_26_hours"}
SUPPORTED_HOURS: Final = {1, 2, 3, 4, 5, 6, 12, 24}
"""How often a rule with a state may run, and how far its windows go.

Source: Microsoft Learn, "Create a log search alert rule" and "Azure Monitor service limits".
"""


def of_type(kind: str) -> list[Resource]:
    """Give the resources of a type that are deployed."""
    return [each for each in DEPLOYMENT.resources if each.type == kind and not each.existing]


def properties(resource: Resource) -> Any:  # noqa: ANN401 - JSON
    """Give a resource's properties."""
    return resource.body["properties"]


def workbook() -> Any:  # noqa: ANN401 - JSON
    """Give the items of the workbook."""
    [found] = of_type("Microsoft.Insights/workbooks")
    assert properties(found)["sourceId"] == workspace_id()
    return json.loads(properties(found)["serializedData"])["items"]


def workspace_id() -> str:
    """Give the id of the workspace."""
    [found] = of_type("Microsoft.OperationalInsights/workspaces")
    return found.id


def test_vault_keeps_keys_on_an_hsm_by_roles_and_for_good() -> None:
    """The vault is Premium, knows roles and no access policies, and nobody can purge it."""
    [vault] = of_type("Microsoft.KeyVault/vaults")
    found = properties(vault)
    assert found["sku"] == {"family": "A", "name": "premium"}
    assert (found["enableRbacAuthorization"], found["enableSoftDelete"], found["enablePurgeProtection"]) == (True,) * 3
    assert 7 <= found["softDeleteRetentionInDays"] <= 90
    assert "accessPolicies" not in found
    assert re.fullmatch(r"[0-9a-f-]{36}", found["tenantId"])


def test_worker_without_an_object_id_gets_no_role() -> None:
    """Nobody gets a role on the vault where no worker needs it."""
    found = deployed(workerObjectId="", workspaceKeySecretName="workspace-key")
    assert {who for who, _, _ in roles(found)} == {"application"}


def test_rule_fills_every_table_of_the_workspace() -> None:
    """Each flow goes to the workspace, into a table that is deployed before the rule is."""
    [rule] = of_type("Microsoft.Insights/dataCollectionRules")
    tables = {each.name.rpartition("/")[2] for each in of_type("Microsoft.OperationalInsights/workspaces/tables")}
    [destination] = properties(rule)["destinations"]["logAnalytics"]
    flows = properties(rule)["dataFlows"]

    assert rule.body["kind"] == "Direct"
    assert destination["workspaceResourceId"] == workspace_id()
    assert [flow["destinations"] for flow in flows] == [[destination["name"]]] * len(flows)
    assert {flow["outputStream"].removeprefix("Custom-") for flow in flows} == tables
    assert "table" in depends_on(rule)


def depends_on(resource: Resource) -> str:
    """Give what a resource's text says that it depends on."""
    text = resource.file.read_text(encoding="utf-8")
    [block] = re.findall(rf"^resource {resource.symbol} .*?^}}", text, re.MULTILINE | re.DOTALL)
    return str(block).partition("dependsOn")[2]


def test_every_function_and_query_is_saved_once_from_its_file() -> None:
    """Functions are saved under the names that queries call them by, and anything saved may be written over."""
    saved = of_type("Microsoft.OperationalInsights/workspaces/savedSearches")
    functions = {properties(each)["functionAlias"]: each for each in saved if "functionAlias" in properties(each)}
    queries = {each.name.partition("keywatch_")[2]: each for each in saved if "functionAlias" not in properties(each)}

    assert {name: properties(each)["query"] for name, each in functions.items()} == FUNCTIONS
    assert {name: properties(each)["query"] for name, each in queries.items()} == QUERIES
    assert {each.body["etag"] for each in saved} == {"*"}
    assert {properties(each)["version"] for each in saved} == {2}
    assert len({properties(each)["displayName"] for each in saved}) == len(saved)


def test_every_rule_is_on_and_asks_the_workspace() -> None:
    """Each alert is on, fires at a row, is over without one, looks back two days, and tells somebody."""
    [recipients] = of_type("Microsoft.Insights/actionGroups")
    for rule in of_type("Microsoft.Insights/scheduledQueryRules"):
        found = properties(rule)
        [condition] = found["criteria"]["allOf"]
        assert (found["enabled"], found["autoMitigate"], found["scopes"]) == (True, True, [workspace_id()])
        assert (condition["timeAggregation"], condition["operator"], condition["threshold"]) == (
            "Count",
            "GreaterThan",
            0,
        )
        assert condition["failingPeriods"] == {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1}
        assert int(re.fullmatch(r"PT(\d+)H", found["evaluationFrequency"])[1]) in SUPPORTED_HOURS - {24}  # type: ignore[index]
        assert (found["windowSize"], found["overrideQueryTimeRange"]) == ("P1D", "P2D")
        assert found["actions"]["actionGroups"] == [recipients.id]
        columns = condition["query"].rpartition("project")[2]
        assert all(re.search(rf"\b{each['name']}\b", columns) for each in condition["dimensions"])
    assert properties(recipients)["enabled"]
    assert [each["emailAddress"] for each in properties(recipients)["emailReceivers"]] == ["cloud-security@contoso.com"]


def on_tabs() -> dict[str, list[Any]]:
    """Give the items of each tab of the workbook, by what decides that they are shown."""
    groups = [each for each in workbook() if each["type"] == 12]
    assert {each["conditionalVisibility"]["comparison"] for each in groups} == {"isEqualTo"}
    return {each["conditionalVisibility"]["value"]: each["content"]["items"] for each in groups}


def test_each_tab_can_be_chosen() -> None:
    """The links set the parameter by which a group is shown, to the value of each group; a group has a text first."""
    [links] = [each["content"] for each in workbook() if each["type"] == 11]
    shown = {each["conditionalVisibility"]["parameterName"] for each in workbook() if each["type"] == 12}

    assert links["style"] == "tabs"
    assert {each["cellValue"] for each in links["links"]} == shown
    assert [each["subTarget"] for each in links["links"]] == list(on_tabs()) == ["keys", "azure"]
    assert {each["linkTarget"] for each in links["links"]} == {"parameter"}
    assert [items[0]["type"] for items in on_tabs().values()] == [1, 1]


def test_tab_of_azure_has_what_reads_its_tables() -> None:
    """On one tab are the views of events, machines and subscriptions, on the other those of keys and accounts."""
    of_azure = re.compile(r"\bAzure|VirtualMachines")
    for tab, items in on_tabs().items():
        found = {bool(of_azure.search(each["content"]["query"])) for each in items if each["type"] == 3}
        assert found == {tab == "azure"}


def test_workbook_shows_each_query_over_its_time_range() -> None:
    """Every view asks the workspace for a committed query, over a time range that the reader can choose."""
    items = [*workbook(), *(each for items in on_tabs().values() for each in items)]
    [parameters] = [each["content"]["parameters"] for each in items if each["type"] == 9]
    views = [each["content"] for each in items if each["type"] == 3]
    names = {text: name for name, text in QUERIES.items()}

    assert {names[view["query"]] for view in views} == set(QUERIES) - OF_ALERTS_ALONE
    assert len(views) == len({view["title"] for view in views})
    assert {view["timeContextFromParameter"] for view in views} == {each["name"] for each in parameters}
    assert {view["queryType"] for view in views} == {0}
    assert all(view["crossComponentResources"] == [workspace_id()] for view in views)
    assert all("| render" in view["query"] or view["visualization"] in ("table", "tiles") for view in views)
    for tab in on_tabs().values():
        assert sum(int(each["customWidth"]) for each in tab if each["type"] == 3) % 100 == 0


def test_tiles_name_columns_of_their_query() -> None:
    """What a tile shows is a column that its query answers with."""
    [tiles] = [each["content"] for each in on_tabs()["keys"] if each["content"].get("visualization") == "tiles"]
    [first, *_] = Tables({}).query(tiles["query"])
    shown = {each["columnMatch"] for each in tiles["tileSettings"].values() if isinstance(each, dict)}
    assert shown == set(first)
