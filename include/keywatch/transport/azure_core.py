"""What went wrong in an azure-core client, as the error that says what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final, Protocol

import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)

from keywatch.errors import (
    KeywatchError,
    RequestRefusedError,
    ServiceUnavailableError,
    ThrottledError,
    UnreachableError,
)
from keywatch.transport.foreign_text import printable
from keywatch.transport.http import network_error
from keywatch.transport.retry import retry_after_seconds

NO_RETRIES: Final[dict[str, Any]] = {"retry_total": 0}
"""azure-core's own retries are switched off: ours cover what it leaves out, log each attempt alike, and do not wait
out a `Retry-After` of hours."""


class ForgettingCredential(TokenCredential, Protocol):
    """A credential whose tokens can be given up before their time."""

    def forget(self) -> None:
        """Drop the tokens in memory, since a service does not accept them; the next one is new."""
        ...


def azure_core_error(error: AzureError, host: str) -> KeywatchError:
    """Turn a failure that any Azure service can have into our error; what only one service means comes first there.

    Args:
        error: As azure-core raised it.
        host: Who was asked.
    """
    if isinstance(error, IncompleteReadError):  # an answer that azure-core calls one, although it broke off
        return UnreachableError(f"The connection to {host} broke in the middle of an answer.", perhaps_done=True)
    if isinstance(error, HttpResponseError) and error.response is not None:
        return _answered(error, host)
    cause = error.inner_exception
    if isinstance(cause, requests.RequestException):
        return network_error(cause, host)
    if isinstance(error, (ServiceRequestError, ServiceResponseError)):
        return UnreachableError(
            f"The connection to {host} broke before an answer came.",
            perhaps_done=isinstance(error, ServiceResponseError),
        )
    return RequestRefusedError(f"{host} could not be asked: {type(error).__name__}.")


def scrubbed(error: AzureError) -> AzureError:
    """Make an error fit to be the cause of ours: a traceback prints it, and with it what the other side said.

    That may repeat the request's headers, and the token in them.
    """
    if isinstance(error, HttpResponseError):
        error.message = f"HTTP {error.status_code}, {error_code(error) or 'no error code'}"
        error.args = (error.message,)
        error.response = error.error = error.model = None
    else:
        error.args = tuple(printable(argument) for argument in error.args)
    return error


def retry_after(error: HttpResponseError) -> float | None:
    """Return the seconds that the service asked to wait."""
    return retry_after_seconds(_header(error, "Retry-After"))


def _answered(error: HttpResponseError, host: str) -> KeywatchError:
    status = error.status_code or 0
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ThrottledError(f"{host} throttles.", retry_after=retry_after(error))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return ServiceUnavailableError(
            f"{host} failed (HTTP {status}).",
            retry_after=retry_after(error),
            perhaps_done=status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT),
        )
    code = error_code(error)
    if code is None:
        return RequestRefusedError(
            f"HTTP {status} did not come from {host}, but from something in between. Check transport.proxy on the "
            "connection."
        )
    return RequestRefusedError(f"{host} refuses the request (HTTP {status}, {code}).", code)


def error_code(error: HttpResponseError) -> str | None:
    """Return the service's own error code; None if the answer is not the service's JSON."""
    code = _header(error, "x-ms-error-code") or (error.error.code if error.error else None)
    return printable(code) if code else None


def _header(error: HttpResponseError, name: str) -> str | None:
    headers = getattr(error.response, "headers", {})  # the type that azure-core declares lacks what every answer has
    value = headers.get(name)
    return None if value is None else str(value)
