"""Azure Resource Manager: subscriptions, and the resource groups, virtual machines and activity log of each.

Sources: the Azure REST API reference, "Subscriptions", "Resource Groups - List", "Virtual Machines - List All" and
"Activity Logs - List"; Microsoft Learn, "Understand how Azure Resource Manager throttles requests".
"""

from __future__ import annotations

from typing import Any, Final

from localcloud.access_tokens import MANAGEMENT, Authority, Caller, Flaw, TokenRefusedError
from localcloud.azure.activity_filter import ActivityLogRefusedError
from localcloud.azure.listings import Listings
from localcloud.azure.operations import LIST_MACHINES, LIST_SUBSCRIPTIONS, Operation, asked, check_version
from localcloud.azure.paging import HOST
from localcloud.azure.rate_limit import ThrottledError
from localcloud.azure.resources import Resources
from localcloud.azure.rest import Headers, RefusedError, error_response, injected, json_response
from localcloud.http1 import Request, Response
from localcloud.model import Fault
from localcloud.resources_model import Subscription
from localcloud.service import Call

UNAUTHORIZED: Final = {
    Flaw.MISSING: "AuthenticationFailed",
    Flaw.EXPIRED: "ExpiredAuthenticationToken",
    Flaw.AUDIENCE: "InvalidAuthenticationTokenAudience",
    Flaw.TENANT: "InvalidAuthenticationTokenTenant",
}
"""The error codes of what is wrong with a token; the others are InvalidAuthenticationToken."""
REMAINING: Final = "x-ms-ratelimit-remaining"


class ResourceManager:
    """Answers for management.azure.com."""

    plays = (HOST,)

    def __init__(self, resources: Resources, resource_group: str, authority: Authority) -> None:
        self._resources = resources
        self._listings = Listings(resources, resource_group, authority.tenant_id)
        self._authority = authority

    def owns(self, host: str) -> bool:
        """Tell whether a host is this one."""
        return host == HOST

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks for and of which subscription, and who asks."""
        operation, subscription_id = asked(request)
        caller = self._authority.caller_name(request.headers.get("authorization"))
        return Call("arm", host, operation.action if operation else None, caller, detail=subscription_id)

    def answer(self, request: Request, call: Call) -> Response:
        """Check the request and answer it."""
        del call
        try:
            caller = self._authority.verify(request.headers.get("authorization"), MANAGEMENT)
            result, headers = self._result(request, caller)
            return json_response(200, result, headers)
        except TokenRefusedError as refused:
            code = UNAUTHORIZED.get(refused.flaw, "InvalidAuthenticationToken")
            challenge = f'Bearer authorization_uri="https://login.microsoftonline.com/{self._authority.tenant_id}"'
            return error_response(RefusedError(401, code, str(refused)), (("WWW-Authenticate", challenge),))
        except ThrottledError as throttled:
            code = "SubscriptionRequestsThrottled" if throttled.subscription else "TooManyRequests"
            after = (("Retry-After", str(throttled.seconds)),)
            return error_response(RefusedError(429, code, str(throttled)), after)
        except ActivityLogRefusedError as refused:
            # Resource Manager passes on what this provider says, in a form of its own.
            return json_response(refused.status, {"Code": refused.code, "Message": str(refused)}, error=refused.code)
        except RefusedError as refused:
            return error_response(refused)

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Refuse as a fault says."""

        def say(status: int, code: str, message: str) -> Response:
            named = "AuthorizationFailed" if code == "Forbidden" else code
            where = f" over scope '/subscriptions/{call.detail}'" if call.detail else ""
            return error_response(RefusedError(status, named, f"{message} of {call.action}{where}"))

        return injected(fault, say, throttled="TooManyRequests")

    def _result(self, request: Request, caller: Caller) -> tuple[dict[str, Any], Headers]:
        operation, subscription_id = asked(request)
        if operation is None or request.method != "GET":
            raise RefusedError(404, "InvalidResourceType", f"There is no {request.method} {request.path} here")
        check_version(request, operation)
        if operation is LIST_SUBSCRIPTIONS or subscription_id is None:
            left = self._resources.limits.take(caller.object_id, None)
            return self._listings.subscriptions(request, caller), ((f"{REMAINING}-tenant-reads", str(left)),)
        subscription = self._resources.subscriptions.find(subscription_id)
        if subscription is None:
            raise RefusedError(
                404, "SubscriptionNotFound", f"The subscription '{subscription_id[:40]}' could not be found."
            )
        left = self._resources.limits.take(caller.object_id, subscription.id)
        self._check_right(caller, operation, subscription)
        headers: Headers = ((f"{REMAINING}-subscription-reads", str(left)),)
        if operation is LIST_MACHINES:
            compute = self._resources.limits.compute(caller.object_id, subscription.id)
            headers = (*headers, (f"{REMAINING}-resource", compute))
        return self._listings.in_subscription(operation, request, subscription), headers

    def _check_right(self, caller: Caller, operation: Operation, subscription: Subscription) -> None:
        if not caller.allows(operation.permission, self._resources.subscriptions.scope(subscription.id)):
            raise RefusedError(
                403,
                "AuthorizationFailed",
                f"The client '{caller.client_id}' with object id '{caller.object_id}' does not have authorization to "
                f"perform action '{operation.permission}' over scope '/subscriptions/{subscription.id}' or the scope "
                "is invalid. If access was recently granted, please refresh your credentials.",
            )
