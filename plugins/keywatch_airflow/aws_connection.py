"""What Keywatch reads in a stock `aws` connection: the certificate in place of an access key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from keywatch.errors import ConfigurationError
from keywatch.transport import require_aws_endpoint
from keywatch_airflow.settings import is_lab

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
    from cryptography.x509 import Certificate

    from keywatch.credentials.roles_anywhere import RolesAnywhere

ROLES_ANYWHERE: Final = "roles_anywhere"
CERTIFICATE_CONN_ID: Final = "certificate_conn_id"
FIELDS: Final = ("trust_anchor_arn", "profile_arn", "role_arn", "session_name", "duration", "chain")
OTHER_CREDENTIALS: Final = (
    *("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
    *("profile", "profile_name", "s3_config_file", "session_kwargs"),
)
NOT_HEEDED: Final = ("assume_role_with_saml", "external_id")
"""Extras that would be without effect; an external id belongs into `assume_role_kwargs`."""
NOT_HEEDED_OPTIONS: Final = ("client_cert", "proxies_config")
"""Options of `config_kwargs` that botocore heeds, and the request for a session would not."""
SIGNED_ELSEWHERE: Final = ("proxy-uri", "signer", "signer_token", "signer_uri")
"""Options of a service by which Airflow's object storage sends requests unsigned, or another way."""


def uses_certificate(connection: AwsConnectionWrapper) -> bool:
    """Tell whether a connection wants AWS credentials for a certificate."""
    extra = connection.extra_config
    return bool(connection) and (ROLES_ANYWHERE in extra or CERTIFICATE_CONN_ID in extra)


def roles_anywhere_of(connection: AwsConnectionWrapper) -> tuple[RolesAnywhere, str]:
    """Read where a connection trades its certificate for a session, and the connection that holds the certificate.

    Raises:
        ConfigurationError: An extra is missing, unknown or not usable, or there are other credentials beside it.
        HostNotAllowedError: The connection would send its sessions outside AWS.
    """
    from keywatch.credentials.roles_anywhere import RolesAnywhere

    extra = connection.extra_config
    _check_alone(connection)
    values = extra.get(ROLES_ANYWHERE)
    conn_id = extra.get(CERTIFICATE_CONN_ID)
    if not isinstance(values, Mapping) or not isinstance(conn_id, str) or not conn_id:
        raise ConfigurationError(
            f"Connection {connection.conn_id!r} needs both extras: {ROLES_ANYWHERE}, an object, and "
            f"{CERTIFICATE_CONN_ID}, the id of a connection of type keyvault_certificate."
        )
    if unknown := sorted(set(values) - set(FIELDS)):
        raise ConfigurationError(f"{ROLES_ANYWHERE} does not know {', '.join(unknown)}. It takes: {', '.join(FIELDS)}.")
    if missing := [name for name in FIELDS[:3] if not values.get(name)]:
        raise ConfigurationError(f"{ROLES_ANYWHERE} needs {', '.join(missing)}. Copy the stack's outputs.")
    given = {name: value for name, value in values.items() if value not in (None, "")}
    given |= {"duration": _duration(given), "chain": _chain(given.get("chain")), "fips": _wants_fips(extra)}
    return RolesAnywhere(**given), conn_id


def _check_alone(connection: AwsConnectionWrapper) -> None:
    """Refuse what would stand beside the certificate's sessions, take their place, or lead them away.

    Raises:
        ConfigurationError: The connection has any of it; the message names it.
        HostNotAllowedError: An endpoint is not one of AWS's.
    """
    extra, options = connection.extra_config, _object(connection.extra_config, "config_kwargs")
    services = {name: _object(_object(extra, "service_config"), name) for name in _object(extra, "service_config")}
    wrong = ["login and password"] * bool(connection.login or connection.password)
    wrong += [name for name in (*OTHER_CREDENTIALS, *NOT_HEEDED) if extra.get(name)]
    wrong += [f"config_kwargs.{name}" for name in NOT_HEEDED_OPTIONS if options.get(name)]
    wrong += ["config_kwargs.signature_version"] * (options.get("signature_version") == "unsigned")
    wrong += ["assume_role_method"] * (connection.assume_role_method not in (None, "assume_role"))
    for service, its in services.items():
        wrong += [f"service_config.{service}.{name}" for name in SIGNED_ELSEWHERE if its.get(name)]
    if wrong:
        raise ConfigurationError(
            f"Connection {connection.conn_id!r} has {ROLES_ANYWHERE}, which goes with none of what else it has: remove "
            f"{', '.join(wrong)}."
        )
    lab = is_lab(extra, str(connection.conn_id))
    for url in filter(None, [extra.get("endpoint_url"), *(its.get("endpoint_url") for its in services.values())]):
        require_aws_endpoint(str(url), lab=lab)


def _object(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = values.get(name) or {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} in the aws connection's extras is no JSON object. Correct it.")
    return value


def _wants_fips(extra: Mapping[str, Any]) -> bool:
    """Tell whether the connection or AWS's own variable asks for endpoints validated after FIPS 140."""
    asked = _object(extra, "config_kwargs").get("use_fips_endpoint", os.environ.get("AWS_USE_FIPS_ENDPOINT"))
    return str(asked).lower() == "true"


def _duration(values: Mapping[str, Any]) -> int:
    value = values.get("duration", 3600)
    if isinstance(value, bool) or not str(value).isdecimal():
        raise ConfigurationError(f"duration of {ROLES_ANYWHERE} is not a number of seconds. Correct it.")
    return int(value)


def _chain(text: object) -> tuple[Certificate, ...]:
    """Read the intermediate certificates, which are PEM."""
    from cryptography import x509

    if text is None:
        return ()
    try:
        return tuple(x509.load_pem_x509_certificates(str(text).encode("ascii")))
    except ValueError as error:
        raise ConfigurationError(
            f"chain of {ROLES_ANYWHERE} is not PEM. Give the certificates between yours and the trust anchor's."
        ) from error
