"""The HTTP client that MSAL is given: what does not come from Entra never reaches it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from keywatch.errors import RequestRefusedError, ServiceUnavailableError, ThrottledError
from keywatch.transport import AllowedHosts, Transport
from keywatch.transport.http import network_error, requests_session
from keywatch.transport.retry import retry_after_seconds

LARGEST_ANSWER: Final = 1_000_000
"""Bytes of an answer that are looked at; tokens are a few thousand."""


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
        self._session = requests_session(transport, hosts)

    def get(self, url: str, **options: Any) -> requests.Response:  # noqa: ANN401 - MSAL passes requests' options
        """Send a GET.

        Raises:
            EntraRefusal: The answer is an error, which MSAL would not hand on.
            KeywatchError: No answer came, or none of Entra's.
        """
        response = self._send("GET", url, options)
        if not response.ok:
            raise EntraRefusal(response.json())
        return response

    def post(self, url: str, **options: Any) -> requests.Response:  # noqa: ANN401 - MSAL passes requests' options
        """Send a POST.

        Raises:
            KeywatchError: No answer came, or none of Entra's.
        """
        return self._send("POST", url, options)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _send(self, method: str, url: str, options: dict[str, Any]) -> requests.Response:
        host = urlsplit(url).hostname or ""
        try:
            response = self._session.request(method, url, **options, allow_redirects=False)
        except requests.RequestException as error:
            raise network_error(error, host) from error
        wait = retry_after_seconds(response.headers.get("Retry-After"))
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise ThrottledError(f"{host} throttles.", retry_after=wait)
        if (
            response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
            or response.status_code == HTTPStatus.REQUEST_TIMEOUT
        ):
            raise ServiceUnavailableError(f"{host} failed (HTTP {response.status_code}).", retry_after=wait)
        if not _is_json_object(response):
            raise RequestRefusedError(
                f"HTTP {response.status_code} did not come from {host}, but from something in between. Check "
                "transport.proxy on the connection."
            )
        return response


def _is_json_object(response: requests.Response) -> bool:
    if len(response.content) > LARGEST_ANSWER:
        return False
    try:
        return isinstance(response.json(), dict)
    except (ValueError, RecursionError):
        return False
