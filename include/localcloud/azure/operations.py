"""What can be asked of Resource Manager: where, in which versions of the API, and with which right."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from localcloud.azure.rest import RefusedError
from localcloud.azure.roles import READ_ACTIVITY, READ_MACHINES, READ_RESOURCE_GROUPS, READ_SUBSCRIPTION
from localcloud.http1 import Request

DATE: Final = re.compile(r"20\d{2}-\d{2}-\d{2}(-preview)?")
COMPUTE_VERSIONS: Final = (
    *("2015-06-15", "2016-03-30", "2016-04-30-preview", "2016-08-30", "2017-03-30", "2017-12-01", "2018-04-01"),
    *("2018-06-01", "2018-10-01", "2019-03-01", "2019-07-01", "2019-12-01", "2020-06-01", "2020-12-01", "2021-03-01"),
    *("2021-04-01", "2021-07-01", "2021-11-01", "2022-03-01", "2022-08-01", "2022-11-01", "2023-03-01", "2023-07-01"),
    *("2023-09-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-04-01", "2025-11-01", "2026-03-01", "2026-04-01"),
)
ACTIVITY_VERSIONS: Final = ("2015-04-01",)


@dataclass(frozen=True)
class Operation:
    """Something that can be asked.

    Attributes:
        action: as in `Fault.action`.
        path: below the subscription, in lower case.
        permission: the right that it takes, over the subscription.
        provider: the namespace of the resource provider.
        type: of what it lists there.
        versions: of the API; none given are all that are dates.
    """

    action: str
    path: str
    permission: str
    provider: str = "Microsoft.Resources"
    type: str = "subscriptions"
    versions: tuple[str, ...] = ()


LIST_SUBSCRIPTIONS: Final = Operation("subscriptions/list", "", READ_SUBSCRIPTION)
GET_SUBSCRIPTION: Final = Operation("subscriptions/get", "", READ_SUBSCRIPTION)
LIST_GROUPS: Final = Operation("resourcegroups/list", "/resourcegroups", READ_RESOURCE_GROUPS)
LIST_MACHINES: Final = Operation(
    "virtualMachines/list",
    "/providers/microsoft.compute/virtualmachines",
    READ_MACHINES,
    "Microsoft.Compute",
    "virtualMachines",
    COMPUTE_VERSIONS,
)
LIST_ACTIVITY: Final = Operation(
    "activityLog/list",
    "/providers/microsoft.insights/eventtypes/management/values",
    READ_ACTIVITY,
    "Microsoft.Insights",
    "eventtypes/values",
    ACTIVITY_VERSIONS,
)
IN_SUBSCRIPTION: Final = {each.path: each for each in (GET_SUBSCRIPTION, LIST_GROUPS, LIST_MACHINES, LIST_ACTIVITY)}
PATH: Final = re.compile(r"/subscriptions(?:/(?P<id>[0-9a-z-]+)(?P<below>(?:/[0-9a-z.-]+)*))?/?", re.IGNORECASE)


def asked(request: Request) -> tuple[Operation | None, str | None]:
    """Tell what a request asks for, if that is played, and of which subscription, if it names one."""
    path = PATH.fullmatch(request.path)
    if path is None:
        return None, None
    if path["id"] is None:
        return LIST_SUBSCRIPTIONS, None
    return IN_SUBSCRIPTION.get(path["below"].lower()), path["id"].lower()


def check_version(request: Request, operation: Operation) -> None:
    """See that a request names a version of the API that the operation has.

    Raises:
        RefusedError: it does not.
    """
    version = request.query.get("api-version")
    if not version:
        raise RefusedError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    if not DATE.fullmatch(version):
        raise RefusedError(400, "InvalidApiVersionParameter", f"The api-version '{version[:20]}' is invalid.")
    if operation.versions and version not in operation.versions:
        raise RefusedError(
            404,
            "InvalidResourceType",
            f"The resource type '{operation.type}' could not be found in the namespace '{operation.provider}' for api "
            f"version '{version}'. The supported api-versions are '{','.join(operation.versions)}'.",
        )
