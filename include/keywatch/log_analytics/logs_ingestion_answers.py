"""What the Logs Ingestion API's answers mean.

Source: Microsoft Learn, "Logs Ingestion API in Azure Monitor", sections REST API call and Troubleshooting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from azure.core.exceptions import AzureError, HttpResponseError

from keywatch.errors import (
    AuthorizationRefusedError,
    DestinationNotFoundError,
    KeywatchError,
    RequestTooLargeError,
    ServiceUnavailableError,
)
from keywatch.transport.azure_core import azure_core_error, error_code


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked.

    Attributes:
        host: Who was asked.
        rule_id: The data collection rule's immutable id.
        stream: The rule's stream.
        size: Bytes of the body on the wire.
    """

    host: str
    rule_id: str
    stream: str
    size: int


def refusal(error: AzureError, asked: Asked) -> KeywatchError:
    """Turn a failure of the ingestion client into the error that says what to do.

    Args:
        error: As azure-core raised it.
        asked: What was asked.
    """
    if not isinstance(error, HttpResponseError) or error.response is None:
        return azure_core_error(error, asked.host)
    status, code = error.status_code or 0, error_code(error)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:  # even when a proxy says so: a smaller body may pass
        return RequestTooLargeError(
            f"{asked.host} does not accept {asked.size} bytes at once. Lower `chunk_limit`, or set the connection's "
            "packing to documented."
        )
    if status < HTTPStatus.MULTIPLE_CHOICES:  # the service's own success is no error
        return ServiceUnavailableError(
            f"HTTP {status} is no answer of {asked.host}, but of something in between. Check transport.proxy on the "
            "connection.",
            perhaps_done=True,
        )
    meaning = BY_STATUS.get(status) if code else None
    return meaning(asked, code or "") if meaning else azure_core_error(error, asked.host)


def _unauthorized(asked: Asked, code: str) -> KeywatchError:
    return AuthorizationRefusedError(
        f"{asked.host} does not accept the token ({code}). Correct tenant and cloud of the certificate connection.",
        of_the_token=True,
    )


def _forbidden(asked: Asked, code: str) -> KeywatchError:
    return AuthorizationRefusedError(
        f"{asked.host} lets the application send nothing ({code}). Grant it the role Monitoring Metrics Publisher on "
        f"data collection rule {asked.rule_id}; a new assignment takes up to half an hour to work."
    )


def _not_found(asked: Asked, code: str) -> KeywatchError:
    return DestinationNotFoundError(
        f"{asked.host} has no rule {asked.rule_id} with a stream {asked.stream} ({code}). Correct endpoint, rule id "
        "and stream on the connection; all are in the rule's JSON view."
    )


BY_STATUS: Final[dict[int, Callable[[Asked, str], KeywatchError]]] = {
    HTTPStatus.UNAUTHORIZED: _unauthorized,
    HTTPStatus.FORBIDDEN: _forbidden,
    HTTPStatus.NOT_FOUND: _not_found,
}
"""The half hour is unverified: it is from users' reports."""
