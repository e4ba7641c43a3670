"""AWS credentials for a certificate: sessions of IAM Roles Anywhere, renewed in time, for botocore and aiobotocore."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.credentials import DeferredRefreshableCredentials

from keywatch.credentials.certificate import CertificateSource, CertificateVersion
from keywatch.credentials.create_session import AwsSession, CredentialMetadata, create_session
from keywatch.credentials.roles_anywhere import RolesAnywhere
from keywatch.credentials.rotation import Rotation
from keywatch.credentials.single_flight import SingleFlight
from keywatch.errors import (
    CertificateUnavailableError,
    CertificateUnusableError,
    KeywatchError,
    SessionRefusedError,
)
from keywatch.transport import ROLES_ANYWHERE_HOSTS, Transport
from keywatch.transport.http import requests_session
from keywatch.transport.retry import retrying
from keywatch.transport.wire_logs import keep_wire_logs_quiet

if TYPE_CHECKING:
    from aiobotocore.credentials import AioDeferredRefreshableCredentials

log = logging.getLogger(__name__)

METHOD: Final = "iam-roles-anywhere"
"""What botocore calls the way to these credentials."""

RENEWED_WITH: Final = 4
"""A session is renewed when a quarter of its life is left."""

LAST_SECONDS: Final = timedelta(seconds=30)
"""What a session must last to be handed out because no new one can be had."""

REST: Final = timedelta(seconds=60)
"""How long nobody is asked again after a renewal has failed, as long as the old session serves."""

OF_ONE_VERSION: Final = (SessionRefusedError, CertificateUnavailableError, CertificateUnusableError)
"""What is wrong with one version of a certificate, and may not be with another."""


class CertificateSessions:
    """The AWS sessions of one certificate in one role. Threads and event loops may share it.

    Sessions are kept in memory alone. However many ask, one signature and one request are made; while a session lasts,
    no outage of the vault or of AWS is noticed. Versions of the certificate take turns as they do for tokens: a new one
    that AWS refuses does not end the audit.

    Args:
        target: Trust anchor, profile and role.
        source: The certificate that signs.
        transport: How to get to IAM Roles Anywhere.
        lab: Whether other hosts may be reached.
        clock: Returns the time now, UTC.

    Raises:
        ConfigurationError: The transport cannot be resolved.
    """

    def __init__(
        self,
        target: RolesAnywhere,
        source: CertificateSource,
        transport: Transport,
        *,
        lab: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        keep_wire_logs_quiet()
        self._target = target
        self._transport = transport
        self._clock = clock
        self._http = requests_session(transport, ROLES_ANYWHERE_HOSTS.in_lab(lab))
        self._rotation = Rotation(source, clock=clock)
        self._asking = SingleFlight[AwsSession]()
        self._lock = threading.Lock()
        self._held: AwsSession | None = None
        self._renew_at = datetime.min.replace(tzinfo=UTC)

    def get(self) -> AwsSession:
        """Return a session, from memory until a quarter of its life is left.

        Raises:
            SessionRefusedError: AWS gives no version of the certificate a session.
            CertificateUnusableError: Every version is expired, not yet valid or disabled.
            ConfigurationError: AWS does not know trust anchor, profile or role.
            KeywatchError: The certificate's source or AWS cannot be asked.
        """
        return self._fresh() or self._asking.do("session", self._renew)

    def metadata(self) -> CredentialMetadata:
        """Return a session as botocore takes it.

        Raises:
            KeywatchError: As `get`.
        """
        return self.get().metadata()

    def botocore_credentials(self) -> DeferredRefreshableCredentials:
        """Return credentials for a botocore session; the first use asks for them."""
        return DeferredRefreshableCredentials(refresh_using=self.metadata, method=METHOD)

    def aiobotocore_credentials(self) -> AioDeferredRefreshableCredentials:
        """Return credentials for an aiobotocore session, which sign and ask outside its event loop."""
        from aiobotocore.credentials import AioDeferredRefreshableCredentials

        async def refresh() -> CredentialMetadata:
            held = self._fresh()
            return held.metadata() if held else await asyncio.to_thread(self.metadata)

        return AioDeferredRefreshableCredentials(refresh_using=refresh, method=METHOD)

    def _fresh(self) -> AwsSession | None:
        with self._lock:
            return self._held if self._clock() < self._renew_at else None

    def _renew(self) -> AwsSession:
        """Ask for a new session; while that fails, the old one serves to its end."""
        if fresh := self._fresh():
            return fresh
        try:
            found = self._ask()
        except KeywatchError as error:
            now = self._clock()
            with self._lock:
                held = self._held
                if held is None or held.expires - now < LAST_SECONDS:
                    raise
                self._renew_at = min(now + REST, held.expires - LAST_SECONDS)
            log.warning("No new AWS session can be had, the old one serves for now: %s", error)
            return held
        now = self._clock()
        if found.expires <= now:
            raise SessionRefusedError(
                f"The session that AWS gave has ended already, on {found.expires:%Y-%m-%d %H:%M} UTC. Set the worker's "
                "clock."
            )
        with self._lock:
            self._held, self._renew_at = found, found.expires - (found.expires - now) / RENEWED_WITH
        return found

    def _ask(self) -> AwsSession:
        """Ask AWS, with one version of the certificate after another."""

        def by_version(version: CertificateVersion) -> AwsSession:
            return create_session(self._rotation.load(version), self._target, self._http)

        return self._rotation.try_each(
            lambda version: retrying(self._transport, log, "roles_anywhere")(by_version, version), OF_ONE_VERSION
        )
