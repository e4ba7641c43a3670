"""Where a user sets the way to a host, for messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Knobs:
    """Where on a connection its way to a host is set, for messages.

    Attributes:
        ca_bundle: Names the certificate authorities to trust instead of the public ones.
        extra_ca_bundle: Names those to trust beside the public ones.
        proxy: Names the proxy.
        no_proxy: Names the hosts reached without it, if the connection can.
    """

    ca_bundle: str = "transport.ca_bundle on the connection"
    extra_ca_bundle: str = "transport.extra_ca_bundle on the connection"
    proxy: str = "transport.proxy on the connection"
    no_proxy: str | None = "transport.no_proxy"

    @property
    def where_to_look(self) -> str:
        """What to check when a host cannot be reached."""
        return f"Check the name, and {self.proxy}{f' and {self.no_proxy}' if self.no_proxy else ''}."


OF_A_TRANSPORT: Final = Knobs()
OF_AN_AWS_CONNECTION: Final = Knobs(
    ca_bundle="`transport.ca_bundle`, or `verify`, in the aws connection's extras",
    extra_ca_bundle="`transport.extra_ca_bundle` in the aws connection's extras",
    proxy="`transport.proxy`, or `config_kwargs.proxies`, in the aws connection's extras",
    no_proxy=None,
)
