"""What Azure Resource Manager's refusals mean.

Source: Microsoft Learn, "Troubleshoot common Azure deployment errors", and "Azure RBAC: troubleshoot".
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

from azure.core.exceptions import AzureError, HttpResponseError

from keywatch.errors import KeywatchError, RequestRefusedError, SubscriptionDeniedError, SubscriptionUnusableError
from keywatch.transport.azure_core import azure_core_error, error_code
from keywatch.transport.foreign_text import printable

DENIED: Final = frozenset({"AuthorizationFailed", "LinkedAuthorizationFailed"})
NO_SUBSCRIPTION: Final = frozenset({"SubscriptionNotFound", "InvalidSubscriptionId", "InvalidSubscriptionState"})


def refusal(error: AzureError, host: str, action: str, subscription_id: str | None) -> KeywatchError:
    """Turn a failure into the error that says what to do.

    Args:
        error: As azure-core raised it.
        host: Resource Manager's.
        action: What was asked, as a role names it.
        subscription_id: The subscription it was asked about, if about one.
    """
    failure = _refused(error, host, action, subscription_id) or azure_core_error(error, host)
    failure.action = action
    return failure


def _refused(error: AzureError, host: str, action: str, subscription_id: str | None) -> KeywatchError | None:
    if not isinstance(error, HttpResponseError) or error.response is None:
        return None
    (code, said), where = (
        _code_and_message(error),
        f"subscription {subscription_id}" if subscription_id else "any subscription",
    )
    if error.status_code == HTTPStatus.FORBIDDEN and code in DENIED:
        return SubscriptionDeniedError(
            f"Azure does not let the application {action} on {where}. Assign it a role there that allows it, such as "
            "the custom role of docs/azure-setup.md, or Reader. A new assignment takes some minutes to work."
        )
    if code in NO_SUBSCRIPTION:
        return SubscriptionUnusableError(
            f"Azure knows no {where} in the application's tenant, or nobody may use it ({code}). Correct "
            "`subscriptions`, or name a connection of the tenant that it belongs to."
        )
    if error.status_code == HTTPStatus.UNAUTHORIZED and code:
        return RequestRefusedError(
            f"{host} refuses the token ({code}). See that the certificate connection's tenant is the subscription's, "
            "and that the worker's clock is right.",
            code,
        )
    if error.status_code == HTTPStatus.BAD_REQUEST and code:
        return RequestRefusedError(
            f"{host} refuses the request ({code}: {printable(said)}). Correct the run's parameters.", code
        )
    return None


def _code_and_message(error: HttpResponseError) -> tuple[str | None, str]:
    """Read a refusal in either of Azure's forms: in an object `error` or, as the activity log has it, without one."""
    if error.error is not None and error.error.code:
        return error_code(error), str(error.error.message or "")
    try:
        body = json.loads(error.response.text()) if error.response is not None else None
    except (AttributeError, RecursionError, ValueError):
        body = None
    if not isinstance(body, dict):
        return error_code(error), ""
    code = body.get("Code") or body.get("code")
    return printable(code) if code else None, str(body.get("Message") or body.get("message") or "")
