"""`keywatch doctor`: what to try for an Airflow connection, by the same hooks as a task has."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from keywatch.doctor.clock import clock_step
from keywatch.doctor.destination import check_streams, check_workspace, send_test_row
from keywatch.doctor.model import Outcome, Plan, Step, passed
from keywatch.doctor.network import network_steps
from keywatch.doctor.place import Place
from keywatch.errors import ConfigurationError
from keywatch.log_analytics.data_collector import SUPPORT_ENDED, check_log_type, check_workspace_id
from keywatch.pipeline.tables import TABLES
from keywatch.transport import azure_cloud
from keywatch_airflow.doctor_hooks import CertificateHook, CollectorHook, IngestionHook
from keywatch_airflow.hooks.data_collector import EXTRA_NAMES, SECRET_NAME, DataCollectorHook
from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook
from keywatch_airflow.hooks.logs_ingestion import STREAM_NAMES, LogsIngestionHook
from keywatch_airflow.settings import text_of, vault_of


class NoConnectionError(Exception):
    """Airflow knows no connection of that id. Its text says what to do."""


def kind_of(conn_id: str) -> str:
    """Return a connection's type.

    Raises:
        NoConnectionError: There is no such connection.
    """
    try:
        return str(BaseHook.get_connection(conn_id).conn_type)
    except AirflowNotFoundException as error:
        variable = f"AIRFLOW_CONN_{conn_id.upper()}"
        if variable in os.environ:  # Airflow goes on to look elsewhere, and does not say so
            raise NoConnectionError(f"{variable} is set, but is neither a URI nor JSON. Correct it.") from error
        raise NoConnectionError(
            "Correct the id, or create the connection. It was looked for in AIRFLOW_CONN_ variables, in the secrets "
            "backend and in the metadata database, as far as they can be reached from here."
        ) from error


def plan_of(conn_id: str, *, row: bool = True) -> Plan:
    """Read a connection, and say what to try. Nobody is asked but Airflow.

    Args:
        conn_id: The connection.
        row: Whether a test row may be sent, if the connection is a destination.

    Raises:
        NoConnectionError: There is no such connection.
        ConfigurationError: It is not usable, or of a type that is not examined.
        KeywatchError: It would lead a credential out of its cloud, for one.
    """
    kind = kind_of(conn_id)
    if kind not in KINDS:
        raise ConfigurationError(
            f"Connection {conn_id!r} is of type {kind}, which is not examined. Name one of type {', '.join(KINDS)}."
        )
    try:
        return KINDS[kind](conn_id, row)
    except AirflowNotFoundException as error:
        raise ConfigurationError(
            f"Connection {conn_id!r} names another one that is not there: {error}. Create that one, or name another as "
            "certificate_conn_id."
        ) from error


def _of_certificate(conn_id: str, row: bool) -> Plan:  # noqa: FBT001 - one of several of a kind
    del row
    hook = CertificateHook(conn_id)
    application = hook.application
    network = network_steps((*hook.places, hook.entra))
    return Plan(
        f"{hook.source.name}, for application {application.client_id} of tenant {application.tenant_id}.",
        (*network.steps, *hook.token_steps(network.reached, application.probe_scope)),
        {"client_id": application.client_id, "tenant_id": application.tenant_id, "cloud": application.cloud.name},
    )


def _of_rule(conn_id: str, row: bool) -> Plan:  # noqa: FBT001 - as above
    hook = IngestionHook(conn_id)
    certificate, endpoint = hook.certificate, hook.endpoint
    streams = {TABLES[table].full_name: hook.get_destination(table) for table in STREAM_NAMES}
    place = Place.of(endpoint.url, hook.transport)
    network = network_steps((*certificate.places, certificate.entra, place))
    tokens = certificate.token_steps(network.reached, endpoint.scope)
    permission = Step(
        "permission",
        endpoint.rule_id,
        partial(check_streams, streams, endpoint.rule_id),
        (network.reached[place], tokens[-1]),
    )
    sent = _row(row, partial(send_test_row, streams[TABLES["audit"].full_name]), permission)
    return Plan(
        f"Rule {endpoint.rule_id} behind {place.host}, with the certificate of connection {certificate.conn_id}.",
        (*network.steps, *tokens, permission, *sent),
        {"rule_id": endpoint.rule_id, "endpoint": endpoint.url, "certificate_conn_id": certificate.conn_id},
    )


def _of_workspace(conn_id: str, row: bool) -> Plan:  # noqa: FBT001 - as above
    hook = CollectorHook(conn_id)
    for table, name in EXTRA_NAMES.items():
        check_log_type(text_of(hook.extra, name) or TABLES[table].name)
    workspace_id, cloud = check_workspace_id(hook.connection.login), azure_cloud(text_of(hook.extra, "cloud"))
    place = Place.of(hook.connection.host or f"{workspace_id}.{cloud.data_collector_domain}", hook.transport)
    cloud.data_collector_hosts.in_lab(hook.lab).require(f"https://{place.authority}")
    vault = _vault_of_key(hook)
    network = network_steps((*([vault] if vault else []), place))
    clock = clock_step(place, network.reached[place])
    key = (Step("vault", "shared key", partial(_read_key, hook), (network.reached[vault],)),) if vault else ()
    permission = Step(
        "permission",
        workspace_id,
        lambda: check_workspace(hook.get_destination("audit"), workspace_id),
        (network.reached[place], clock, *key),
    )
    sent = _row(row, lambda: send_test_row(hook.get_destination("audit")), permission)
    return Plan(
        f"Workspace {workspace_id} by the HTTP Data Collector API, which Microsoft stopped supporting on "
        f"{SUPPORT_ENDED}; its key is {'in a vault' if vault else 'on the connection'}.",
        (*network.steps, clock, *key, permission, *sent),
        {"workspace_id": workspace_id, "cloud": cloud.name, "key_in_vault": vault is not None},
    )


def _vault_of_key(hook: CollectorHook) -> Place | None:
    """Return the vault that keeps a workspace's key; None if the connection does, which is then looked at here."""
    secret = (text_of(hook.extra, "key_secret") or "").strip().rstrip("/")
    url, _, name = secret.partition("/secrets/")
    if not SECRET_NAME.fullmatch(name):
        _ = hook.endpoint
        return None
    cloud = azure_cloud(text_of(hook.extra, "cloud"))
    vault = vault_of(url, hook.extra, cloud=cloud, transport=hook.transport, lab=hook.lab)
    return Place.of(vault.url, hook.transport)


def _read_key(hook: CollectorHook) -> Outcome:
    _ = hook.endpoint
    return passed("The vault gives the workspace's shared key.")


def _row(wanted: bool, send: Callable[[], Outcome], permission: Step) -> tuple[Step, ...]:  # noqa: FBT001 - its one use
    return (Step("row", TABLES["audit"].full_name, send, (permission,)),) if wanted else ()


def _of_aws(conn_id: str, row: bool) -> Plan:  # noqa: FBT001 - as above
    from keywatch_airflow.doctor_aws import plan_of_aws  # Amazon's provider takes a second to import

    del row
    return plan_of_aws(conn_id)


KINDS: Final[Mapping[str, Callable[[str, bool], Plan]]] = {
    KeyVaultCertificateHook.conn_type: _of_certificate,
    LogsIngestionHook.conn_type: _of_rule,
    DataCollectorHook.conn_type: _of_workspace,
    "aws": _of_aws,
}
"""By type of connection: what makes its plan."""
