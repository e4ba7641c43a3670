"""Events and virtual machines over some days: the records that are sent, and what each query has to answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from keywatch.azure_resources.records import activity_record, virtual_machine_record
from keywatch.pipeline.azure.audit import DatasetAudit
from keywatch.pipeline.azure.manifests import Dataset, Status, SubscriptionRef
from tests.azure.four_ways import Row, Sent, answered

MIDNIGHT: Final = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
"""The end of the newest day of which events were read."""
SECOND: Final = MIDNIGHT + timedelta(hours=1)
FIRST: Final = SECOND - timedelta(days=1)
EARLIER: Final = FIRST - timedelta(minutes=20)
EVENING: Final = SECOND + timedelta(hours=17)
LONG_AGO: Final = SECOND - timedelta(days=31)
"""When the runs were."""

MAIN, PAYMENTS, SANDBOX, EMPTIED, LEFT, UNTOLD = (f"{digit * 8}-2222-4222-8222-222222222222" for digit in "123456")
NAMES: Final = {MAIN: "Main", PAYMENTS: "Payments", SANDBOX: "Sandbox", EMPTIED: "Emptied", LEFT: "Left"}
"""The subscriptions; one was given by its id alone, so that nobody knows its name."""
APPLICATION: Final = "a97d5e1c-3b68-4e2f-b1a4-7c9e0d5f6a04"
"""A caller without a name: the Data Collector gives it another column."""


def guid(number: int) -> str:
    """Give an id of which the Data Collector makes a GUID."""
    return f"{number:08}-3333-4333-8333-333333333333"


def written(moment: datetime) -> str:
    """Write a moment as answers have it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def before(hours: float) -> datetime:
    """Give the moment so many hours before the end of the newest day."""
    return MIDNIGHT - timedelta(hours=hours)


ROLES, VAULTS = "Microsoft.Authorization/roleAssignments", "Microsoft.KeyVault/vaults"


def event(number: int, hours: float, operation: str, status: str, caller: str | None, **fields: Any) -> Row:  # noqa: ANN401
    """Give an event as Azure writes it, which happened so many hours before the end of the newest day.

    Further fields take the place of its own; without a caller it is news of Azure's health.
    """
    happened = before(hours)
    about = {
        "eventDataId": guid(number),
        "eventTimestamp": written(happened),
        "submissionTimestamp": written(happened + timedelta(minutes=10)),
        "correlationId": guid(100 + number),
        "operationName": {"value": operation},
        "status": {"value": status},
        "level": "Informational",
        "category": {"value": "Administrative" if caller else "ServiceHealth"},
        "resourceProviderName": {"value": operation.partition("/")[0]},
    }
    if caller is None:
        return about | fields
    by_somebody = {
        "operationId": guid(200 + number),
        "caller": caller,
        "httpRequest": {"clientIpAddress": "203.0.113.7", "method": "PUT"},
        "resourceGroupName": "web-prod",
        "resourceType": {"value": operation.rpartition("/")[0]},
        "resourceId": f"/subscriptions/{MAIN}/resourcegroups/web-prod/providers/{operation}/{number}",
        "subStatus": {"value": "Forbidden" if status == "Failed" else ""},
    }
    return about | by_somebody | fields


EVENTS: Final[Mapping[str, Row]] = {
    "begun": event(1, 38, f"{ROLES}/write", "Started", "Ada@contoso.com"),
    "granted": event(2, 37.99, f"{ROLES}/write", "Succeeded", "ada@contoso.com"),
    "taken": event(3, 25, f"{ROLES.upper()}/DELETE", "Failed", APPLICATION),
    "started": event(4, 20, "Microsoft.Compute/virtualMachines/start/action", "Failed", APPLICATION),
    "vault": event(5, 19, f"{VAULTS}/write", "Succeeded", "ada@contoso.com"),
    "health": event(
        6,
        25.5,
        "Microsoft.ServiceHealth/incident/action",
        "Active",
        None,
        submissionTimestamp=written(before(20.46)),
    ),
    "late": event(
        7,
        18,
        "MICROSOFT.COMPUTE/virtualMachines/start/action",
        "Succeeded",
        APPLICATION,
        submissionTimestamp=written(before(17)),
    ),
    "in time": event(
        8,
        17,
        "Microsoft.Compute/virtualMachines/start/action",
        "Succeeded",
        APPLICATION,
        submissionTimestamp=written(before(17) + timedelta(minutes=59)),
    ),
    "partly": event(9, 16, f"{VAULTS}/write", "Succeeded", "ada@contoso.com"),
    "judged": event(
        10,
        15,
        "Microsoft.Authorization/policies/audit/action",
        "Succeeded",
        "ada@contoso.com",
        resourceProviderName={"value": "MICROSOFT.KEYVAULT"},
    ),
}


