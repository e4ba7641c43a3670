"""`keywatch doctor` for `aws` connections: with a certificate, or with what credentials the stock provider finds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from airflow.providers.amazon.aws.hooks import base_aws  # noqa: F401 - first: it imports the session factory itself
from botocore.config import Config

from keywatch.credentials.aws_sessions import CertificateSessions
from keywatch.doctor.aws import AwsChecks, check_session
from keywatch.doctor.certificate import CertificateChecks
from keywatch.doctor.clock import clock_step
from keywatch.doctor.model import Plan, Step
from keywatch.doctor.network import network_steps
from keywatch.doctor.place import Place, once
from keywatch.transport import Transport
from keywatch.transport.knobs import OF_AN_AWS_CONNECTION
from keywatch_airflow.aws import DEFAULT_REGION, AwsAccounts
from keywatch_airflow.aws_connection import roles_anywhere_of, uses_certificate
from keywatch_airflow.aws_transport import transport_of_aws
from keywatch_airflow.doctor_hooks import CertificateHook

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

    from keywatch.credentials.roles_anywhere import RolesAnywhere


class Accounts(AwsAccounts):
    """The accounts of a connection, asked once for everything."""

    @property
    def transport(self) -> Transport:
        """The way to AWS.

        Raises:
            ConfigurationError: It is not usable.
        """
        return once(transport_of_aws(self._hook.conn_config, self._hook.config))

    @property
    def lab(self) -> bool:
        """Whether connection and configuration agree that this is a laboratory.

        Raises:
            ConfigurationError: The connection says so, the configuration does not.
        """
        return self._lab

    @property
    def region(self) -> str:
        """The Region that is asked."""
        return str(self._hook.region_name or DEFAULT_REGION)

    def roles_anywhere(self) -> tuple[RolesAnywhere, str] | None:
        """Return where a certificate is traded for a session, and its connection; None if there is none.

        Raises:
            ConfigurationError: What is said of it is not usable, or Airflow would not heed it.
        """
        wrapper = self._hook.conn_config
        self._check_factory(wrapper)
        return roles_anywhere_of(wrapper) if uses_certificate(wrapper) else None

    def place(self, service: str) -> Place:
        """Return the endpoint of a service; nobody is asked for that.

        Raises:
            ConfigurationError: The connection is not usable.
            HostNotAllowedError: It is outside AWS.
        """
        # With an access key, if only nobody's, so that botocore does not go and look for one.
        client = self._client(boto3.Session("nobody", "nobody", region_name=self.region), service)
        return Place.of(client.meta.endpoint_url, self.transport, OF_AN_AWS_CONNECTION)

    def sts(self) -> STSClient:
        """Return a client of STS.

        Raises:
            KeywatchError: There are no credentials for it.
        """
        return self._sts

    def _client(self, session: boto3.Session, service: str, config: Config | None = None) -> Any:  # noqa: ANN401 - boto3
        del config
        return super()._client(session, service, Config(retries={"total_max_attempts": 1}))


def plan_of_aws(conn_id: str) -> Plan:
    """Read an `aws` connection, and say what to try.

    Args:
        conn_id: The connection.

    Raises:
        ConfigurationError: It is not usable.
        HostNotAllowedError: It would lead a credential out of AWS.
    """
    accounts = Accounts(conn_id)
    found = accounts.roles_anywhere()
    sts, iam = accounts.place("sts"), accounts.place("iam")
    checks = AwsChecks(conn_id, accounts.sts, accounts.connect)
    if found is None:
        network = network_steps((sts, iam))
        clock = clock_step(sts, network.reached[sts])
        asked = checks.steps((network.reached[sts], clock), (network.reached[iam],))
        return Plan(
            f"Credentials as Amazon's provider finds them, asked in {accounts.region}.",
            (*network.steps, clock, *asked),
            {"region": accounts.region, "certificate_conn_id": None},
        )
    return _by_certificate(accounts, found, (sts, iam), checks)


def _by_certificate(
    accounts: Accounts, found: tuple[RolesAnywhere, str], endpoints: tuple[Place, Place], checks: AwsChecks
) -> Plan:
    (target, certificate_conn_id), (sts, iam) = found, endpoints
    certificate = CertificateHook(certificate_conn_id)
    sessions = CertificateSessions(target, certificate.source, accounts.transport, lab=accounts.lab)
    anywhere = Place.of(target.host, accounts.transport, OF_AN_AWS_CONNECTION)
    network = network_steps((*certificate.places, anywhere, sts, iam))
    clock = clock_step(anywhere, network.reached[anywhere])
    signatures = certificate.signature_steps(CertificateChecks(certificate.source, "RS256"), network.reached)
    session = Step(
        "session",
        target.role_arn,
        partial(check_session, sessions),
        (network.reached[anywhere], clock, signatures[-1]),
    )
    asked = checks.steps((network.reached[sts], session), (network.reached[iam],))
    return Plan(
        f"Role {target.role_arn}, with the certificate of connection {certificate_conn_id}.",
        (*network.steps, clock, *signatures, session, *asked),
        {
            "certificate_conn_id": certificate_conn_id,
            "trust_anchor_arn": target.trust_anchor_arn,
            "profile_arn": target.profile_arn,
            "role_arn": target.role_arn,
        },
    )
