"""Definitions of tables and of a data collection rule, checked as Azure checks them when they are deployed.

Sources: Microsoft Learn, "Tables - Create Or Update" (api-version 2025-07-01), "Structure of a data collection rule".
Error codes InvalidPayload and InvalidOutputTable were seen in public issues; all others are unverified.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from localcloud.declared_columns import (
    STREAM_TYPES,
    TABLE_TYPES,
    TIME,
    DefinitionError,
    read_columns,
)
from localcloud.transformation import SOURCE, Transformation

TABLE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*_CL")
PLANS: Final = ("Analytics", "Basic", "Auxiliary")
RETENTION: Final = range(4, 4384)
"""Days that a table may keep its rows."""
CUSTOM: Final = "Custom-"
"""What the name of a stream of custom logs begins with."""
DESTINATION: Final = "workspace"
"""The destination that whoever deploys a rule adds to it."""


@dataclass(frozen=True)
class Table:
    """A table with declared columns: their names and Kusto types."""

    name: str
    columns: dict[str, str]


@dataclass(frozen=True)
class Flow:
    """Where the rows of a stream go, and what is made of them on the way."""

    transformation: Transformation
    table: str


@dataclass(frozen=True)
class Stream:
    """What may be sent: declared columns with their Kusto types, and where they go."""

    columns: dict[str, str]
    flows: tuple[Flow, ...]


def read_table(body: Mapping[str, Any]) -> Table:
    """Read the body of a request that creates a table.

    Raises:
        DefinitionError: Azure would refuse it.
    """
    properties = _object(body.get("properties"), "properties")
    if properties.get("plan", PLANS[0]) not in PLANS:
        raise DefinitionError(f"InvalidParameter: plan {properties['plan']!r}; plans: {', '.join(PLANS)}")
    days = properties.get("totalRetentionInDays", RETENTION[0])
    if isinstance(days, bool) or not isinstance(days, int) or days not in RETENTION:
        raise DefinitionError(f"InvalidParameter: totalRetentionInDays {days!r}; {RETENTION[0]} to {RETENTION[-1]}")
    schema = _object(properties.get("schema"), "properties.schema")
    name = schema.get("name")
    if not isinstance(name, str) or not TABLE_NAME.fullmatch(name):
        raise DefinitionError(
            f"InvalidParameter: table {name!r}; a name is of letters, digits and _, and ends with _CL"
        )
    columns = read_columns(schema.get("columns"), TABLE_TYPES, f"table {name}")
    if columns.get(TIME) != "datetime":
        raise DefinitionError(f"InvalidParameter: table {name} needs a column {TIME} of type dateTime")
    return Table(name, columns)


def read_rule(body: Mapping[str, Any], tables: Mapping[str, Mapping[str, str]]) -> dict[str, Stream]:
    """Read a data collection rule with an endpoint of its own, before or after its destination was added.

    Args:
        body: the rule.
        tables: the columns of the tables that the destination has.

    Returns:
        The streams that can be sent to, by name.

    Raises:
        DefinitionError: Azure would refuse it.
    """
    if body.get("kind") != "Direct":
        raise DefinitionError("InvalidPayload: only a rule of kind Direct has an endpoint of its own")
    properties = _object(body.get("properties"), "properties")
    declared = {
        name: _declaration(name, value)
        for name, value in _object(properties.get("streamDeclarations"), "streamDeclarations").items()
    }
    flows: dict[str, list[Flow]] = {name: [] for name in declared}
    destinations = _destinations(properties)
    for number, each in enumerate(_list(properties.get("dataFlows"), "dataFlows")):
        _read_flow(_object(each, f"dataFlows[{number}]"), declared, flows, destinations, tables)
    return {name: Stream(columns, tuple(flows[name])) for name, columns in declared.items() if flows[name]}


def _declaration(name: str, value: object) -> dict[str, str]:
    if not name.startswith(CUSTOM):
        raise DefinitionError(f"InvalidPayload: stream {name} does not begin with {CUSTOM}")
    return read_columns(_object(value, name).get("columns"), STREAM_TYPES, f"stream {name}")


def _destinations(properties: Mapping[str, Any]) -> set[str]:
    given = _object(properties.get("destinations", {}), "destinations")
    workspaces = [_object(each, "logAnalytics") for each in given.get("logAnalytics", [])]
    return {DESTINATION, *(str(each.get("name")) for each in workspaces)}


def _read_flow(
    flow: Mapping[str, Any],
    declared: Mapping[str, Mapping[str, str]],
    flows: dict[str, list[Flow]],
    destinations: set[str],
    tables: Mapping[str, Mapping[str, str]],
) -> None:
    output = flow.get("outputStream")
    table = output.removeprefix(CUSTOM) if isinstance(output, str) and output.startswith(CUSTOM) else None
    for name in _list(flow.get("destinations"), "destinations of a flow"):
        if name not in destinations:
            raise DefinitionError(f"InvalidPayload: a flow names the destination {name!r}, which does not exist")
        if table is None or table not in tables:
            raise DefinitionError(
                f"InvalidOutputTable: Table for output stream '{output}' is not available for destination '{name}'."
            )
    for stream in _list(flow.get("streams"), "streams of a flow"):
        if stream not in declared:
            raise DefinitionError(f"InvalidStream: a flow names the stream {stream!r}, which is not declared")
        transformation = Transformation(flow.get("transformKql", SOURCE), declared[stream])
        _check_output(transformation.output, str(table), tables[str(table)])
        flows[stream].append(Flow(transformation, str(table)))


def _check_output(output: Mapping[str, str], table: str, columns: Mapping[str, str]) -> None:
    """Refuse a flow whose rows the table could not hold as they are."""
    if output.get(TIME) != "datetime":
        raise DefinitionError(f"InvalidTransformOutput: what goes to {table} has no {TIME} of type datetime")
    for name, kind in output.items():
        if name not in columns:
            raise DefinitionError(f"InvalidTransformOutput: table {table} has no column {name}")
        if _stored(columns[name]) != kind:
            raise DefinitionError(f"InvalidTransformOutput: {name} is {kind}, and {columns[name]} in table {table}")


def _stored(kind: str) -> str:
    """Give the type that a rule sees: a table's GUIDs are strings to it."""
    return "string" if kind == "guid" else kind


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DefinitionError(f"InvalidPayload: {where} is not an object")
    return value


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise DefinitionError(f"InvalidPayload: {where} is not a list with something in it")
    return value
