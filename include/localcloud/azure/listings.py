"""What Resource Manager answers once a request has passed all its checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from localcloud.access_tokens import Caller
from localcloud.azure.activity_bodies import event_body
from localcloud.azure.activity_filter import ActivityLogRefusedError, Filter, parse_select
from localcloud.azure.operations import GET_SUBSCRIPTION, LIST_ACTIVITY, LIST_GROUPS, LIST_MACHINES, Operation
from localcloud.azure.paging import Question
from localcloud.azure.resources import Resources
from localcloud.azure.rest import RefusedError
from localcloud.azure.roles import READ_SUBSCRIPTION
from localcloud.azure.subscriptions import subscription_body
from localcloud.http1 import Request
from localcloud.resources_model import Listing, Subscription

LOCATION: Final = "westeurope"
NOT_PLAYED: Final = ("statusOnly", "$filter", "$expand")
"""What a list of virtual machines can be asked for elsewhere; whatever else it does not know, the service ignores."""

Body = dict[str, Any]


class Listings:
    """Reads what there is, page by page.

    Args:
        resources: what there is.
        resource_group: the one of the first subscription.
        tenant_id: whose subscriptions these are.
    """

    def __init__(self, resources: Resources, resource_group: str, tenant_id: str) -> None:
        self._resources = resources
        self._resource_group = resource_group
        self._tenant_id = tenant_id
        self._answers: dict[Operation, Callable[[Request, Subscription], Body]] = {
            GET_SUBSCRIPTION: self._subscription,
            LIST_GROUPS: self._groups,
            LIST_MACHINES: self._machines,
            LIST_ACTIVITY: self._activity,
        }

    def in_subscription(self, operation: Operation, request: Request, subscription: Subscription) -> Body:
        """Answer what is asked of a subscription.

        Raises:
            RefusedError: it cannot be asked like that.
        """
        return self._answers[operation](request, subscription)

    def subscriptions(self, request: Request, caller: Caller) -> Body:
        """List the subscriptions that a caller may read.

        Raises:
            RefusedError: it cannot be asked like that.
        """
        present = self._resources.subscriptions
        visible = [each for each in present if caller.allows(READ_SUBSCRIPTION, present.scope(each.id))]
        question = Question(Listing.SUBSCRIPTIONS, request, (caller.object_id,))
        pages = self._resources.pages
        shown, link = pages.cut(question, pages.place(question), visible)
        bodies = [subscription_body(each, self._tenant_id) for each in shown]
        return _page(bodies, link) | {"count": {"type": "Total", "value": len(visible)}}

    def _subscription(self, request: Request, subscription: Subscription) -> Body:
        del request
        return subscription_body(subscription, self._tenant_id)

    def _groups(self, request: Request, subscription: Subscription) -> Body:
        del request
        if subscription.id != self._resources.subscriptions.seeded[0]:
            return {"value": []}
        group = {
            "id": f"/subscriptions/{subscription.id}/resourceGroups/{self._resource_group}",
            "name": self._resource_group,
            "type": "Microsoft.Resources/resourceGroups",
            "location": LOCATION,
            "tags": {},
            "properties": {"provisioningState": "Succeeded"},
        }
        return {"value": [group]}

    def _machines(self, request: Request, subscription: Subscription) -> Body:
        for name in NOT_PLAYED:
            if name in request.query:
                raise RefusedError(400, "BadRequest", f"The local cloud does not play {name} of virtual machines.")
        question = Question(Listing.MACHINES, request, (subscription.id,))
        pages = self._resources.pages
        machines = self._resources.machines.of(subscription)
        shown, link = pages.cut(question, pages.place(question), machines)
        return _page([machine.body(subscription.id) for machine in shown], link)

    def _activity(self, request: Request, subscription: Subscription) -> Body:
        text, selected = request.query.get("$filter", ""), request.query.get("$select")
        wanted, names = Filter.parse(text), parse_select(selected)
        question = Question(Listing.ACTIVITY, request, (subscription.id, text, selected or ""))
        logs, pages = self._resources.logs, self._resources.pages
        try:
            place = pages.place(question, logs.arrivals)
            shown, link = pages.cut(question, place, logs.find(subscription, wanted, place.seen))
        except RefusedError as refused:
            raise ActivityLogRefusedError(str(refused)) from refused
        bodies = (event_body(event, subscription.id, self._tenant_id) for event in shown)
        return _page([_chosen(body, names) for body in bodies], link)


def _page(values: list[Body], link: str | None) -> Body:
    return {"value": values} | ({} if link is None else {"nextLink": link})


def _chosen(body: Body, names: frozenset[str] | None) -> Body:
    return body if names is None else {name: value for name, value in body.items() if name in names}
