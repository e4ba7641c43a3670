"""The gateway: ends TLS for the portal's names and relays what comes to a port of loopback, as a reverse proxy does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from localcloud.http1 import READ_SIZE, Response, ServerConnection
from localcloud.identity_model import GATEWAY_DOMAIN

LOOPBACK: Final = "127.0.0.1"
PORTS: Final = range(1, 65_536)


class Gateway:
    """Which name leads to which port. A reset leaves it, like all addresses.

    Args:
        is_taken: tells whether a service owns a name.
    """

    def __init__(self, is_taken: Callable[[str], bool]) -> None:
        self._is_taken = is_taken
        self._ports: dict[str, int] = {}

    def owns(self, host: str) -> bool:
        """Tell whether a name is the gateway's, whether it leads anywhere or not."""
        return host.endswith(GATEWAY_DOMAIN) and not self._is_taken(host)

    def port(self, host: str) -> int | None:
        """Give the port that a name leads to."""
        return self._ports.get(host)

    def serve_at(self, host: str, port: int) -> None:
        """Let a name lead to a port of loopback that speaks plain HTTP.

        Raises:
            ValueError: the name is not the gateway's, or there is no such port.
        """
        name = host.lower()
        if not self.owns(name):
            raise ValueError(f"{host} cannot be served: choose a name below {GATEWAY_DOMAIN[1:]} that is not played")
        if port not in PORTS:
            raise ValueError(f"{port} is no port; choose one from {PORTS.start} to {PORTS.stop - 1}")
        self._ports[name] = port

    def serve_no_longer(self, host: str) -> None:
        """Let a name lead nowhere.

        Raises:
            ValueError: it does already.
        """
        if self._ports.pop(host.lower(), None) is None:
            raise ValueError(f"{host} is not served; served are: {', '.join(self._ports) or 'none'}")


async def relay(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes both ways between a connection and a port of loopback until one side has ended.

    A port that refuses is answered for: 502 to the first request.
    """
    try:
        upstream, downstream = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        await _refuse(port, ServerConnection(reader, writer))
        return
    ways = [asyncio.create_task(_pass_on(reader, downstream)), asyncio.create_task(_pass_on(upstream, writer))]
    try:
        # TLS ends both ways at once here, so that nobody waits for the other half.
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in ways:
            each.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        downstream.close()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(READ_SIZE):
        sink.write(data)
        await sink.drain()


async def _refuse(port: int, inside: ServerConnection) -> None:
    if await inside.request() is not None:
        message = f"502: nothing answers at port {port}. Start what is to be served there.\n"
        await inside.respond(Response(502, message.encode()), close=True)