def selected(name: str) -> Row:
    """Give an event as a run reads it that asks for few properties."""
    kept = ("eventDataId", "eventTimestamp", "submissionTimestamp", "operationName", "status")
    return {each: EVENTS[name][each] for each in kept}


def read(moment: datetime, *events: Row) -> list[Row]:
    """Give the records of events that a run has read at a moment."""
    return [dict(activity_record(each, MAIN, NAMES[MAIN], f"run of {moment:%d %H}", moment)) for each in events]


def of(*names: str) -> list[Row]:
    """Give events by name."""
    return [EVENTS[name] for name in names]


ACTIVITY: Final[Sequence[Sequence[Row]]] = [
    read(FIRST, *of("begun", "granted", "taken")),
    # What happened in the last two hours of the day before comes a second time; of its events, one came late.
    read(SECOND, *of("taken", "health", "started", "vault", "late", "in time", "judged")),
    # For few properties, of what is known as a whole, and of what is not.
    read(EVENING, selected("started"), selected("partly")),
    # A chunk whose answer was lost.
    read(SECOND, *of("taken")),
]
KEPT_ACTIVITY: Final = [*ACTIVITY[0][:2], *ACTIVITY[1], ACTIVITY[2][1]]
BEGUN, GRANTED, TAKEN, HEALTH, STARTED, VAULT, LATE, IN_TIME, JUDGED, PARTLY = KEPT_ACTIVITY
"""The records that count."""


def machine(name: str, subscription: str, size: str = "Standard_B2ms", **fields: Any) -> Row:  # noqa: ANN401 - JSON
    """Give a virtual machine as Azure describes it."""
    group = f"/subscriptions/{subscription}/resourceGroups/WEB-PROD"
    image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}
    properties: Row = {
        "vmId": guid(sum(map(ord, name))),
        "hardwareProfile": {"vmSize": size},
        "storageProfile": {"osDisk": {"osType": "Linux"}, "imageReference": image},
        "osProfile": {"computerName": name},
        "provisioningState": "Succeeded",
        "timeCreated": written(LONG_AGO),
    }
    identifier = f"{group}/providers/Microsoft.Compute/virtualMachines/{name}"
    return {"id": identifier, "name": name, "location": "westeurope", "properties": properties} | fields


ODD: Final = guid(99)
"""The name of a machine: the Data Collector gives it another column."""


def snapshot(moment: datetime, subscription: str, *machines: Row) -> list[Row]:
    """Give the records of a subscription's machines that a run has seen at a moment."""
    name = NAMES.get(subscription)
    return [
        dict(virtual_machine_record(each, subscription, name, f"run of {moment:%d %H}", moment)) for each in machines
    ]


BARE: Final = {subscription: {"id": machine("bare", subscription)["id"]} for subscription in (EMPTIED, UNTOLD)}
"""Machines of which Azure tells nothing."""
GROWN: Final = machine("web-1", MAIN, "Standard_D2s_v5", zones=["1", "2"], identity={"type": "SystemAssigned"})
MOVED: Final = machine("web-4", MAIN, "Standard_D2s_v5", location="northeurope")
MACHINES: Final[Sequence[Sequence[Row]]] = [
    snapshot(LONG_AGO, LEFT, machine("left", LEFT)),
    snapshot(FIRST, MAIN, *(machine(name, MAIN) for name in ("web-1", "web-2", "web-3"))),
    snapshot(FIRST, PAYMENTS, machine("pay-1", PAYMENTS), machine("pay-2", PAYMENTS)),
    snapshot(FIRST, SANDBOX, machine("play", SANDBOX)),
    snapshot(FIRST, EMPTIED, BARE[EMPTIED]),
    snapshot(SECOND, MAIN, machine("web-1", MAIN), machine("web-2", MAIN), machine("web-4", MAIN)),
    snapshot(SECOND, PAYMENTS, machine("pay-1", PAYMENTS)),
    snapshot(EVENING, MAIN, GROWN | {"id": GROWN["id"].lower()}, MOVED, machine(ODD, MAIN)),
    snapshot(EVENING, UNTOLD, BARE[UNTOLD]),
    # A chunk whose answer was lost.
    snapshot(SECOND, MAIN, machine("web-1", MAIN)),
    snapshot(EARLIER, MAIN, machine("web-0", MAIN)),
]
WEB_2: Final = MACHINES[5][1]
WEB_3: Final = MACHINES[1][2]
WEB_1, WEB_4, ODD_ONE = MACHINES[7]
KEPT_MACHINES: Final = [each for request in (0, 1, 2, 3, 4, 6, 7, 8, 10) for each in MACHINES[request]] + [WEB_2]
"""The records that count: of each machine the last of each day."""
CURRENT: Final = [*MACHINES[8], ODD_ONE, WEB_1, WEB_4, *MACHINES[6], MACHINES[2][1], *MACHINES[3]]
"""The machines that exist, as they are listed: those of a subscription without a name come first."""


