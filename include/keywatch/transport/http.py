"""requests sessions that obey a transport, for Keywatch's own clients, MSAL and azure-core alike."""

from __future__ import annotations

import http.client
import re
import ssl
import sys
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import requests.adapters
import urllib3
from azure.core.pipeline.transport import RequestsTransport

from keywatch.errors import ConfigurationError, TlsError, TransientError, UnreachableError
from keywatch.transport.bounded import BOUNDED, STREAMED, TooSlowError
from keywatch.transport.hosts import AllowedHosts
from keywatch.transport.knobs import OF_A_TRANSPORT, Knobs
from keywatch.transport.presented import presented_to, remember_way
from keywatch.transport.settings import Transport
from keywatch.transport.tunnel import PORTS, Proxy, without_secrets, words_of
from keywatch.transport.untrusted import innermost, is_untrusted, untrusted, with_errors_within

BROKEN: Final = (BrokenPipeError, ConnectionResetError, http.client.HTTPException)
"""What ends a connection that stood. Through a proxy, urllib3 calls that a ProxyError too."""


LARGEST_ANSWER: Final = 16 * 1024 * 1024
"""Bytes of an answer, unpacked. The largest that is expected, a page of a list, is a hundredth of it."""

CHUNK: Final = 65_536
TUNNEL_REFUSED: Final = re.compile(r"Tunnel connection failed: ([0-9]{3})(?: (.*))?", re.DOTALL)
"""How http.client words a proxy's answer to `CONNECT`."""


class _TransportAdapter(requests.adapters.HTTPAdapter):
    """Decides proxy, trust and time-out itself, for every request and redirect.

    A session's own merging lets `REQUESTS_CA_BUNDLE` win over an explicit `verify`; here nothing merges.
    """

    def __init__(self, transport: Transport, hosts: AllowedHosts, pool_size: int, largest: int | None) -> None:
        self._transport = transport
        self._hosts = hosts
        self._largest = largest
        super().__init__(pool_connections=4, pool_maxsize=pool_size, pool_block=True)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - requests passes them
        """Make the pools of what is reached directly."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:  # noqa: ANN401 - as requests has it
        """Make the pools of what is reached through a proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager

    @property
    def _pools(self) -> dict[str, type[urllib3.HTTPConnectionPool]]:
        return STREAMED if self._largest is None else BOUNDED

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401 - requests passes them by name
        url = request.url or ""
        self._hosts.require(url)
        options |= {"verify": self._transport.trust, "proxies": self._transport.proxies_for(url)}
        options["timeout"] = options.get("timeout") or self._transport.timeouts
        before = sys.exception()
        try:
            response = super().send(request, **options)
            if self._largest is not None:
                _read(response, self._largest, url)
        except requests.RequestException as error:
            if any(isinstance(each, TooSlowError) for each in with_errors_within(error, causes=True, but=before)):
                raise _without_end(url) from None
            self._scrub(error, url, before)
            if isinstance(error, (requests.exceptions.SSLError, requests.exceptions.ProxyError)):
                remember_way(error, url, self._transport)
            raise
        return response

    def _scrub(self, error: requests.RequestException, url: str, before: BaseException | None) -> None:
        """Make an error fit for tracebacks: a proxy may have been heard to repeat its credentials."""
        parts = urlsplit(url)
        proxy = Proxy.on_the_way(self._transport, parts.hostname or "", parts.port or PORTS[parts.scheme])
        for each in with_errors_within(error, causes=True, but=before):
            if not isinstance(each, ssl.SSLError):  # whose words are OpenSSL's
                each.args = tuple(_fit(argument, proxy) for argument in each.args)


def _read(response: requests.Response, largest: int, url: str) -> None:
    """Read an answer, but none that unpacks to too much."""
    parts: list[bytes] = []
    size = 0
    for part in response.iter_content(CHUNK):
        parts.append(part)
        size += len(part)
        if size > largest:
            response.close()
            raise _without_end(url)
    response._content = b"".join(parts)  # noqa: SLF001 - as requests itself keeps what it has read


def _without_end(url: str) -> UnreachableError:
    return UnreachableError(
        f"{urlsplit(url).hostname} answered with too much, or too slowly, for what it was asked. "
        "Check transport.proxy on the connection.",
        perhaps_done=True,
    )


def _fit(argument: object, proxy: Proxy | None) -> object:
    """Make an argument of an error fit to be shown."""
    if isinstance(argument, bytes):
        argument = argument.decode("latin-1")
    if not isinstance(argument, str):
        return argument
    if refused := TUNNEL_REFUSED.fullmatch(argument):
        # The status is kept whatever user and password are: it decides what the failure means.
        return f"Tunnel connection failed: {refused[1]} {words_of(proxy, refused[2] or '')}".rstrip()
    return without_secrets(argument, proxy)


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
    if any(isinstance(each, urllib3.exceptions.NewConnectionError) for each in with_errors_within(error)):
        return UnreachableError(f"{host} cannot be reached: {_reason(error)}. {knobs.where_to_look}")
    return UnreachableError(f"The connection to {host} broke before an answer came.", perhaps_done=True)


def _proxy_error(
    error: requests.exceptions.ProxyError, host: str, knobs: Knobs
) -> TlsError | ConfigurationError | UnreachableError:
    if is_untrusted(error):
        return untrusted(f"the proxy on the way to {host}", error, presented_to(error, by_the_proxy=True), knobs)
    reason, status = _refusal(error)
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return ConfigurationError(
            f"The proxy on the way to {host} wants credentials, or other ones. Put them into {knobs.proxy}: "
            "http://user:password@host:port."
        )
    return UnreachableError(f"The proxy did not connect to {host}: {reason}. {knobs.where_to_look}")


def _refusal(error: requests.exceptions.ProxyError) -> tuple[str, int | None]:
    """Return a proxy's refusal in words, and its status; None if it was not even asked, or said nothing."""
    reason = innermost(error)
    refused = TUNNEL_REFUSED.fullmatch(str(reason)) if type(reason) is OSError else None
    return _reason(error), int(refused[1]) if refused else None


def _reason(error: BaseException) -> str:
    return str(innermost(error)).strip().rstrip(".")
