"""The records of events and of virtual machines, made of what Azure says of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NotRequired, TypedDict

from keywatch.columns import Timestamp, iso_time, stable_id
from keywatch.errors import MalformedRowError

AZURES_OWN: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")
"""How Azure writes a moment: in UTC, to 100 ns, which is kept."""


class ActivityRecord(TypedDict):
    """One row of `Azure_Activity_CL`: one event. What is not there is left out.

    `EventTimestamp` is the event's own time, to 100 ns: events older than two days lose it as TimeGenerated.
    """

    loggedDate: str
    SubscriptionId: str
    SubscriptionName: NotRequired[str]
    EventDataId: str
    EventTimestamp: Timestamp
    SubmissionTimestamp: NotRequired[Timestamp]
    CorrelationId: NotRequired[str]
    OperationId: NotRequired[str]
    OperationName: NotRequired[str]
    Category: NotRequired[str]
    Level: NotRequired[str]
    Status: NotRequired[str]
    SubStatus: NotRequired[str]
    Caller: NotRequired[str]
    ClientIpAddress: NotRequired[str]
    HttpMethod: NotRequired[str]
    ResourceGroup: NotRequired[str]
    ResourceProvider: NotRequired[str]
    ResourceType: NotRequired[str]
    AzureResourceId: NotRequired[str]
    Description: NotRequired[str]
    SnapshotTime: Timestamp
    RecordId: str
    RunId: str


class VirtualMachineRecord(TypedDict):
    """One row of `Azure_Virtual_Machine_CL`: one machine on one day. What is not there is left out."""

    loggedDate: str
    SubscriptionId: str
    SubscriptionName: NotRequired[str]
    AzureResourceId: str
    MachineName: str
    VmId: NotRequired[str]
    ResourceGroup: NotRequired[str]
    Location: NotRequired[str]
    Zones: NotRequired[str]
    VmSize: NotRequired[str]
    OsType: NotRequired[str]
    ImagePublisher: NotRequired[str]
    ImageOffer: NotRequired[str]
    ImageSku: NotRequired[str]
    ComputerName: NotRequired[str]
    Priority: NotRequired[str]
    ProvisioningState: NotRequired[str]
    CreatedTime: NotRequired[Timestamp]
    IdentityType: NotRequired[str]
    SnapshotTime: Timestamp
    RecordId: str
    RunId: str


def activity_record(
    event: Mapping[str, Any], subscription_id: str, name: str | None, run_id: str, now: datetime
) -> ActivityRecord:
    """Make an event's record. Its RecordId is made of `eventDataId` alone, so that reading it again is harmless.

    Args:
        event: As Azure writes it, perhaps without the properties that were not selected.
        subscription_id: Whose log it is in.
        name: The subscription's, if known.
        run_id: The run.
        now: When it was read, UTC.

    Raises:
        MalformedRowError: It has no id or no time, or the time is none.
    """
    identifier, happened = _text(event, "eventDataId"), _moment(event, "eventTimestamp")
    if identifier is None or happened is None:
        raise MalformedRowError("The event has no eventDataId, or no eventTimestamp.")
    snapshot_time = iso_time(now)
    record = {
        "loggedDate": snapshot_time[:10],
        "SubscriptionId": subscription_id,
        "SubscriptionName": name,
        "EventDataId": identifier,
        "EventTimestamp": happened,
        "SubmissionTimestamp": _moment(event, "submissionTimestamp"),
        "CorrelationId": _text(event, "correlationId"),
        "OperationId": _text(event, "operationId"),
        "OperationName": _text(event, "operationName", "value"),
        "Category": _text(event, "category", "value"),
        "Level": _text(event, "level"),
        "Status": _text(event, "status", "value"),
        "SubStatus": _text(event, "subStatus", "value"),
        "Caller": _text(event, "caller"),
        "ClientIpAddress": _text(event, "httpRequest", "clientIpAddress"),
        "HttpMethod": _text(event, "httpRequest", "method"),
        "ResourceGroup": _text(event, "resourceGroupName"),
        "ResourceProvider": _text(event, "resourceProviderName", "value"),
        "ResourceType": _text(event, "resourceType", "value"),
        "AzureResourceId": _text(event, "resourceId"),
        "Description": _text(event, "description"),
        "SnapshotTime": snapshot_time,
        "RecordId": stable_id("r", identifier.lower()),
        "RunId": run_id,
    }
    return {field: value for field, value in record.items() if value is not None}  # type: ignore[return-value]


def virtual_machine_record(
    machine: Mapping[str, Any], subscription_id: str, name: str | None, run_id: str, now: datetime
) -> VirtualMachineRecord:
    """Make a machine's record: one a day, however often it is read.

    Args:
        machine: As Azure describes it.
        subscription_id: Whose it is.
        name: The subscription's, if known.
        run_id: The run.
        now: When it was read, UTC.

    Raises:
        MalformedRowError: It has no resource id.
    """
    identifier = _text(machine, "id")
    if identifier is None:
        raise MalformedRowError("The virtual machine has no resource id.")
    snapshot_time = iso_time(now)
    record = {
        "loggedDate": snapshot_time[:10],
        "SubscriptionId": subscription_id,
        "SubscriptionName": name,
        "AzureResourceId": identifier,
        "MachineName": _text(machine, "name") or identifier.rpartition("/")[2],
        "VmId": _text(machine, "properties", "vmId"),
        "ResourceGroup": _resource_group(identifier),
        "Location": _text(machine, "location"),
        "Zones": _zones(machine),
        "VmSize": _text(machine, "properties", "hardwareProfile", "vmSize"),
        "OsType": _text(machine, "properties", "storageProfile", "osDisk", "osType"),
        "ImagePublisher": _text(machine, "properties", "storageProfile", "imageReference", "publisher"),
        "ImageOffer": _text(machine, "properties", "storageProfile", "imageReference", "offer"),
        "ImageSku": _text(machine, "properties", "storageProfile", "imageReference", "sku"),
        "ComputerName": _text(machine, "properties", "osProfile", "computerName"),
        "Priority": _text(machine, "properties", "priority"),
        "ProvisioningState": _text(machine, "properties", "provisioningState"),
        "CreatedTime": _moment(machine, "properties", "timeCreated"),
        "IdentityType": _text(machine, "identity", "type"),
        "SnapshotTime": snapshot_time,
        "RecordId": stable_id("r", identifier.lower(), snapshot_time[:10]),
        "RunId": run_id,
    }
    return {field: value for field, value in record.items() if value is not None}  # type: ignore[return-value]


def _text(source: Any, *names: str) -> str | None:  # noqa: ANN401 - JSON
    """Return a text somewhere in JSON; None if it, or anything on the way to it, is not there, or is empty."""
    for name in names:
        source = source.get(name) if isinstance(source, Mapping) else None
    return source if isinstance(source, str) and source else None


def _moment(source: Any, *names: str) -> str | None:  # noqa: ANN401 - JSON
    """Return a moment as Azure writes it, in UTC with Z, digits and all."""
    text = _text(source, *names)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.utcoffset() is None:
            raise MalformedRowError(f"{names[-1]} has no time zone.")
        return text if AZURES_OWN.fullmatch(text) else iso_time(moment)
    except (OverflowError, ValueError) as error:
        raise MalformedRowError(f"{names[-1]} is no moment.") from error


def _resource_group(identifier: str) -> str | None:
    parts = identifier.split("/")
    places = [number for number, part in enumerate(parts) if part.lower() == "resourcegroups"]
    return parts[places[0] + 1] if places and len(parts) > places[0] + 1 else None


def _zones(machine: Mapping[str, Any]) -> str | None:
    zones = machine.get("zones")
    return ", ".join(str(zone) for zone in zones) if isinstance(zones, list) and zones else None
