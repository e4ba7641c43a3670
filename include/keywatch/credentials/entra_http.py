"""The HTTP client that MSAL is given: what does not come from Entra never reaches it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

import requests

from keywatch import metrics
from keywatch.errors import RequestRefusedError, ServiceUnavailableError, ThrottledError
from keywatch.transport import AllowedHosts, Transport
from keywatch.transport.http import network_error, requests_session
from keywatch.transport.retry import retry_after_seconds

LARGEST_ANSWER: Final = 1_000_000
"""Bytes of an answer, unpacked; tokens are a few thousand."""

LONGEST_LIFE: Final = 7 * 86_400
TOKEN: Final = re.compile(r"[!-~]+")
"""What may stand in a header (RFC 6750, section 2.1, is stricter still)."""

OF_AN_ERROR: Final = ("error", "error_description", "error_codes", "trace_id", "claims")
OF_A_DESCRIPTION: Final = ("token_endpoint", "authorization_endpoint", "issuer")


class EntraRefusal(Exception):  # noqa: N818 - an answer on its way to whoever can explain it
    """Entra answered a GET with an error.

    Attributes:
        answer: The body.
    """

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__("Entra refuses")
        self.answer = answer


class EntraHttp:
    """A `requests.Session` as MSAL uses one, with failures raised as our errors.

    Given to MSAL as `http_client`, so that `REQUESTS_CA_BUNDLE` cannot override the transport's trust, and so that an
    answer of 429 or 5xx is ours to retry: MSAL would answer from memory for a while instead.

    Args:
        transport: How to get there.
        hosts: Entra's.

    Raises:
        ConfigurationError: The transport cannot be resolved.
    """

    def __init__(self, transport: Transport, hosts: AllowedHosts) -> None:
        self._session = requests_session(transport, hosts, largest=LARGEST_ANSWER)

    def get(self, url: str, **options: Any) -> EntraAnswer:  # noqa: ANN401 - MSAL passes requests' options
        """Send a GET.

        Raises:
            EntraRefusal: The answer is an error, which MSAL would not hand on.
            KeywatchError: No answer came, or none of Entra's.
        """
        status, body, host = self._send("GET", url, options)
        if status != HTTPStatus.OK:
            raise EntraRefusal(body)
        if not all(isinstance(body.get(name), str) for name in OF_A_DESCRIPTION):
            raise _not_entra(status, host)
        return EntraAnswer(status, _only(body, OF_A_DESCRIPTION))

    def post(self, url: str, **options: Any) -> EntraAnswer:  # noqa: ANN401 - MSAL passes requests' options
        """Send a POST.

        Raises:
            KeywatchError: No answer came, or none of Entra's.
        """
        metrics.count(metrics.TOKENS_REQUESTED)
        status, body, host = self._send("POST", url, options)
        if status != HTTPStatus.OK:
            return EntraAnswer(status, _only(body, OF_AN_ERROR))
        token, seconds = body.get("access_token"), body.get("expires_in")
        if not isinstance(token, str) or not TOKEN.fullmatch(token) or not _is_lifetime(seconds):
            raise _not_entra(status, host)
        return EntraAnswer(
            status, json.dumps({"access_token": token, "expires_in": int(seconds), "token_type": "Bearer"})
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _send(self, method: str, url: str, options: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
        host = urlsplit(url).hostname or ""
        try:
            response = self._session.request(method, url, **options, allow_redirects=False)
        except requests.RequestException as error:
            error.request = None  # which holds the assertion
            raise network_error(error, host) from error
        wait = retry_after_seconds(response.headers.get("Retry-After"))
        status = response.status_code
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise ThrottledError(f"{host} throttles.", retry_after=wait)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            raise ServiceUnavailableError(f"{host} failed (HTTP {status}).", retry_after=wait)
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise _not_entra(status, host)
        return status, body, host


@dataclass(frozen=True, slots=True)
class EntraAnswer:
    """What MSAL gets to see of an answer: the fields that it needs, of the types that it expects.

    Attributes:
        status_code: HTTP status, below 500.
        text: The body.
        headers: None: what they ask for has been done.
    """

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    def raise_for_status(self) -> None:
        """Do nothing: what would be raised has been."""


def _only(body: Mapping[str, Any], names: Iterable[str]) -> str:
    return json.dumps({name: body[name] for name in names if name in body})


def _is_lifetime(seconds: object) -> TypeGuard[int | str]:
    """Tell whether a token's lifetime is whole seconds, as a number or, as in earlier versions, as text."""
    whole = re.fullmatch(r"[0-9]{1,7}", str(seconds)) if isinstance(seconds, (int, str)) else None
    return whole is not None and not isinstance(seconds, bool) and 0 < int(whole[0]) <= LONGEST_LIFE


def _not_entra(status: int, host: str) -> RequestRefusedError | ServiceUnavailableError:
    """Say that something in between answered. What it calls a success may be a page that passes; a refusal stays."""
    message = (
        f"HTTP {status} did not come from {host}, but from something in between. Check transport.proxy on the "
        "connection."
    )
    return ServiceUnavailableError(message) if status < HTTPStatus.MULTIPLE_CHOICES else RequestRefusedError(message)
