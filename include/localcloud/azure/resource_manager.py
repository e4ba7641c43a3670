"""Azure Resource Manager, with one subscription and one resource group.

Source: the Azure REST API reference, "Subscriptions" and "Resource Groups - List".
"""

from __future__ import annotations

import re
from typing import Any, Final

from localcloud.access_tokens import MANAGEMENT, Authority, Caller, Flaw, TokenRefusedError
from localcloud.azure.rest import RefusedError, error_response, injected, json_response
from localcloud.azure.roles import READ_RESOURCE_GROUPS, READ_SUBSCRIPTION, SUBSCRIPTION_SCOPE
from localcloud.http1 import Request, Response
from localcloud.model import Fault
from localcloud.service import Call

HOST: Final = "management.azure.com"
API_VERSION: Final = re.compile(r"20\d{2}-\d{2}-\d{2}(-preview)?")
PATH: Final = re.compile(r"/subscriptions(?:/(?P<id>[0-9a-z-]+)(?P<groups>/resourcegroups)?)?/?", re.IGNORECASE)
LOCATION: Final = "westeurope"
UNAUTHORIZED: Final = {
    Flaw.MISSING: "AuthenticationFailed",
    Flaw.EXPIRED: "ExpiredAuthenticationToken",
    Flaw.AUDIENCE: "InvalidAuthenticationTokenAudience",
    Flaw.TENANT: "InvalidAuthenticationTokenTenant",
}
"""The error codes of what is wrong with a token; the others are InvalidAuthenticationToken."""


class ResourceManager:
    """Answers for management.azure.com."""

    plays = (HOST,)

    def __init__(self, subscription_id: str, resource_group: str, authority: Authority) -> None:
        self._subscription_id = subscription_id
        self._resource_group = resource_group
        self._authority = authority

    def owns(self, host: str) -> bool:
        """Tell whether a host is this one."""
        return host == HOST

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks for, and who asks."""
        path = PATH.fullmatch(request.path)
        action = None
        if path is not None:
            action = "subscriptions/get" if path["id"] else "subscriptions/list"
            action = "resourcegroups/list" if path["groups"] else action
        caller = self._authority.caller_name(request.headers.get("authorization"))
        return Call("arm", host, action, caller)

    def answer(self, request: Request, call: Call) -> Response:
        """Check the request and answer it."""
        try:
            caller = self._authority.verify(request.headers.get("authorization"), MANAGEMENT)
            return json_response(200, self._result(request, call.action, caller))
        except TokenRefusedError as refused:
            code = UNAUTHORIZED.get(refused.flaw, "InvalidAuthenticationToken")
            challenge = f'Bearer authorization_uri="https://login.microsoftonline.com/{self._authority.tenant_id}"'
            return error_response(RefusedError(401, code, str(refused)), (("WWW-Authenticate", challenge),))
        except RefusedError as refused:
            return error_response(refused)

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Refuse as a fault says."""
        del call
        return injected(fault, throttled="TooManyRequests")

    def _result(self, request: Request, action: str | None, caller: Caller) -> dict[str, Any]:
        path = PATH.fullmatch(request.path)
        if path is None or request.method != "GET":
            raise RefusedError(404, "InvalidResourceType", f"There is no {request.method} {request.path} here")
        _check_version(request)
        if action == "subscriptions/list":
            visible = caller.allows(READ_SUBSCRIPTION, SUBSCRIPTION_SCOPE)
            return {
                "value": [self._subscription()] if visible else [],
                "count": {"type": "Total", "value": int(visible)},
            }
        if path["id"].lower() != self._subscription_id:
            raise RefusedError(404, "SubscriptionNotFound", f"The subscription '{path['id'][:40]}' could not be found.")
        if action == "subscriptions/get":
            self._check_right(caller, READ_SUBSCRIPTION)
            return self._subscription()
        self._check_right(caller, READ_RESOURCE_GROUPS)
        return {"value": [self._group()]}

    def _check_right(self, caller: Caller, action: str) -> None:
        if not caller.allows(action, SUBSCRIPTION_SCOPE):
            raise RefusedError(
                403,
                "AuthorizationFailed",
                f"The client '{caller.client_id}' with object id '{caller.object_id}' does not have authorization to "
                f"perform action '{action}' over scope '/subscriptions/{self._subscription_id}' or the scope is "
                "invalid. If access was recently granted, please refresh your credentials.",
            )

    def _subscription(self) -> dict[str, Any]:
        return {
            "id": f"/subscriptions/{self._subscription_id}",
            "authorizationSource": "RoleBased",
            "subscriptionId": self._subscription_id,
            "tenantId": self._authority.tenant_id,
            "displayName": "Cloud security",
            "state": "Enabled",
        }

    def _group(self) -> dict[str, Any]:
        return {
            "id": f"/subscriptions/{self._subscription_id}/resourceGroups/{self._resource_group}",
            "name": self._resource_group,
            "type": "Microsoft.Resources/resourceGroups",
            "location": LOCATION,
            "tags": {},
            "properties": {"provisioningState": "Succeeded"},
        }


def _check_version(request: Request) -> None:
    version = request.query.get("api-version")
    if not version:
        raise RefusedError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    if not API_VERSION.fullmatch(version):
        raise RefusedError(400, "InvalidApiVersionParameter", f"The api-version '{version[:20]}' is invalid.")
