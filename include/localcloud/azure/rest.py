"""How Azure's services say in JSON that they refuse, and what an injected fault makes them say."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable
from typing import Any, Final

from localcloud.http1 import Response
from localcloud.model import Fault, FaultKind

JSON: Final = "application/json; charset=utf-8"
Headers = tuple[tuple[str, str], ...]


class RefusedError(Exception):
    """A request that a service does not carry out; `inner` is the code of its `innererror`."""

    def __init__(self, status: int, code: str, message: str, inner: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.inner = inner


def json_response(status: int, value: object, headers: Headers = (), error: str | None = None) -> Response:
    """Write a value as JSON, under an id of its own and not to be cached."""
    common = {"Cache-Control": "no-cache", "x-ms-request-id": str(uuid.uuid4())}
    return Response(status, json.dumps(value).encode(), JSON, tuple((common | dict(headers)).items()), error)


def error_response(refused: RefusedError, headers: Headers = ()) -> Response:
    """Write a refusal in the form of the Microsoft REST API guidelines; the log keeps the innermost code."""
    error: dict[str, Any] = {"code": refused.code, "message": str(refused)}
    if refused.inner is not None:
        error["innererror"] = {"code": refused.inner}
    return json_response(refused.status, {"error": error}, headers, refused.inner or refused.code)


Say = Callable[[int, str, str], Response]
"""Makes a response of a status, a code and a message, as a service would."""


def say_as_azure(status: int, code: str, message: str) -> Response:
    """Say it as most services do."""
    return error_response(RefusedError(status, code, message))


def injected(fault: Fault, say: Say = say_as_azure, throttled: str = "Throttled") -> Response | None:
    """Answer as a fault says; nothing vanishes here.

    Args:
        fault: what to do.
        say: the service's own way of saying it.
        throttled: its code for 429.
    """
    if fault.kind is FaultKind.VANISH:
        return None
    if fault.kind is FaultKind.THROTTLE:
        response = say(429, throttled, "Too many requests. Injected failure")
    elif fault.kind is FaultKind.DENY:
        response = say(403, "Forbidden", "Injected failure")
    elif fault.body is not None:
        response = Response(fault.status, fault.body.encode(), fault.content_type)
    else:
        response = say(fault.status, "InjectedFailure", "Injected failure")
    if fault.retry_after is None:
        return response
    return dataclasses.replace(response, headers=(*response.headers, ("Retry-After", str(fault.retry_after))))