def audit(
    moment: datetime,
    subscription: str,
    dataset: Dataset,
    status: Status = "ok",
    *,
    until: datetime = MIDNIGHT,
    run: str | None = None,
    reason: str | None = None,
    action: str | None = None,
) -> Row:
    """Give the record of what became of a dataset in a run, which read what happened on the day until then."""
    start = until - timedelta(days=1, hours=2)
    listed = SubscriptionRef(
        number=0,
        id=subscription,
        name=NAMES.get(subscription),
        window_start=written(start),
        window_end=written(until),
        condition=None,
        reads_machines=True,
    )
    found = DatasetAudit(listed, dataset, status, reason, written(moment), action, 1)
    return dict(found.record(run or f"run of {moment:%m-%d %H}"))


DAY_BEFORE: Final = MIDNIGHT - timedelta(days=1)
DATASETS: Final[tuple[Dataset, ...]] = ("activity", "virtual_machines")
REPEATED: Final = "the run whose task was cleared"
NOT_READ: Final = [
    audit(SECOND, PAYMENTS, "virtual_machines", "partial", reason="1 of 2 virtual machines were rejected"),
    audit(SECOND, SANDBOX, "activity", "failed", reason="not read"),
    audit(
        SECOND,
        SANDBOX,
        "virtual_machines",
        "denied",
        reason="Azure denies it",
        action="Microsoft.Compute/virtualMachines/read",
    ),
]
"""What is missing in the end, as it is listed."""
AUDITS: Final[Sequence[Sequence[Row]]] = [
    [audit(LONG_AGO, LEFT, "virtual_machines"), audit(LONG_AGO, LEFT, "activity", "denied", reason="gone")],
    [audit(EARLIER, MAIN, "virtual_machines", until=DAY_BEFORE)],
    [
        audit(FIRST, subscription, dataset, until=DAY_BEFORE)
        for subscription in (MAIN, PAYMENTS, SANDBOX, EMPTIED)
        for dataset in DATASETS
    ],
    [audit(SECOND, PAYMENTS, "activity", "failed", reason="not delivered", run=REPEATED)],
    [
        *NOT_READ,
        audit(SECOND, MAIN, "virtual_machines"),
        audit(SECOND, MAIN, "activity", "partial", reason="1 of 6 events were rejected"),
        *(audit(SECOND, EMPTIED, dataset) for dataset in DATASETS),
        audit(SECOND, PAYMENTS, "activity", run=REPEATED),
    ],
    [
        *(audit(EVENING, MAIN, dataset) for dataset in DATASETS),
        # A run that reads what happened before can see no machines, and one of last month says nothing of today.
        audit(EVENING, SANDBOX, "virtual_machines", "skipped", run="once more", reason="not today"),
        audit(EVENING, SANDBOX, "activity", until=LONG_AGO, run="backfill"),
    ],
]
KEPT_AUDITS: Final = [each for request in (0, 1, 2, 4, 5) for each in AUDITS[request]]

SENT: Final[Sent] = {"activity": ACTIVITY, "virtual_machines": MACHINES, "subscriptions": AUDITS}

WHERE: Final = ("SubscriptionId_s", "SubscriptionName_s")
WHAT: Final = ("EventTimestamp_t", "OperationName_s", "Caller_s", "ClientIpAddress_s", "AzureResourceId_s", *WHERE)
SHAPE: Final = ("MachineName_s", *WHERE, "ResourceGroup_s", "Location_s", "VmSize_s", "OsType_s", "CreatedTime_t")
IMAGE: Final = ("ImagePublisher_s", "ImageOffer_s", "ImageSku_s")
STATE: Final = ("Zones_s", "Priority_s", "ProvisioningState_s", "IdentityType_s", "SnapshotTime_t")


def _events(records: Iterable[Row], *names: str) -> list[Row]:
    return [answered("activity", each, *WHAT, "CorrelationId_s", *names) for each in records]


