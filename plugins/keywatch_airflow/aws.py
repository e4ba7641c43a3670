"""AWS accounts through a stock `aws` connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook, BaseSessionFactory, resolve_session_factory
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
from airflow.sdk import BaseHook
from botocore import UNSIGNED
from botocore.config import Config

from keywatch.access_keys.accounts import assume_role, caller_account
from keywatch.access_keys.aws_errors import ask_aws
from keywatch.access_keys.calls import report_each_call
from keywatch.access_keys.iam import DEFAULT_CONCURRENCY, patient_config
from keywatch.access_keys.organization import MemberAccount, list_organization
from keywatch.access_keys.record import Account
from keywatch.errors import ConfigurationError
from keywatch.transport import AWS_HOSTS
from keywatch.transport.aws import aws_client
from keywatch.transport.wire_logs import keep_wire_logs_quiet
from keywatch_airflow.aws_connection import uses_certificate
from keywatch_airflow.aws_transport import says_the_way, transport_of_aws
from keywatch_airflow.settings import is_lab

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

DEFAULT_REGION = "us-east-1"


class AwsAccounts:
    """Makes IAM clients of AWS accounts, from one stock connection.

    The session is what Airflow's `[aws] session_factory` makes. The connection's extras `verify` and `config_kwargs`
    (`proxies`, time-outs) say how to get there; `endpoint_url` is honoured within AWS's domains.

    Args:
        aws_conn_id: The connection; None uses the worker's own AWS identity.
        role_name: The role to assume in every account but the connection's own.
        concurrency: Threads that will share one IAM client.
    """

    def __init__(
        self, aws_conn_id: str | None, role_name: str | None = None, concurrency: int = DEFAULT_CONCURRENCY
    ) -> None:
        self._aws_conn_id = aws_conn_id
        self._role_name = role_name
        self._concurrency = concurrency
        self._lock = threading.Lock()

    def own(self) -> Account:
        """Return the account that the connection's credentials belong to.

        Raises:
            ConfigurationError: The connection is not usable.
            KeywatchError: STS cannot be asked.
        """
        with self._lock:
            return self._own

    def organization(self) -> Iterator[MemberAccount]:
        """List the accounts of the organisation that the connection belongs to.

        Raises:
            AccessDeniedError: The connection may not list them.
            ConfigurationError: The connection is not usable, or its account is in no organisation.
            KeywatchError: AWS cannot be asked.
        """
        account_id = self.own().id
        return list_organization(self._client(self._session, "organizations", patient_config()), account_id)

    def connect(self, account: Account) -> IAMClient:
        """Return an IAM client of an account. Threads may ask at the same time.

        Raises:
            ConfigurationError: It is not the connection's own account, and no role is named.
            AccessDeniedError: The role may not be assumed.
            KeywatchError: STS cannot be asked.
        """
        if account.id == self.own().id:
            session = self._session
        elif self._role_name:
            session = assume_role(self._session, self._sts, account, self._role_name)
        else:
            raise ConfigurationError(
                f"AWS account {account.id} is not the connection's own, so it needs a role: give `role_name`."
            )
        return self._client(session, "iam", patient_config(self._concurrency))  # type: ignore[no-any-return]

    @cached_property
    def _own(self) -> Account:
        return caller_account(self._sts)

    @cached_property
    def _hook(self) -> AwsBaseHook:
        hook = AwsBaseHook(aws_conn_id=self._aws_conn_id, client_type="iam")
        if self._aws_conn_id:
            # The stock hook would go on without a missing connection, or with one of another type.
            if (found := BaseHook.get_connection(self._aws_conn_id)).conn_type != "aws":
                raise ConfigurationError(
                    f"Connection {self._aws_conn_id!r} is of type {found.conn_type}, not aws: name another."
                )
            try:
                _ = hook.conn_config  # which the stock provider parses, and refuses in any of these ways
            except (AttributeError, NotImplementedError, TypeError, ValueError) as error:
                raise ConfigurationError(
                    f"The extras of connection {self._aws_conn_id!r} are not usable: {error}. Correct them."
                ) from error
        return hook

    @cached_property
    def _lab(self) -> bool:
        return is_lab(self._hook.conn_config.extra_config, self._aws_conn_id or "")

    @cached_property
    def _session(self) -> boto3.Session:
        """The stock session. With a `role_arn` it asks STS as soon as it is made, so our rules come first."""
        wrapper = self._hook.conn_config
        keep_wire_logs_quiet()
        self._check_factory(wrapper)
        transport_of_aws(wrapper, self._hook.config)
        region = self._hook.region_name or DEFAULT_REGION
        if wrapper.role_arn:
            self._check_sts(wrapper, region)
        return ask_aws("of the connection", "sts:AssumeRole", lambda: self._hook.get_session(region_name=region))

    @staticmethod
    def _check_factory(wrapper: AwsConnectionWrapper) -> None:
        """Refuse what nobody would heed: the stock factory takes whatever the worker has, and goes its own way."""
        from keywatch_airflow.aws_session import SessionFactory

        if issubclass(resolve_session_factory(), SessionFactory):
            return
        if uses_certificate(wrapper):
            raise ConfigurationError(
                f"Connection {wrapper.conn_id!r} wants AWS credentials for a certificate, which Airflow does not know "
                "how to get. Set [aws] session_factory = keywatch_airflow.aws_session.SessionFactory."
            )
        if wrapper.role_arn and says_the_way(wrapper):
            raise ConfigurationError(
                f"Connection {wrapper.conn_id!r} assumes a role, on a way that Airflow does not know how to take. Set "
                "[aws] session_factory = keywatch_airflow.aws_session.SessionFactory."
            )

    def _check_sts(self, wrapper: AwsConnectionWrapper, region: str) -> None:
        """Refuse an STS outside AWS, whoever names it: the connection, the environment or AWS's configuration file."""
        if wrapper.assume_role_method == "assume_role_with_saml" and not self._lab:
            raise ConfigurationError("assume_role_with_saml asks a host that cannot be checked. Use another method.")
        factory = BaseSessionFactory(conn=wrapper, region_name=region, config=wrapper.botocore_config)
        endpoint = wrapper.get_service_endpoint_url("sts", sts_connection_assume=True)
        # This client asks nothing; unsigned, it does not look for the worker's own credentials either.
        config = (wrapper.botocore_config or Config()).merge(Config(signature_version=UNSIGNED))
        client = factory.basic_session.client("sts", region_name=region, config=config, endpoint_url=endpoint)
        for url in (wrapper.get_service_endpoint_url("sts"), client.meta.endpoint_url):
            if url:
                AWS_HOSTS.in_lab(self._lab).require(url)

    @cached_property
    def _sts(self) -> STSClient:
        return self._client(self._session, "sts", patient_config())  # type: ignore[no-any-return]

    def _client(self, session: boto3.Session, service: str, config: Config | None = None) -> Any:  # noqa: ANN401 - boto3
        own_config = self._hook.config
        client = aws_client(
            session,
            service,
            transport_of_aws(self._hook.conn_config, own_config),
            AWS_HOSTS.in_lab(self._lab),
            config=config.merge(own_config) if config else own_config,  # what the connection says wins
            endpoint_url=self._hook.conn_config.get_service_endpoint_url(service),
        )
        if service != "iam":  # of which there are too many; they are reported account by account
            report_each_call(client)
        return client
