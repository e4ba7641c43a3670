"""Events as the activity log writes them.

Source: the Azure REST API reference, "Activity Logs - List", and Microsoft Learn, "Azure activity log event schema".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from localcloud.azure.activity_seed import HEALTH, POLICY, Actor, Event
from localcloud.azure.ticks import TICKS, YEAR_1, ticks_text

CLAIMS: Final = "http://schemas.microsoft.com"
IDENTITY: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
SELECTABLE: Final = frozenset(
    {
        *("authorization", "claims", "correlationId", "description", "eventDataId", "eventName", "eventTimestamp"),
        *("httpRequest", "level", "operationId", "operationName", "properties", "resourceGroupName"),
        *("resourceProviderName", "resourceId", "status", "submissionTimestamp", "subStatus", "subscriptionId"),
        *("id", "caller"),
    }
)
"""What the reference says that can be selected; `id`, which its own example selects, and `caller`, which many do."""


def resource_id_of(event: Event, subscription_id: str) -> str:
    """Name the resource that an event is about; it is the subscription itself if the event is nobody's."""
    if event.operation.category == HEALTH:
        return f"/subscriptions/{subscription_id}"
    provider, kind, *below = event.operation.resource_type.split("/")
    path = "/".join((provider, kind, event.name, *(part for each in below for part in (each, "rule-100"))))
    return f"/subscriptions/{subscription_id}/resourcegroups/{event.group}/providers/{path}"


def group_of(event: Event) -> str:
    """Name the resource group that an event is about; it is empty if the event is nobody's."""
    return "" if event.operation.category == HEALTH else event.group


def provider_of(event: Event) -> str:
    """Name the resource provider that an event is about; it is empty if the event is nobody's."""
    return "" if event.operation.category == HEALTH else event.operation.provider


def event_body(event: Event, subscription_id: str, tenant_id: str) -> dict[str, Any]:
    """Write an event whole."""
    resource_id, operation, outcome = resource_id_of(event, subscription_id), event.operation, event.outcome
    common = {
        "channels": "Admin" if operation.category == HEALTH else "Operation",
        "correlationId": event.correlation_id,
        "description": "",
        "eventDataId": event.id,
        "eventName": _localized(outcome.event, outcome.event and outcome.event.replace("Request", " request")),
        "category": _localized(operation.category),
        "eventTimestamp": ticks_text(event.ticks),
        "id": f"{resource_id}/events/{event.id}/ticks/{event.ticks}",
        "level": outcome.level,
        "operationId": "" if operation.category == HEALTH else event.operation_id,
        "operationName": _localized(operation.name, operation.label),
        "resourceGroupName": group_of(event),
        "resourceProviderName": _localized(provider_of(event)),
        "resourceType": _localized("" if operation.category == HEALTH else operation.resource_type),
        "resourceId": resource_id,
        "status": _localized(outcome.status),
        "subStatus": _localized(outcome.sub_status),
        "submissionTimestamp": ticks_text(event.ticks + event.lag),
        "subscriptionId": subscription_id,
        "tenantId": tenant_id,
    }
    return common | (_incident(event) if operation.category == HEALTH else _doing(event, resource_id, tenant_id))


def _doing(event: Event, resource_id: str, tenant_id: str) -> dict[str, Any]:
    """Write what an event has that somebody has caused."""
    actor, operation = event.actor, event.operation
    properties = {
        "entity": resource_id,
        "eventCategory": operation.category,
        "hierarchy": f"{tenant_id}/{resource_id.split('/')[2]}",
        "message": operation.name,
    }
    if event.outcome.sub_status:
        properties["statusCode"] = event.outcome.sub_status
    doing: dict[str, Any] = {
        "authorization": {"action": operation.name, "scope": resource_id},
        "caller": actor.caller,
        "claims": _claims(actor, tenant_id, (event.ticks - YEAR_1) // (3_600 * TICKS) * 3_600),
        "properties": properties,
    }
    if operation.category == POLICY:
        properties |= {"isComplianceCheck": "False", "policies": '[{"policyDefinitionEffect":"audit"}]'}
        return doing
    doing["authorization"]["role"] = "Subscription Admin" if actor.name else "Contributor"
    doing["httpRequest"] = {
        "clientRequestId": event.operation_id,
        "clientIpAddress": actor.address,
        "method": operation.method,
    }
    return doing


def _incident(event: Event) -> dict[str, Any]:
    """Write what news of Azure's own health has."""
    title = "Netzwerk der Region Nord-Österreich"
    return {
        "description": f"Active: {title}",
        "properties": {
            "title": title,
            "service": "Virtual Machines",
            "region": "West Europe",
            "trackingId": event.name,
        },
    }


@lru_cache(maxsize=4_096)
def _claims(actor: Actor, tenant_id: str, since: int) -> dict[str, str]:
    """Write what the token said that was signed in with in an hour; events share it, so that nobody may change it."""
    claims = {
        "aud": "https://management.core.windows.net/",
        "iss": f"https://sts.windows.net/{tenant_id}/",
        "iat": str(since),
        "nbf": str(since),
        "exp": str(since + 3_600),
        "appid": actor.application_id,
        "ipaddr": actor.address,
        "ver": "1.0",
        f"{CLAIMS}/identity/claims/objectidentifier": actor.object_id,
        f"{CLAIMS}/identity/claims/tenantid": tenant_id,
        f"{IDENTITY}/nameidentifier": actor.object_id,
    }
    if actor.name is None or actor.upn is None:
        return claims | {"appidacr": "2", "idtyp": "app"}
    person = {f"{IDENTITY}/name": actor.upn, f"{IDENTITY}/upn": actor.upn, "name": actor.name, "appidacr": "0"}
    return claims | person | {f"{CLAIMS}/claims/authnmethodsreferences": "pwd,mfa"}


def _localized(value: str, label: str | None = None) -> dict[str, str]:
    return {"value": value, "localizedValue": value if label is None else label}
