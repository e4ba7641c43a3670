"""The way to AWS of a stock `aws` connection, as one transport."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from keywatch.errors import ConfigurationError
from keywatch.transport import Transport, layered
from keywatch_airflow.settings import is_lab
from keywatch_airflow.transports import configured_transport, json_object, transport_from

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
    from botocore.config import Config

TRANSPORT: Final = "transport"
TIMEOUTS: Final = ("connect_timeout", "read_timeout")
WAY: Final = ("ca_bundle", "extra_ca_bundle", "proxy", "no_proxy", "verify", *TIMEOUTS)
"""What changes the way of a session; the other fields are about requests of Keywatch's own."""

IN_STOCK_WORDS: Final = {
    "ca_bundle": "verify",
    "extra_ca_bundle": "verify",
    "verify": "verify",
    "proxy": "config_kwargs.proxies",
    "connect_timeout": "config_kwargs.connect_timeout",
    "read_timeout": "config_kwargs.read_timeout",
}


def says_the_way(connection: AwsConnectionWrapper) -> bool:
    """Tell whether the way to AWS is written where botocore does not look: in `transport`, here or in [keywatch].

    Raises:
        ConfigurationError: Either is no JSON object.
    """
    if not connection:
        return False
    said = layered(_own(connection), configured_transport())
    return any(name in said for name in WAY)


def transport_of_aws(
    connection: AwsConnectionWrapper, config: Config | None = None, *, of_stock: bool = False
) -> Transport:
    """Read the way to AWS of a connection: its own, then that of [keywatch], then that of the environment.

    Its own is extra `transport` or, as stock connections have it, `verify` and `config_kwargs`. Of the environment,
    `AWS_CA_BUNDLE` comes before the variables that all SDKs know.

    Args:
        connection: The connection.
        config: What Airflow makes of its `config_kwargs`; None if it has none.
        of_stock: Whether it is for somebody else's operators, whose `verify: false` is no business of ours.

    Raises:
        ConfigurationError: It is not usable. Outside a laboratory: verification is switched off, or a proxy is to read
            the requests.
    """
    lab = is_lab(connection.extra_config, str(connection.conn_id)) or of_stock
    own, stock = _own(connection), _stock(connection.verify, config, lab=lab)
    said = {IN_STOCK_WORDS[name] for name in own if name in IN_STOCK_WORDS}
    if twice := sorted(said & {IN_STOCK_WORDS[name] for name in stock}):
        raise ConfigurationError(
            f"The aws connection says the way to AWS twice, in `{TRANSPORT}` and in `{'` and `'.join(twice)}`. Keep "
            "one."
        )
    environment = {"ca_bundle": os.environ.get("AWS_CA_BUNDLE") or None}
    return transport_from(layered(own, stock, configured_transport(), environment), lab=lab)


def _own(connection: AwsConnectionWrapper) -> Mapping[str, Any]:
    return json_object(connection.extra_config.get(TRANSPORT), f"{TRANSPORT} in the aws connection's extras")


def _stock(verify: object, config: Config | None, *, lab: bool) -> dict[str, Any]:
    """Read what a stock connection says in its own words."""
    from botocore.config import Config

    if not (verify is None or isinstance(verify, bool) or (isinstance(verify, str) and verify)):
        raise ConfigurationError(
            f"verify in the aws connection's extras is {verify!r}. Give the path of a CA bundle, or remove it."
        )
    options: Any = config or Config()  # botocore gives a Config its attributes at run time
    if (options.proxies_config or {}).get("proxy_use_forwarding_for_https") and not lab:
        raise ConfigurationError(
            "config_kwargs.proxies_config.proxy_use_forwarding_for_https would hand signed requests to the proxy in "
            "clear. Remove it from the aws connection."
        )
    usual = Config()
    said = {name: getattr(options, name) for name in TIMEOUTS if getattr(options, name) != getattr(usual, name)}
    said["proxy"] = (options.proxies or {}).get("https")
    said["ca_bundle"] = verify if isinstance(verify, str) else None
    said["verify"] = False if verify is False else None
    return {name: value for name, value in said.items() if value is not None}
