"""botocore clients that obey a transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import SSLError

from keywatch.transport.hosts import AllowedHosts
from keywatch.transport.presented import remember_way
from keywatch.transport.settings import Transport
from keywatch.transport.wire_logs import keep_wire_logs_quiet

if TYPE_CHECKING:
    import boto3


def use_credentials(session: Any, credentials: object) -> None:  # noqa: ANN401 - of botocore or aiobotocore
    """Let a botocore or aiobotocore session have credentials that renew themselves.

    There is no public setter for them; this attribute is what the users of both libraries set.
    """
    session._credentials = credentials  # noqa: SLF001 - as said


def botocore_config(transport: Transport, url: str) -> Config:
    """Write a transport as botocore's configuration, but for its CA bundle.

    Args:
        transport: Has been resolved against the environment.
        url: What is reached; its host decides whether the proxy is used.
    """
    return _network(transport, transport.proxies_for(url))


def _network(transport: Transport, proxies: dict[str, str]) -> Config:
    return Config(proxies=proxies, connect_timeout=transport.connect_timeout, read_timeout=transport.read_timeout)


def aws_client(
    session: boto3.Session,
    service: str,
    transport: Transport,
    hosts: AllowedHosts,
    *,
    config: Config | None = None,
    endpoint_url: str | None = None,
) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Make a boto3 client that obeys the transport and talks to one of the given hosts.

    botocore has no `no_proxy` beside explicit proxies, so the proxy is decided here, by the client's endpoint: first
    by a guess at it, since to make a client takes a while, and again where the guess was wrong. Its debug logs are
    switched off.

    Args:
        session: Whose credentials and region are used.
        service: As boto3 names it, such as `iam`.
        transport: Is resolved against the environment here.
        hosts: What may be reached.
        config: Further settings; the transport's own win.
        endpoint_url: The endpoint, if it is not the service's usual one.

    Raises:
        ConfigurationError: The transport cannot be resolved.
        HostNotAllowedError: The endpoint is outside the cloud; no request has been made.
    """
    keep_wire_logs_quiet()
    resolved = transport.resolve()

    def make(proxies: dict[str, str]) -> Any:  # noqa: ANN401 - as above
        network = _network(resolved, proxies)
        client = session.client(  # type: ignore[call-overload]
            service,
            config=config.merge(network) if config else network,
            verify=resolved.trust,
            endpoint_url=endpoint_url,
        )
        _remember_ways(client, resolved)
        return client

    guessed = resolved.proxies_for(endpoint_url or f"https://{service}.amazonaws.com")
    client = make(guessed)
    hosts.require(client.meta.endpoint_url)
    decided = resolved.proxies_for(client.meta.endpoint_url)
    return client if decided == guessed else make(decided)


def _remember_ways(client: Any, transport: Transport) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    """Let a client's errors about certificates say by which way they came about, so that it can be looked at."""

    def remember(exception: BaseException | None = None, **_: object) -> None:
        if isinstance(exception, SSLError):
            remember_way(exception, client.meta.endpoint_url, transport)

    client.meta.events.register("response-received", remember)
