"""How MSAL reaches the provider: what is no answer of a provider's never gets to it.

MSAL's client is shared by everybody: it remembers answers that ask for patience, counts failures, and logs what it
cannot read. An answer that one person's request gets must not do anything to another's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from keywatch.errors import ServiceUnavailableError
from keywatch.transport import AllowedHosts, Transport
from keywatch.transport.http import network_error, requests_session

MOST_AT_ONCE: Final = 16
"""Requests to the provider that may go on at once: a slow one leaves threads for everybody else."""

WAIT_SECONDS: Final = 2.0
TEXTS: Final = ("error", "error_description", "access_token", "refresh_token", "id_token", "token_type", "scope")
PARTS: Final = 3
"""Of a JSON Web Token in compact form."""


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What MSAL gets to see.

    Attributes:
        status_code: HTTP status, below 500.
        text: The body, a JSON object.
        headers: None: nothing is asked of MSAL by them.
    """

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    def raise_for_status(self) -> None:
        """Do nothing: what would be raised has been."""


class ProviderHttp:
    """An HTTP client for MSAL. Threads may share it.

    Args:
        transport: How to reach the provider.
        hosts: The provider's.

    Raises:
        ConfigurationError: The transport cannot be resolved.
    """

    def __init__(self, transport: Transport, hosts: AllowedHosts) -> None:
        self._session = requests_session(transport, hosts, pool_size=MOST_AT_ONCE)
        self._places = BoundedSemaphore(MOST_AT_ONCE)

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> ProviderAnswer:  # noqa: ANN401 - MSAL's
        """Ask for a document.

        Raises:
            ServiceUnavailableError: The answer is not a provider's, or too many ask at once.
            KeywatchError: There is no answer.
        """
        return self._ask("GET", url, params=params, headers=headers)

    def post(
        self,
        url: str,
        params: Any = None,  # noqa: ANN401 - MSAL's
        data: Any = None,  # noqa: ANN401 - MSAL's
        headers: Any = None,  # noqa: ANN401 - MSAL's
        **_: Any,  # noqa: ANN401 - MSAL's
    ) -> ProviderAnswer:
        """Ask for tokens.

        Raises:
            ServiceUnavailableError: The answer is not a provider's, or too many ask at once.
            KeywatchError: There is no answer.
        """
        return self._ask("POST", url, params=params, data=data, headers=headers)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _ask(self, method: str, url: str, **request: Any) -> ProviderAnswer:  # noqa: ANN401 - as requests takes them
        host = urlsplit(url).netloc
        if not self._places.acquire(timeout=WAIT_SECONDS):
            raise ServiceUnavailableError(f"{host} is slow, and too many wait for it. Try again in a minute.")
        try:
            answer = self._session.request(method, url, allow_redirects=False, **request)
        except requests.RequestException as error:
            raise network_error(error, host) from None  # whose request holds code and credential
        finally:
            self._places.release()
        status = answer.status_code
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ServiceUnavailableError(f"{host} cannot answer now (HTTP {status}). Try again in a minute.")
        return ProviderAnswer(status, _checked(answer.content, host))


def _checked(body: bytes, host: str) -> str:
    """Return a body that is a JSON object whose texts are texts.

    Raises:
        ServiceUnavailableError: It is not; nothing of it is repeated.
    """
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        read = None
    if isinstance(read, dict):
        texts = all(isinstance(read[name], str) for name in TEXTS if name in read)
        token = read.get("id_token")
        if texts and (token is None or token.count(".") == PARTS - 1):
            return json.dumps(read)
    raise ServiceUnavailableError(
        f"{host} answers with something that no provider says. See that the portal's provider and transport are right."
    )
