"""The hooks of `keywatch doctor`: as the others, but they try once, and know what their steps need to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial

from keywatch.credentials.assertion import Algorithm
from keywatch.credentials.identity import IdentityKind
from keywatch.credentials.vault_certificate import VaultCertificate
from keywatch.doctor.certificate import CertificateChecks, check_token
from keywatch.doctor.clock import clock_step
from keywatch.doctor.model import Step
from keywatch.doctor.place import Place, once
from keywatch.log_analytics.logs_ingestion import IngestionEndpoint
from keywatch.transport import Transport
from keywatch_airflow.hooks.connection import ConnectionHook
from keywatch_airflow.hooks.data_collector import DataCollectorHook
from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook
from keywatch_airflow.hooks.logs_ingestion import LogsIngestionHook
from keywatch_airflow.settings import text_of

Reached = Mapping[Place, Step]


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
