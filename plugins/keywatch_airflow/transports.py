"""The way of a connection to its hosts, from the connection and from Airflow's configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow.sdk.configuration import conf

from keywatch.errors import ConfigurationError
from keywatch.transport import Transport, layered
from keywatch_airflow.settings import SECTION
from keywatch_airflow.tracing import trace_this_task


def transport_of(extra: Mapping[str, Any], *, lab: bool) -> Transport:
    """Read how a connection gets to its hosts: by its own `transport` and, in what that leaves open, by [keywatch].

    Raises:
        ConfigurationError: Either is not usable.
    """
    own = json_object(extra.get("transport"), "transport on the connection")
    return transport_from(layered(own, configured_transport()), lab=lab)


def transport_from(values: Mapping[str, Any], *, lab: bool) -> Transport:
    """Make a transport; where it wants its requests written down, the running task begins to.

    Raises:
        ConfigurationError: It is not usable.
    """
    transport = Transport.from_mapping(values, lab=lab)
    if transport.trace:
        trace_this_task()
    return transport


def configured_transport() -> Mapping[str, Any]:
    """Return the transport of all connections, in what they leave open themselves.

    Raises:
        ConfigurationError: It is no JSON object.
    """
    return json_object(conf.get(SECTION, "transport", fallback=""), "[keywatch] transport")


def json_object(value: object, name: str) -> Mapping[str, Any]:
    """Read an object that may be written as JSON; nothing is an empty one.

    Raises:
        ConfigurationError: It is something else.
    """
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ConfigurationError(f"{name} is not JSON: {error}. Correct it.") from error
    if not value:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} is not a JSON object. Correct it.")
    return value
