"""A host, and the way to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlsplit

from keywatch.transport import Transport
from keywatch.transport.knobs import OF_A_TRANSPORT, Knobs
from keywatch.transport.tunnel import HTTPS, Proxy, at


@dataclass(frozen=True, slots=True)
class Place:
    """A host that a connection talks to.

    Attributes:
        host: Its name.
        transport: How to get there; has been resolved against the environment.
        port: Its port.
        knobs: Where that way is set, for messages.
    """

    host: str
    transport: Transport
    port: int = HTTPS
    knobs: Knobs = OF_A_TRANSPORT

    @classmethod
    def of(cls, url: str, transport: Transport, knobs: Knobs = OF_A_TRANSPORT) -> Self:
        """Read the host of a URL, or a host alone.

        Args:
            url: With or without `https://`.
            transport: How to get there; is resolved against the environment here.
            knobs: As in the class.

        Raises:
            ConfigurationError: The transport cannot be resolved.
        """
        parts = urlsplit(url if "://" in url else f"https://{url}")
        return cls(parts.hostname or "", transport.resolve(), parts.port or HTTPS, knobs)

    @property
    def proxy(self) -> Proxy | None:
        """The proxy on the way; None if there is none."""
        return Proxy.on_the_way(self.transport, self.host, self.port)

    @property
    def authority(self) -> str:
        """Host and port, as a URL has them."""
        return at(self.host, self.port).removesuffix(f":{HTTPS}")


def once(transport: Transport) -> Transport:
    """Let a transport make every request a single time: what is broken is to be told now, and not after back-offs."""
    return replace(transport, attempts=1)
