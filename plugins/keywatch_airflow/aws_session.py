"""Airflow's `[aws] session_factory`: stock Amazon hooks, operators and object storage by a certificate in Key Vault.

The Amazon provider imports it while it is imported itself, in every process that has a hook of its, so it stays light;
other modules import `airflow.providers.amazon.aws.hooks.base_aws` before it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from airflow.providers.amazon.aws.hooks.base_aws import BaseSessionFactory
from airflow.sdk import BaseHook

from keywatch.transport import Transport
from keywatch.transport.aws import botocore_config, use_credentials
from keywatch.transport.wire_logs import keep_wire_logs_quiet
from keywatch_airflow.aws_connection import roles_anywhere_of, uses_certificate
from keywatch_airflow.aws_transport import says_the_way, transport_of_aws
from keywatch_airflow.settings import is_lab

if TYPE_CHECKING:
    from aiobotocore.session import AioSession

    from keywatch.credentials.aws_sessions import CertificateSessions
    from keywatch.credentials.roles_anywhere import RolesAnywhere

ANYWHERE_IN_AWS = "https://sts.amazonaws.com"


class SessionFactory(BaseSessionFactory):
    """Makes sessions as the stock factory does, on the way that `transport` says, and others for a certificate.

    Connections with extra `roles_anywhere` get their credentials from IAM Roles Anywhere, for a signature of the
    certificate of connection `certificate_conn_id`; a `role_arn` is assumed with them. They are never anonymous, and
    never of whoever runs the worker.
    """

    @cached_property
    def certificate_sessions(self) -> CertificateSessions | None:
        """The sessions of the connection's certificate; None if the connection does not want any.

        Raises:
            ConfigurationError: The connection is not usable.
            HostNotAllowedError: The connection would send its sessions outside AWS.
        """
        if not uses_certificate(self.conn):
            return None
        keep_wire_logs_quiet()
        target, conn_id = roles_anywhere_of(self.conn)
        lab = is_lab(self.conn.extra_config, str(self.conn.conn_id))
        return _sessions(target, transport_of_aws(self.conn, self.config), conn_id, _fingerprint(conn_id), lab=lab)

    def _create_basic_session(self, session_kwargs: dict[str, Any]) -> boto3.Session:
        if self.certificate_sessions is None:
            stock = super()._create_basic_session(session_kwargs)
            self._show_the_way(stock._session)  # noqa: SLF001 - boto3 shows its botocore session nowhere else
            return stock
        session = botocore.session.get_session()
        use_credentials(session, self.certificate_sessions.botocore_credentials())
        self._show_the_way(session)
        return boto3.Session(botocore_session=session, region_name=session_kwargs.get("region_name"))

    def _apply_session_kwargs(self, session: AioSession) -> None:
        super()._apply_session_kwargs(session)  # type: ignore[no-untyped-call]
        if self.certificate_sessions is not None:
            use_credentials(session, self.certificate_sessions.aiobotocore_credentials())
        self._show_the_way(session)

    def _create_session_with_assume_role(
        self,
        session_kwargs: dict[str, Any],
        deferrable: bool = False,  # noqa: FBT001, FBT002 - Airflow's
    ) -> boto3.Session | AioSession:
        if self.certificate_sessions is None and not says_the_way(self.conn):
            return super()._create_session_with_assume_role(session_kwargs, deferrable)
        if self.certificate_sessions is not None and deferrable:
            return self._async_session_with_assume_role()
        session = super()._create_session_with_assume_role(session_kwargs, deferrable)
        if deferrable:
            self._show_the_way(session)
            return session
        self._show_the_way(session._session)  # noqa: SLF001 - boto3 shows its botocore session nowhere else
        return session

    def _async_session_with_assume_role(self) -> AioSession:
        """Assume the role outside the event loop, when first needed; the stock session does both within it."""
        from aiobotocore.credentials import AioDeferredRefreshableCredentials

        async def refresh() -> dict[str, Any]:
            return await asyncio.to_thread(self._refresh_credentials)

        session = self.get_async_session()  # type: ignore[no-untyped-call]
        session.set_config_variable("region", self.basic_session.region_name)
        use_credentials(session, AioDeferredRefreshableCredentials(refresh, "sts-assume-role"))
        self._show_the_way(session)
        return session

    def _show_the_way(self, session: Any) -> None:  # noqa: ANN401 - of botocore or aiobotocore
        """Let every client of a session go the connection's way, those too that Airflow makes without saying it.

        Of a certificate's sessions, endpoints of the environment or of AWS's configuration file have no say: they could
        lead them out of AWS. botocore knows no exceptions from a proxy, so that `no_proxy` decides once, by the
        connection's endpoint or for AWS as a whole.
        """
        bundle, config = self.conn.verify, self.config
        if self.certificate_sessions is not None:
            session.set_config_variable("ignore_configured_endpoint_urls", True)  # noqa: FBT003 - botocore's
        elif not says_the_way(self.conn):
            return
        if says_the_way(self.conn):
            way = transport_of_aws(self.conn, config, of_stock=self.certificate_sessions is None).resolve()
            ours = botocore_config(way, self.conn.endpoint_url or ANYWHERE_IN_AWS)
            bundle, config = way.ca_bundle, ours.merge(config) if config else ours
        if isinstance(bundle, str):
            session.set_config_variable("ca_bundle", bundle)
        if config is not None:
            session.set_default_client_config(config)


@lru_cache(maxsize=32)
def _sessions(
    target: RolesAnywhere, transport: Transport, conn_id: str, fingerprint: str, *, lab: bool
) -> CertificateSessions:
    """Share one session among all hooks of a process that want the same, until a connection changes."""
    from keywatch.credentials.aws_sessions import CertificateSessions
    from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook

    del fingerprint
    return CertificateSessions(target, KeyVaultCertificateHook(conn_id).source, transport, lab=lab)


os.register_at_fork(after_in_child=_sessions.cache_clear)  # a connection is not shared with a process that went on


def _fingerprint(conn_id: str) -> str:
    """Digest what a connection says, so that a change of it is noticed."""
    connection = BaseHook.get_connection(conn_id)
    said = (connection.conn_type, connection.host, connection.login, connection.password, connection.extra)
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
