"""requests sessions that obey a transport, for Keywatch's own clients, MSAL and azure-core alike."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import requests.adapters
from azure.core.pipeline.transport import RequestsTransport

from keywatch.errors import ConfigurationError, TlsError, TransientError, UnreachableError
from keywatch.transport.hosts import AllowedHosts
from keywatch.transport.settings import Transport

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
        response = super().send(request, **options)
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


@dataclass(frozen=True, slots=True)
class Knobs:
    """Where on a connection its way to a host is set, for messages.

    Attributes:
        ca_bundle: Names the certificate authorities to trust.
        proxy: Names the proxy.
        no_proxy: Names the hosts reached without it, if the connection can.
    """

    ca_bundle: str = "transport.ca_bundle on the connection"
    proxy: str = "transport.proxy on the connection"
    no_proxy: str | None = "transport.no_proxy"

    @property
    def where_to_look(self) -> str:
        """What to check when a host cannot be reached."""
        return f"Check the name, and {self.proxy}{f' and {self.no_proxy}' if self.no_proxy else ''}."


OF_A_TRANSPORT: Final = Knobs()
OF_AN_AWS_CONNECTION: Final = Knobs(
    ca_bundle="`verify` in the aws connection's extras",
    proxy="`config_kwargs.proxies` in the aws connection's extras",
    no_proxy=None,
)


def network_error(
    error: requests.RequestException, host: str, knobs: Knobs = OF_A_TRANSPORT
) -> TlsError | ConfigurationError | TransientError:
    """Turn a failure of requests into the error that says what to do."""
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return TlsError(
            f"The TLS certificate of {host} is not trusted: {_reason(error)}. If a proxy inspects TLS here, give its "
            f"certificate authority as {knobs.ca_bundle}; if the certificate has expired, its owner must renew it."
        )
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return UnreachableError(f"{host} did not accept a connection in time. {knobs.where_to_look}")
    if isinstance(error, requests.exceptions.ProxyError) and not isinstance(_innermost(error), BROKEN):
        return _proxy_error(error, host, knobs)
    if isinstance(error, requests.exceptions.ReadTimeout):
        return UnreachableError(f"{host} did not answer in time. {knobs.where_to_look}", perhaps_done=True)
    if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
        return UnreachableError(f"{host} cannot be reached: {_reason(error)}. {knobs.where_to_look}")
    return UnreachableError(f"The connection to {host} broke before an answer came.", perhaps_done=True)


def _proxy_error(
    error: requests.exceptions.ProxyError, host: str, knobs: Knobs
) -> ConfigurationError | UnreachableError:
    reason = _reason(error)
    if "407" in reason:
        return ConfigurationError(
            f"The proxy on the way to {host} wants credentials, or other ones. Put them into {knobs.proxy}: "
            "http://user:password@host:port."
        )
    return UnreachableError(f"The proxy did not connect to {host}: {reason}. {knobs.where_to_look}")


def _innermost(error: BaseException) -> object:
    """Return the innermost reason, without the pool objects that wrap it."""
    inner: Any = error.args[0] if error.args else error
    inner = getattr(inner, "reason", inner)
    while isinstance(inner, BaseException) and inner.args and isinstance(inner.args[-1], BaseException):
        inner = inner.args[-1]
    return inner


def _reason(error: BaseException) -> str:
    return str(_innermost(error)).strip().rstrip(".")
