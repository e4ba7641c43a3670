"""`keywatch doctor`: what to try for an Airflow connection, by the same hooks as a task has."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Final

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from keywatch.credentials.assertion import Algorithm
from keywatch.credentials.identity import IdentityKind
from keywatch.credentials.vault_certificate import VaultCertificate
from keywatch.doctor.certificate import CertificateChecks, check_token
from keywatch.doctor.clock import clock_step
from keywatch.doctor.destination import check_streams, check_workspace, send_test_row
from keywatch.doctor.model import Outcome, Plan, Step, passed
from keywatch.doctor.network import network_steps
from keywatch.doctor.place import Place, once
from keywatch.errors import ConfigurationError
from keywatch.log_analytics.data_collector import SUPPORT_ENDED, check_log_type, check_workspace_id
from keywatch.log_analytics.logs_ingestion import IngestionEndpoint
from keywatch.pipeline.tables import TABLES
from keywatch.transport import Transport, azure_cloud
from keywatch_airflow.hooks.connection import ConnectionHook
from keywatch_airflow.hooks.data_collector import EXTRA_NAMES, SECRET_NAME, DataCollectorHook
from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook
from keywatch_airflow.hooks.logs_ingestion import STREAM_NAMES, LogsIngestionHook
from keywatch_airflow.settings import text_of, vault_of

Reached = Mapping[Place, Step]


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


class _Once(ConnectionHook):
    """A hook whose requests are made a single time: what is broken is to be told now, and not after back-offs."""

    @cached_property
    def transport(self) -> Transport:
        """How the connection gets to its hosts, once.

        Raises:
            ConfigurationError: It is not usable.
        """
        return once(super().transport)


class CertificateHook(_Once, KeyVaultCertificateHook):
    """The hook of a certificate, and what its steps need to know."""

    @cached_property
    def vault(self) -> Place | None:
        """The certificate's vault; None if it is in a file.

        Raises:
            ConfigurationError: The connection is not usable.
        """
        source = self.source
        return Place.of(source.vault.url, self.transport) if isinstance(source, VaultCertificate) else None

    @cached_property
    def entra(self) -> Place:
        """The host that gives tokens.

        Raises:
            ConfigurationError: The connection is not usable.
        """
        return Place.of(self.cloud.authority_host, self.transport)

    @property
    def places(self) -> tuple[Place, ...]:
        """The hosts that must be reached to find the certificate and to sign with it.

        Raises:
            ConfigurationError: The connection is not usable.
        """
        by_entra = text_of(self.extra, "vault_identity") == IdentityKind.WORKLOAD
        vault = (self.vault,) if self.vault else ()
        return (*vault, self.entra) if vault and by_entra else vault

    def signature_steps(self, checks: CertificateChecks, reached: Reached) -> tuple[Step, Step]:
        """Make the steps that find the certificate and sign with it."""
        return checks.steps("vault" if self.vault else "file", tuple(reached[place] for place in self.places))

    def token_steps(self, reached: Reached, scope: str, algorithm: Algorithm = "PS256") -> tuple[Step, ...]:
        """Make the steps from the clock to a token."""
        checks = CertificateChecks(self.source, algorithm)
        clock = clock_step(self.entra, reached[self.entra])
        steps = self.signature_steps(checks, reached)
        token = Step(
            "token",
            f"application {self.application.client_id}",
            partial(check_token, self.credential, checks, scope),
            (reached[self.entra], clock, steps[-1]),
        )
        return (clock, *steps, token)


class IngestionHook(_Once, LogsIngestionHook):
    """The hook of a data collection rule, with the certificate that signs for its tokens."""

    @cached_property
    def certificate(self) -> CertificateHook:
        """The certificate connection."""
        return CertificateHook(text_of(self.extra, "certificate_conn_id"))

    @cached_property
    def endpoint(self) -> IngestionEndpoint:
        """The rule, with that certificate's tokens.

        Raises:
            KeywatchError: Either connection is not usable.
        """
        return replace(super().endpoint, credential=self.certificate.credential)


class CollectorHook(_Once, DataCollectorHook):
    """The hook of a workspace."""


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
