"""What the Data Collector's answers mean.

Source: Microsoft Learn, "Send log data to Azure Monitor by using the HTTP Data Collector API", section Return codes.
"""

from __future__ import annotations

import email.utils
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final

from keywatch.errors import (
    AuthorizationRefusedError,
    DestinationNotFoundError,
    KeywatchError,
    LogTypeError,
    RequestRefusedError,
    RequestTooLargeError,
    ServiceUnavailableError,
    ThrottledError,
)
from keywatch.transport.retry import retry_after_seconds

MAX_BYTES: Final = 29_000_000
"""The documented limit is 30 MB; posts of 30 MiB have failed where 30,000,000 bytes passed, so keep a margin."""

CLOCK_SKEW_SECONDS: Final = 900
"""How far the signed date may be off. Unverified: Microsoft does not publish it. Used for a hint only."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and what was asked.

    Attributes:
        status: HTTP status.
        content: The body.
        headers: The headers, names in any case.
        host: Who was asked.
        workspace_id: Whose signature was sent.
        log_type: The table's name without `_CL`.
        size: Bytes of the body that was sent.
        asked_at: This machine's time, UTC.
    """

    status: int
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    host: str
    workspace_id: str
    log_type: str
    size: int
    asked_at: datetime

    @property
    def code(self) -> str | None:
        """The service's own error code; None if the body is not the service's JSON."""
        try:
            answer = json.loads(self.content)
        except ValueError:
            return None
        code = answer.get("Error") if isinstance(answer, dict) else None
        return code if isinstance(code, str) else None

    @property
    def retry_after(self) -> float | None:
        """Seconds that the service asked to wait."""
        return retry_after_seconds(self.headers.get("Retry-After"))


def refusal(answer: Answer) -> KeywatchError | None:
    """Decide what an answer means.

    Returns:
        None if the body was accepted, otherwise the error to raise.
    """
    if answer.status == HTTPStatus.OK and not answer.content.strip():
        return None
    meaning = BY_CODE.get(answer.code or "") or BY_STATUS.get(answer.status)
    if meaning is None:
        if answer.code is None:
            meaning = _not_the_service
        else:
            meaning = _unavailable if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else _refused
    return meaning(answer)


def _throttled(answer: Answer) -> KeywatchError:
    return ThrottledError(
        f"{answer.host} throttles. Lower `in_flight`, or run when less is being loaded.",
        retry_after=answer.retry_after,
    )


def _too_large(answer: Answer) -> KeywatchError:
    return RequestTooLargeError(f"{answer.host} does not accept {answer.size} bytes at once. Lower `chunk_limit`.")


def _not_found(answer: Answer) -> KeywatchError:
    """The service answers 404 to a wrong URL and to a body that is too large."""
    return _too_large(answer) if answer.size > MAX_BYTES else _no_workspace(answer)


def _no_workspace(answer: Answer) -> KeywatchError:
    return DestinationNotFoundError(
        f"There is no active workspace {answer.workspace_id} behind {answer.host} "
        f"({answer.code or f'HTTP {answer.status}'}). Correct workspace id and cloud on the connection."
    )


def _bad_log_type(answer: Answer) -> KeywatchError:
    return LogTypeError(f"{answer.host} refuses log type {answer.log_type!r} ({answer.code}). Correct it.")


def _unavailable(answer: Answer) -> KeywatchError:
    return ServiceUnavailableError(
        f"{answer.host} failed (HTTP {answer.status}, {answer.code}).", retry_after=answer.retry_after
    )


def _timed_out(answer: Answer) -> KeywatchError:
    return ServiceUnavailableError(
        f"{answer.host} ran out of time (HTTP {answer.status}).", retry_after=answer.retry_after, perhaps_done=True
    )


def _refused(answer: Answer) -> KeywatchError:
    return RequestRefusedError(
        f"{answer.host} refuses the request (HTTP {answer.status}, {answer.code}). Nothing of it was stored."
    )


def _not_the_service(answer: Answer) -> KeywatchError:
    """Somebody in between answered; a success from there is none."""
    content_type = answer.headers.get("Content-Type", "no content type").partition(";")[0][:80]
    message = (
        f"HTTP {answer.status} with {content_type} did not come from "
        f"{answer.host}, but from something in between. Check transport.proxy on the connection."
    )
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return RequestRefusedError(message)
    return ServiceUnavailableError(
        message,
        retry_after=answer.retry_after,
        perhaps_done=True,
    )


def _unauthorized(answer: Answer) -> KeywatchError:
    skew = _seconds_ahead(answer)
    if skew is not None and abs(skew) > CLOCK_SKEW_SECONDS:
        return AuthorizationRefusedError(
            f"{answer.host} refuses the signature, and this machine's clock differs from its own by "
            f"{abs(skew):.0f} seconds. Set the clock (NTP) and run again."
        )
    return AuthorizationRefusedError(
        f"{answer.host} refuses the signature: the shared key on the connection is not this workspace's. Copy the "
        "primary key again from the workspace's Agents page."
    )


def _forbidden(answer: Answer) -> KeywatchError:
    """The service says why; a page is a proxy's that forbids the host."""
    return _unauthorized(answer) if answer.code or not answer.content.strip() else _not_the_service(answer)


def _seconds_ahead(answer: Answer) -> float | None:
    """Return how far this machine's clock is ahead of the service's."""
    try:
        return (answer.asked_at - email.utils.parsedate_to_datetime(answer.headers["Date"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None


BY_CODE: Final[Mapping[str, Callable[[Answer], KeywatchError]]] = {
    "InactiveCustomer": _no_workspace,
    "InvalidAuthorization": _unauthorized,
    "InvalidCustomerId": _no_workspace,
    "InvalidLogType": _bad_log_type,
    "MissingLogType": _bad_log_type,
}
BY_STATUS: Final[Mapping[int, Callable[[Answer], KeywatchError]]] = {
    HTTPStatus.FORBIDDEN: _forbidden,
    HTTPStatus.NOT_FOUND: _not_found,
    HTTPStatus.REQUEST_TIMEOUT: _timed_out,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _too_large,
    HTTPStatus.TOO_MANY_REQUESTS: _throttled,
}
