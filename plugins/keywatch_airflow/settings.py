"""Keywatch's settings in Airflow: the section [keywatch], and what several connection types say alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.configuration import conf

from keywatch.errors import ConfigurationError
from keywatch.transport import AzureCloud, Transport

if TYPE_CHECKING:
    from airflow.sdk import Connection, ObjectStoragePath

    from keywatch.credentials.vault import Vault

SECTION = "keywatch"


def staging() -> ObjectStoragePath:
    """Return the staging area."""
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(conf.get(SECTION, "staging"))


def staging_retention() -> timedelta:
    """Return how long a run's staged files are kept.

    Raises:
        ConfigurationError: It is set to less than a day.
    """
    days = conf.getint(SECTION, "staging_retention_days")
    if days < 1:
        raise ConfigurationError("[keywatch] staging_retention_days is below 1: a run could lose its own files.")
    return timedelta(days=days)


def is_lab(extra: Mapping[str, Any], conn_id: str) -> bool:
    """Tell whether a connection is a laboratory's, which its extras and Airflow's configuration must both say.

    Raises:
        ConfigurationError: The connection says so, the configuration does not.
    """
    lab = extra.get("lab")
    if lab is None or lab is False or lab == "":
        return False
    if lab is not True:
        raise ConfigurationError(f"Connection {conn_id!r} sets lab to {lab!r}. Set it to true or false, or remove it.")
    if not conf.getboolean(SECTION, "allow_lab"):
        raise ConfigurationError(
            f"Connection {conn_id!r} sets lab: true, which this Airflow does not allow. Remove it or, in a "
            "laboratory, set [keywatch] allow_lab = True."
        )
    return True


def extra_of(connection: Connection, form: Mapping[str, Any]) -> dict[str, Any]:
    """Return a connection's extras, all of which its form has.

    Args:
        connection: The connection.
        form: As `keywatch_airflow.forms` describes its type.

    Raises:
        ConfigurationError: One has a name that the form does not know: a misspelt one would be ignored otherwise.
    """
    extra, known = dict(connection.extra_dejson), form["conn-fields"]
    if unknown := sorted(set(extra) - set(known)):
        raise ConfigurationError(
            f"The connection's extras do not know {', '.join(unknown)}. They take: {', '.join(known)}."
        )
    return extra


def text_of(extra: Mapping[str, Any], name: str) -> str | None:
    """Read a text of a connection's extras; None if it is not there, or empty.

    Raises:
        ConfigurationError: It is something else than text.
    """
    value = extra.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.isprintable():
        raise ConfigurationError(f"{name} is not a line of text. Correct it on the connection.")
    return value


def flag_of(extra: Mapping[str, Any], name: str) -> bool:
    """Read a flag of a connection's extras; False if it is not there.

    Raises:
        ConfigurationError: It is neither true nor false.
    """
    value = extra.get(name)
    if value not in (None, "", True, False):
        raise ConfigurationError(f"{name} is neither true nor false. Correct it on the connection.")
    return value is True


def https_url(host: str | None) -> str:
    """Read a connection's host as a URL without a path, in lower case; one without a scheme is meant as HTTPS.

    Raises:
        ConfigurationError: There is none, or it has a path.
    """
    url = (host or "").strip().rstrip("/").lower()
    url = (url if "://" in url else f"https://{url}").removesuffix(":443")
    _, _, rest = url.partition("://")
    if not rest:
        raise ConfigurationError("The connection has no host. Enter https://<name>.<domain>.")
    if set(rest) & set("/?#"):
        raise ConfigurationError("The connection's host is not the URL of a host alone. Enter https://<name>.<domain>.")
    return url


def vault_of(
    host: str | None, extra: Mapping[str, Any], *, cloud: AzureCloud, transport: Transport, lab: bool
) -> Vault:
    """Describe a vault, and the identity by which a connection reaches it.

    Args:
        host: The vault's URL.
        extra: The connection's extras `vault_identity` and `vault_identity_client_id`.
        cloud: The vault's.
        transport: How to get there.
        lab: Whether other hosts may be reached.

    Raises:
        ConfigurationError: The URL or the identity is not usable.
        HostNotAllowedError: The vault is outside the cloud.
    """
    from keywatch.credentials.identity import identity_credential, identity_kind
    from keywatch.credentials.vault import Vault

    url, hosts = https_url(host), cloud.vault_hosts.in_lab(lab)
    hosts.require(url)
    credential = identity_credential(
        identity_kind(text_of(extra, "vault_identity")),
        cloud,
        transport,
        client_id=text_of(extra, "vault_identity_client_id"),
        lab=lab,
    )
    return Vault(url, credential, hosts, transport)