def _late(record: Row, hours: float) -> Row:
    names = ("EventTimestamp_t", "SubmissionTimestamp_t", *WHERE, "Category_s", "OperationName_s", "Status_s")
    return {"LateHours": hours} | answered("activity", record, *names)


def _day(moment: datetime, events: int, failed: int) -> Row:
    return {"Day": written(moment), "Events": events, "Failed": failed}


def _caller(caller: str, events: int, failed: int, operations: int, last: Row) -> Row:
    counts = {"Events": events, "Failed": failed, "Operations": operations}
    return {"Caller": caller} | counts | {"LastEvent_t": last["EventTimestamp"]}


def _operation(events: int, failed: int, callers: int, last: Row) -> Row:
    counts = {"Events": events, "Failed": failed, "Callers": callers}
    return {"OperationName_s": last["OperationName"]} | counts | {"LastEvent_t": last["EventTimestamp"]}


def _changed(change: str, record: Row, newest: datetime) -> Row:
    snapshots = {"BeforeTime_t": written(FIRST), "NewestTime_t": written(newest)}
    return {"Change": change} | answered("virtual_machines", record, *SHAPE) | snapshots


def _same_machine(record: Row) -> Row:
    return answered("virtual_machines", record) | {"MachineId_s": record["AzureResourceId"].lower()}


def _not_read(record: Row, whole: datetime) -> Row:
    names = ("Dataset_s", "Status_s", "Action_s", "Reason_s", "WindowStart_t", "WindowEnd_t", "SnapshotTime_t")
    return answered("subscriptions", record, *WHERE, *names) | {"WholeTime_t": written(whole)}


ACTIVITY_ANSWERS: Final[Mapping[str, list[Row]]] = {
    "activity_by_day": [_day(DAY_BEFORE - timedelta(days=1), 4, 1), _day(DAY_BEFORE, 6, 1)],
    "activity_by_caller": [
        _caller(APPLICATION, 4, 2, 2, IN_TIME),
        _caller("ada@contoso.com", 4, 0, 3, JUDGED),
        _caller("nobody", 2, 0, 2, PARTLY),
    ],
    "activity_by_operation": [
        _operation(3, 1, 1, IN_TIME),
        _operation(2, 0, 1, GRANTED),
        _operation(2, 0, 1, PARTLY),
        _operation(1, 0, 1, JUDGED),
        _operation(1, 1, 1, TAKEN),
        _operation(1, 0, 0, HEALTH),
    ],
    "activity_failed": _events([STARTED, TAKEN], "SubStatus_s", "ResourceGroup_s"),
    "activity_of_role_assignments": _events([TAKEN, GRANTED, BEGUN], "Status_s"),
    "activity_of_key_vaults": _events([JUDGED, PARTLY, VAULT], "Status_s", "ResourceGroup_s"),
    "activity_late": [_late(HEALTH, 5.0), _late(LATE, 1.0)],
    "subscriptions_not_read": [
        _not_read(NOT_READ[0], FIRST),
        _not_read(NOT_READ[1], EVENING),
        _not_read(NOT_READ[2], FIRST),
    ],
    "virtual_machines": [answered("virtual_machines", each, *SHAPE, *IMAGE, *STATE) for each in CURRENT],
    "virtual_machines_by_size": [
        {"Label": "Standard_B2ms", "Machines": 4},
        {"Label": "Standard_D2s_v5", "Machines": 2},
        {"Label": "unknown", "Machines": 1},
    ],
    "virtual_machines_by_region": [
        {"Label": "westeurope", "Machines": 5},
        {"Label": "northeurope", "Machines": 1},
        {"Label": "unknown", "Machines": 1},
    ],
    "virtual_machines_new_and_gone": [
        _changed("new", ODD_ONE, EVENING),
        _changed("new", WEB_4, EVENING),
        _changed("gone", MACHINES[4][0], SECOND),
        _changed("gone", WEB_2, EVENING),
        _changed("gone", WEB_3, EVENING),
    ],
}
"""The rows of each query, in order."""
FUNCTION_ANSWERS: Final[Mapping[str, list[Row]]] = {
    "AzureActivity": [answered("activity", each) for each in KEPT_ACTIVITY],
    "AzureVirtualMachines": [_same_machine(each) for each in KEPT_MACHINES],
    "CurrentVirtualMachines": [_same_machine(each) for each in CURRENT],
    "AzureSubscriptionAudit": [answered("subscriptions", each) for each in KEPT_AUDITS],
}
"""The rows of each function by the columns of its table, in no order."""
