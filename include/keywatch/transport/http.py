"""requests sessions that obey a transport, for Keywatch's own clients, MSAL and azure-core alike."""

from __future__ import annotations

import http.client
import time
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import requests.adapters
from azure.core.pipeline.transport import RequestsTransport

from keywatch.errors import ConfigurationError, TlsError, TransientError, UnreachableError
from keywatch.transport.hosts import AllowedHosts
from keywatch.transport.knobs import OF_A_TRANSPORT, Knobs
from keywatch.transport.presented import presented_to, remember_way
from keywatch.transport.settings import Transport
from keywatch.transport.untrusted import innermost, is_untrusted, untrusted

BROKEN: Final = (BrokenPipeError, ConnectionResetError, http.client.HTTPException)
"""What ends a connection that stood. Through a proxy, urllib3 calls that a ProxyError too."""


LARGEST_ANSWER: Final = 16 * 1024 * 1024
"""Bytes of an answer, unpacked. The largest that is expected, a page of a list, is a hundredth of it."""

PATIENCE: Final = 5
"""How many read time-outs a whole answer may take."""

CHUNK: Final = 65_536


class _TransportAdapter(requests.adapters.HTTPAdapter):
    """Decides proxy, trust and time-out itself, for every request and redirect.

    A session's own merging lets `REQUESTS_CA_BUNDLE` win over an explicit `verify`; here nothing merges.
    """

    def __init__(self, transport: Transport, hosts: AllowedHosts, pool_size: int, largest: int | None) -> None:
        super().__init__(pool_connections=4, pool_maxsize=pool_size, pool_block=True)
        self._transport = transport
        self._hosts = hosts
        self._largest = largest

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401 - requests passes them by name
        url = request.url or ""
        self._hosts.require(url)
        options |= {"verify": self._transport.trust, "proxies": self._transport.proxies_for(url)}
        options["timeout"] = options.get("timeout") or self._transport.timeouts
        try:
            response = super().send(request, **options)
        except (requests.exceptions.SSLError, requests.exceptions.ProxyError) as error:
            remember_way(error, url, self._transport)
            raise
        if self._largest is not None:
            self._read(response, self._largest, url)
        return response

    def _read(self, response: requests.Response, largest: int, url: str) -> None:
        """Read the answer, but not without end: neither what unpacks to too much nor what only trickles in."""
        deadline = time.monotonic() + PATIENCE * self._transport.read_timeout
        parts: list[bytes] = []
        size = 0
        for part in response.iter_content(CHUNK):
            parts.append(part)
            size += len(part)
            if size > largest or time.monotonic() > deadline:
                response.close()
                raise UnreachableError(
                    f"{urlsplit(url).hostname} answered with too much, or too slowly, for what it was asked. "
                    "Check transport.proxy on the connection.",
                    perhaps_done=True,
                )
        response._content = b"".join(parts)  # noqa: SLF001 - as requests itself keeps what it has read


def requests_session(
    transport: Transport, hosts: AllowedHosts, *, pool_size: int = 10, largest: int | None = LARGEST_ANSWER
) -> requests.Session:
    """Make a session that obeys the transport and reaches only the given hosts, redirects included.

    Args:
        transport: Is resolved against the environment here.
        hosts: What may be reached.
        pool_size: Connections kept per host; more requests at once wait for one.
        largest: The most bytes of an answer, unpacked; None for sessions that download.

    Raises:
        ConfigurationError: The transport cannot be resolved.
    """
    session = requests.Session()
    session.trust_env = False
    adapter = _TransportAdapter(transport.resolve(), hosts, pool_size, largest)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def identity_session(transport: Transport, hosts: AllowedHosts) -> requests.Session:
    """Make a session for finding out who this machine is: Entra over the transport, the platform directly.

    A platform's own identity endpoint (instance metadata, App Service) is plain HTTP on the machine or beside it, and
    only the platform's environment variables name it, never a connection.

    Raises:
        ConfigurationError: The transport cannot be resolved.
    """
    session = requests_session(transport, hosts)
    session.mount("http://", requests.adapters.HTTPAdapter())
    return session


def azure_core_arguments(
    transport: Transport, hosts: AllowedHosts, *, pool_size: int = 10, largest: int | None = LARGEST_ANSWER
) -> dict[str, Any]:
    """Make the keyword arguments that let any azure-core client obey the transport.

    Args:
        transport: Is resolved against the environment here.
        hosts: What may be reached.
        pool_size: Connections kept per host; more requests at once wait for one.
        largest: The most bytes of an answer, unpacked; None for clients that download.

    Raises:
        ConfigurationError: The transport cannot be resolved.
    """
    return {
        "transport": azure_core_transport(
            requests_session(transport, hosts, pool_size=pool_size, largest=largest), transport
        )
    }


def azure_core_transport(session: requests.Session, transport: Transport) -> RequestsTransport:
    """Let azure-core send through a session."""
    return RequestsTransport(
        session=session,
        session_owner=False,
        use_env_settings=False,
        connection_timeout=transport.connect_timeout,
        read_timeout=transport.read_timeout,
    )


def network_error(
    error: requests.RequestException, host: str, knobs: Knobs = OF_A_TRANSPORT
) -> TlsError | ConfigurationError | TransientError:
    """Turn a failure of requests into the error that says what to do.

    A host whose certificate is not trusted is visited once more, to see whose it is.

    Args:
        error: As a session of `requests_session` raised it.
        host: Who was asked.
        knobs: Where the way to the host is set.
    """
    if isinstance(error, requests.exceptions.SSLError) and is_untrusted(error):
        return untrusted(host, error, presented_to(error), knobs)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return UnreachableError(f"{host} did not accept a connection in time. {knobs.where_to_look}")
    if isinstance(error, requests.exceptions.ProxyError) and not isinstance(innermost(error), BROKEN):
        return _proxy_error(error, host, knobs)
    if isinstance(error, requests.exceptions.ReadTimeout):
        return UnreachableError(f"{host} did not answer in time. {knobs.where_to_look}", perhaps_done=True)
    if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
        return UnreachableError(f"{host} cannot be reached: {_reason(error)}. {knobs.where_to_look}")
    return UnreachableError(f"The connection to {host} broke before an answer came.", perhaps_done=True)


def _proxy_error(
    error: requests.exceptions.ProxyError, host: str, knobs: Knobs
) -> TlsError | ConfigurationError | UnreachableError:
    if is_untrusted(error):
        return untrusted(f"the proxy on the way to {host}", error, presented_to(error, by_the_proxy=True), knobs)
    reason = _reason(error)
    if "407" in reason:
        return ConfigurationError(
            f"The proxy on the way to {host} wants credentials, or other ones. Put them into {knobs.proxy}: "
            "http://user:password@host:port."
        )
    return UnreachableError(f"The proxy did not connect to {host}: {reason}. {knobs.where_to_look}")


def _reason(error: BaseException) -> str:
    return str(innermost(error)).strip().rstrip(".")
