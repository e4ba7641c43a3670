"""Tables and data collection rules: what the local cloud deploys as Azure would, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from localcloud import LocalCloud, LocalCloudError
from localcloud.model import utc_moment
from tests.localcloud.conftest import DECLARED, INFRA, Collector
from tests.localcloud.rule import (
    ROLE,
    RULE,
    STREAM,
    TABLE,
    Change,
    Sender,
    changed,
)


def test_generated_definitions_are_deployed_at_the_start(cloud: LocalCloud, sender: Sender) -> None:
    """The first workspace has the project's tables, and after a reset the rule takes their streams alone."""
    assert set(cloud.tables()) >= DECLARED
    cloud.reset()
    cloud.grant("airflow-worker", ROLE, "/dcr")

    assert cloud.tables().keys() == DECLARED
    assert cloud.tables(cloud.second_workspace) == {}
    assert sender.send([{"s": "x"}]).status_code == 404
    for table in DECLARED:
        assert sender.send([{"RecordId_s": "r"}], stream=f"Custom-{table.removesuffix('_CL')}").status_code == 204
        assert [row["RecordId_s"] for row in cloud.rows(table)] == ["r"]


def columns(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Give a table's columns, to be changed."""
    found: list[dict[str, Any]] = body["properties"]["schema"]["columns"]
    return found


BAD_TABLES: dict[str, tuple[Change, str]] = {
    "no properties": (dict.clear, "properties is not an object"),
    "no schema": (lambda b: b["properties"].pop("schema"), "properties.schema is not an object"),
    "no suffix": (lambda b: b["properties"]["schema"].update(name="Test"), "ends with _CL"),
    "no columns": (lambda b: columns(b).clear(), "has no list of columns"),
    "plan": (lambda b: b["properties"].update(plan="Free"), "plan 'Free'"),
    "retention": (lambda b: b["properties"].update(totalRetentionInDays=3), "4 to 4383"),
    "no time": (lambda b: columns(b).pop(0), "needs a column TimeGenerated of type dateTime"),
    "time as text": (lambda b: columns(b)[0].update(type="string"), "needs a column TimeGenerated of type dateTime"),
    "reserved": (lambda b: columns(b)[1].update(name="Title"), "a column Title, which is a reserved name"),
    "long name": (lambda b: columns(b)[1].update(name="a" * 46), "a letter and up to 44"),
    "digit first": (lambda b: columns(b)[1].update(name="1a"), "a letter and up to 44"),
    "hyphen": (lambda b: columns(b)[1].update(name="a-b"), "a letter and up to 44"),
    "type": (lambda b: columns(b)[1].update(type="text"), "column RecordId_s of table Test_CL is 'text'"),
    "twice": (lambda b: columns(b).append(columns(b)[1]), "declares column RecordId_s twice"),
    "too many": (
        lambda b: columns(b).extend({"name": f"c{n}", "type": "int"} for n in range(500)),
        "has 510 columns; 500 are allowed",
    ),
    "other type": (lambda b: columns(b)[3].update(type="long"), "i of Test_CL is int and cannot become long"),
}


@pytest.mark.parametrize(("change", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_table_that_azure_would_refuse_is_not_deployed(sender: Sender, change: Change, message: str) -> None:
    """A table's name, plan, retention, columns and their types are checked."""
    with pytest.raises(LocalCloudError, match=message):
        sender.cloud.deploy(changed(TABLE, change))


def flow(body: dict[str, Any]) -> dict[str, Any]:
    """Give a rule's one flow, to be changed."""
    found: dict[str, Any] = body["properties"]["dataFlows"][0]
    return found


def stream_columns(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the columns of a rule's one stream, to be changed."""
    found: list[dict[str, Any]] = body["properties"]["streamDeclarations"]["Custom-Test"]["columns"]
    return found


def transform(kql: object) -> Change:
    """Set the transformation of a rule's one flow."""
    return lambda body: flow(body).update(transformKql=kql)


BAD_RULES: dict[str, tuple[Change, str]] = {
    "kind": (lambda b: b.pop("kind"), "only a rule of kind Direct"),
    "no streams": (lambda b: b["properties"].pop("streamDeclarations"), "streamDeclarations is not an object"),
    "no flows": (lambda b: b["properties"]["dataFlows"].clear(), "dataFlows is not a list"),
    "stream's name": (
        lambda b: b["properties"]["streamDeclarations"].update(Test=STREAM),
        "stream Test does not begin with Custom-",
    ),
    "unknown stream": (lambda b: flow(b).update(streams=["Custom-Other"]), "'Custom-Other', which is not declared"),
    "unknown destination": (lambda b: flow(b).update(destinations=["x"]), "the destination 'x'"),
    "destination": (lambda b: b["properties"].update(destinations={"logAnalytics": ["x"]}), "is not an object"),
    "unknown table": (
        lambda b: flow(b).update(outputStream="Custom-Other_CL"),
        "InvalidOutputTable: Table for output stream 'Custom-Other_CL' is not available for destination 'workspace'",
    ),
    "no output": (lambda b: flow(b).pop("outputStream"), "InvalidOutputTable"),
    "no time": (lambda b: stream_columns(b).pop(0), "has no TimeGenerated of type datetime"),
    "unknown column": (
        lambda b: stream_columns(b).append({"name": "x", "type": "int"}),
        "table Test_CL has no column x",
    ),
    "other type": (lambda b: stream_columns(b)[3].update(type="long"), "i is long, and int in table Test_CL"),
    "guid": (lambda b: stream_columns(b)[8].update(type="guid"), "column g of stream Custom-Test is 'guid'"),
    "summarize": (transform("source | summarize count()"), "Operator summarize is not played here"),
    "another source": (transform("Test_CL"), "begins with source, not with Test_CL"),
    "made of nothing": (transform("source | extend s = nothing"), "There is no column nothing"),
    "drops the time": (transform("source | project s"), "has no TimeGenerated"),
    "changes a type": (transform("source | extend i = s"), "i is string, and int in table Test_CL"),
    "no text": (transform(5), "transformKql is 5"),
}


@pytest.mark.parametrize(("change", "message"), BAD_RULES.values(), ids=BAD_RULES)
def test_rule_that_azure_would_refuse_is_not_deployed(sender: Sender, change: Change, message: str) -> None:
    """A rule's streams, destinations, tables and transformations are checked; the rule stays as it was."""
    with pytest.raises(LocalCloudError, match=message.replace("(", r"\(").replace(")", r"\)")):
        sender.cloud.deploy(rule=changed(RULE, change))

    assert sender.send([{"s": "x"}]).status_code == 204


def test_rule_may_transform_each_row(sender: Sender) -> None:
    """A transformation sees declared columns, filters rows, and what it makes of a time is checked again."""
    kql = "source | where i > 1 | extend s = toupper(s), TimeGenerated = ago(99d) | project-away d"
    sender.cloud.deploy(rule=changed(RULE, transform(kql)))
    before = datetime.now(UTC)
    sender.send([{"i": 1, "s": "a"}, {"i": 2, "s": "b", "d": [1], "t": "2020-01-02T03:04:05Z"}])
    (row,) = sender.cloud.rows("Test_CL")

    assert (row["i"], row["s"], row["d"], row["t"]) == (2, "B", None, "2020-01-02T03:04:05Z")
    assert utc_moment(row["TimeGenerated"]) >= before


def test_rule_names_its_destination_as_it_likes(sender: Sender) -> None:
    """A rule that was given its destination under another name is taken as well."""

    def rename(body: dict[str, Any]) -> None:
        flow(body).update(destinations=["logs"])
        body["properties"]["destinations"] = {"logAnalytics": [{"name": "logs", "workspaceResourceId": "/x"}]}

    sender.cloud.deploy(rule=changed(RULE, rename))

    assert sender.send([{"s": "x"}]).status_code == 204


def test_column_that_the_table_lost_is_dropped(sender: Sender) -> None:
    """A table may lose a column that the rule still sends: its values are dropped, the row is kept."""
    sender.send([{"s": "before"}])
    sender.cloud.deploy(changed(TABLE, lambda body: columns(body).pop(2)))
    assert sender.send([{"s": "x", "RecordId_s": "r2"}]).status_code == 204

    assert "s" not in sender.cloud.tables()["Test_CL"]
    assert [row["RecordId_s"] for row in sender.cloud.rows("Test_CL")] == [None, "r2"]
    assert all("s" not in row for row in sender.cloud.rows("Test_CL"))


def test_table_of_the_data_collector_cannot_be_declared(sender: Sender, collector: Collector) -> None:
    """A classic table has to be migrated first."""
    collector.send([{"x": 1}], log_type="Classic")

    with pytest.raises(LocalCloudError, match="Classic_CL is a classic table"):
        sender.cloud.deploy(changed(TABLE, lambda body: body["properties"]["schema"].update(name="Classic_CL")))


def test_data_collector_fills_existing_columns_of_a_declared_table(cloud: LocalCloud, collector: Collector) -> None:
    """What the Data Collector sends to a declared table makes no column, and loses what has none."""
    before = cloud.tables()
    sent = {"user": "alice", "KeyAgeDays": "3", "CreateDate": "2020-01-02T03:04:05Z", "more": 1}
    collector.send([sent, {"user": "8145d82213a744ad859c36f31a84f6dd"}], log_type="AWS_Access_Key_Report")
    first, second = cloud.rows("AWS_Access_Key_Report_CL")

    assert (first["user_s"], first["CreateDate_t"]) == ("alice", "2020-01-02T03:04:05Z")
    assert second["user_s"] is None
    assert before == cloud.tables()


def test_files_can_be_deployed_elsewhere(cloud: LocalCloud) -> None:
    """Definitions in files can be deployed to another workspace."""
    cloud.deploy_tables(sorted((INFRA / "tables").glob("*.json")), cloud.second_workspace)

    assert set(cloud.tables(cloud.second_workspace)) == DECLARED
