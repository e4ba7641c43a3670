"""One local cloud for all tests of it, brought back to its seed before each."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from azure.identity import ManagedIdentityCredential
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud import LocalCloud, Workspace
from tests.localcloud.arm import IDENTITY, READER, Arm
from tests.localcloud.azure import MANAGEMENT, Azure
from tests.localcloud.rule import ROLE, RULE, TABLE, Sender

INFRA = Path(__file__).resolve().parents[2] / "include" / "infra"
DECLARED = frozenset(file.stem for file in (INFRA / "tables").glob("*.json"))
"""The tables that the first workspace has from the start."""
BOTO: Any = boto3.Session()
"""One session, so that botocore loads its models once."""


@pytest.fixture(scope="session")
def running_cloud() -> Iterator[LocalCloud]:
    """Start a local cloud with the default seed."""
    with LocalCloud() as cloud:
        yield cloud
        log = (cloud.state_dir / "localcloud.log").read_text(encoding="utf-8").splitlines()
    assert [line for line in log if not line.startswith("Local cloud ready")] == []


@pytest.fixture
def cloud(running_cloud: LocalCloud) -> LocalCloud:
    """Give the local cloud as freshly seeded."""
    running_cloud.reset()
    return running_cloud


@dataclass(frozen=True)
class Credentials:
    """What boto3 signs with."""

    key_id: str
    secret: str
    token: str | None = None


@dataclass(frozen=True)
class Aws:
    """Stock boto3 clients that reach AWS through the local cloud's proxy."""

    cloud: LocalCloud

    @property
    def auditor(self) -> Credentials:
        """The auditor's own access key."""
        return Credentials(str(self.cloud.aws.access_key_id), str(self.cloud.aws.secret_access_key))

    def client(self, service: str, credentials: Credentials | None = None, **values: Any) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Make a client that tries once; by default with the auditor's own key."""
        signer = credentials or self.auditor
        config = Config(
            proxies={"https": self.cloud.proxy_url},
            retries={"total_max_attempts": 1},
            parameter_validation=False,
        )
        return BOTO.client(
            service,
            region_name=values.pop("region_name", "us-east-1"),
            config=config,
            verify=str(self.cloud.ca_bundle),
            aws_access_key_id=signer.key_id,
            aws_secret_access_key=signer.secret,
            aws_session_token=signer.token,
            **values,
        )

    def assume(self, account: str) -> Credentials:
        """Assume the audit role of an account."""
        answer = self.client("sts").assume_role(RoleArn=self.cloud.aws.role_arn(account), RoleSessionName="tests")
        given = answer["Credentials"]
        return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def iam(self, account: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Make an IAM client of an account, by way of its audit role."""
        return self.client("iam", self.assume(account))


def refusal(call: Callable[..., object], **values: object) -> tuple[int, str, str]:
    """Make a call that is refused, and give HTTP status, code and message."""
    with pytest.raises(ClientError) as caught:
        call(**values)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.fixture
def aws(cloud: LocalCloud) -> Aws:
    """Give boto3 clients of the local cloud."""
    return Aws(cloud)


@dataclass(frozen=True)
class Collector:
    """A Data Collector client that signs correctly unless told otherwise."""

    cloud: LocalCloud
    session: requests.Session = field(default_factory=requests.Session)

    def send(
        self,
        body: bytes | list[dict[str, Any]],
        *,
        log_type: str | None = "Test",
        workspace: Workspace | None = None,
        named: str | None = None,
        date: str | None = None,
        length: int | None = None,
        content_type: str | None = "application/json",
        target: str = "/api/logs?api-version=2016-04-01",
        extra: dict[str, str] | None = None,
    ) -> requests.Response:
        """Post a body; `named` is the workspace id in the signature, `length` the length that is signed."""
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        receiver = workspace or self.cloud.workspace
        moment = date or formatdate(usegmt=True)
        signed = length if length is not None else len(data)
        text = f"POST\n{signed}\napplication/json\nx-ms-date:{moment}\n/api/logs"
        digest = hmac.new(base64.b64decode(receiver.shared_key), text.encode(), hashlib.sha256).digest()
        headers = {
            "Authorization": f"SharedKey {named or receiver.id}:{base64.b64encode(digest).decode()}",
            "x-ms-date": moment,
            "Log-Type": log_type,
            "Content-Type": content_type,
        }
        return self.session.post(
            f"https://{receiver.host}{target}",
            data=data,
            headers={k: v for k, v in (headers | (extra or {})).items() if v is not None},
            timeout=60,
        )


@pytest.fixture
def collector(cloud: LocalCloud) -> Iterator[Collector]:
    """Give a Data Collector client of the local cloud."""
    client = Collector(cloud)
    with client.session:
        client.session.trust_env = False
        client.session.proxies = {"https": cloud.proxy_url}
        client.session.verify = str(cloud.ca_bundle)
        yield client


def classic_tables(cloud: LocalCloud) -> dict[str, dict[str, str]]:
    """Give the tables of the first workspace that the Data Collector made."""
    return {name: columns for name, columns in cloud.tables().items() if name not in DECLARED}


ErrorOf = Callable[[requests.Response], tuple[int, str]]


@pytest.fixture
def error_of() -> ErrorOf:
    """Read the status and error code of a Data Collector refusal."""
    return lambda response: (response.status_code, response.json()["Error"])


@pytest.fixture
def azure(cloud: LocalCloud) -> Iterator[Azure]:
    """Give a hand-made client of the local cloud's Azure."""
    client = Azure(cloud)
    with client.session:
        client.session.trust_env = False
        client.session.proxies = {"https": cloud.proxy_url}
        client.session.verify = str(cloud.ca_bundle)
        yield client


@pytest.fixture
def arm(azure: Azure) -> Arm:
    """Give a client of Resource Manager that may read what is listed in every subscription there is."""
    for each in azure.cloud.subscriptions():
        azure.cloud.grant(IDENTITY, READER, f"/subscription/{each.id}")
    return Arm(azure, azure.identity_token(IDENTITY, MANAGEMENT))


@pytest.fixture
def sender(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    """Give a caller of a rule with one stream of every type of column, who may send."""
    for name, value in cloud.identity_environment("app_service").items():
        monkeypatch.setenv(name, value)
    cloud.grant("airflow-worker", ROLE, "/dcr")
    cloud.deploy(TABLE, rule=RULE)
    with ManagedIdentityCredential() as credential:
        sender = Sender(cloud, credential)
        with sender.session:
            sender.session.trust_env = False
            sender.session.proxies = {"https": cloud.proxy_url}
            sender.session.verify = str(cloud.ca_bundle)
            yield sender
