"""Every SDK's requests are recorded, against the local cloud: all of them, and none of their secrets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from keywatch.access_keys.accounts import assume_role
from keywatch.access_keys.record import Account, shorten
from keywatch.credentials.aws_sessions import CertificateSessions
from keywatch.credentials.roles_anywhere import RolesAnywhere
from keywatch.log_analytics.logs_ingestion import IngestionEndpoint, LogsIngestion
from keywatch.pipeline.tables import TABLES
from keywatch.trace import TracedTask, recording
from keywatch.transport.http import requests_session
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.credentials.reach import ARM, CLOUD, credential, exported, hsm, vault
from tests.keywatch.reach import AZURE_HOSTS, auditor, collector, iam_client, sts_client, transport_to
from tests.keywatch.trace.har_schema import read_har
from tests.keywatch.trace.wire import Wire, found

Use = Callable[[LocalCloud], object]

TASK = TracedTask("access_key_report", "audit.extract", 0, 1)
RECORD = {"user": "somebody", "AccessKeyId": "AKIA...WXYZ", "loggedDate": "2026-11-25"}


@pytest.fixture(autouse=True)
def machine(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine the local cloud's managed identity."""
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)


def with_requests(cloud: LocalCloud) -> None:
    """Ask a workspace for a page that it does not have."""
    with requests_session(transport_to(cloud), AZURE_HOSTS) as session:
        assert session.get(f"https://{cloud.workspace.host}/?sig=a%2Fb").status_code == 404


def with_data_collector(cloud: LocalCloud) -> None:
    """Send a record, signed with a workspace's key."""
    collector(cloud).send(json.dumps([RECORD]).encode())


def with_azure_core(cloud: LocalCloud) -> None:
    """Ask a vault for a certificate."""
    versions = vault(cloud).certificate_versions("keywatch-audit")
    vault(cloud).certificate("keywatch-audit", versions[0].version)


def with_secret(cloud: LocalCloud) -> None:
    """Ask a vault for a certificate with its private key."""
    source = exported(cloud)
    source.load(source.versions()[0])


def with_msal(cloud: LocalCloud) -> None:
    """Have Entra give a token for a signature of the HSM's."""
    assert credential(cloud).get_token(ARM).token


def with_logs_ingestion(cloud: LocalCloud) -> None:
    """Send a record, packed, with such a token."""
    endpoint = IngestionEndpoint(
        url=cloud.logs_ingestion.endpoint,
        rule_id=cloud.logs_ingestion.rule_id,
        credential=credential(cloud),
        scope=CLOUD.monitor_scope,
        hosts=CLOUD.ingestion_hosts,
        transport=transport_to(cloud),
    )
    LogsIngestion(endpoint, TABLES["keys"]).send(json.dumps([RECORD]).encode())


def with_boto3(cloud: LocalCloud) -> None:
    """Read an account's keys, as its auditor, and as the role of another one."""
    session = auditor(cloud)
    sts = sts_client(session, cloud)
    iam = iam_client(session, cloud)
    for user in iam.list_users(MaxItems=3)["Users"]:
        for key in iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]:
            iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    role = assume_role(session, sts, Account(cloud.aws.account_ids[1]), cloud.aws.role_name)
    iam_client(role, cloud).get_account_summary()


def with_roles_anywhere(cloud: LocalCloud) -> None:
    """Have AWS give a session for a signature of the HSM's."""
    target = RolesAnywhere(cloud.aws.trust_anchor_arn, cloud.aws.profile_arn, cloud.aws.audit_role_arn, "keywatch")
    sessions = CertificateSessions(target, hsm(cloud), transport_to(cloud), clock=lambda: datetime.now(UTC))
    assert sessions.botocore_credentials().get_frozen_credentials().token


EVERY: dict[str, Use] = {
    "requests": with_requests,
    "Data Collector": with_data_collector,
    "azure-core": with_azure_core,
    "a secret": with_secret,
    "MSAL": with_msal,
    "Logs Ingestion": with_logs_ingestion,
    "boto3": with_boto3,
    "Roles Anywhere": with_roles_anywhere,
}


def traced(folder: Path, cloud: LocalCloud, use: Use) -> tuple[list[dict[str, Any]], str]:
    """Record a use of the cloud; give the entries, and the whole file."""
    with recording(folder, TASK, secrets=[cloud.workspace.shared_key]):
        use(cloud)
    (path,) = folder.glob("*.har")
    return read_har(path), path.read_text(encoding="utf-8")


def asked(cloud: LocalCloud) -> Counter[tuple[str, str, int | None]]:
    """Count what the cloud has seen."""
    return Counter((request.method, request.path, request.status) for request in cloud.requests())


def recorded(entries: list[dict[str, Any]]) -> Counter[tuple[str, str, int | None]]:
    """Count what was recorded."""
    return Counter(
        (
            entry["request"]["method"],
            "/" + entry["request"]["url"].split("?")[0].split("/", 3)[3],
            entry["response"]["status"],
        )
        for entry in entries
    )


@pytest.mark.parametrize("use", EVERY.values(), ids=EVERY.keys())
def test_every_request_is_recorded_and_no_secret(
    use: Use, cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the cloud was asked is in the file, and nothing that went over the wire and is secret."""
    wire = Wire(monkeypatch)

    entries, text = traced(tmp_path, cloud, use)

    assert recorded(entries) == asked(cloud)
    assert entries
    assert found(wire.secrets(), text) == set()
    keys = {key.access_key_id for key in cloud.keys()}
    known = {cloud.aws.secret_access_key or "", cloud.workspace.shared_key, cloud.second_workspace.shared_key}
    assert found(keys | known | {cloud.azure.identity_header, cloud.azure.pfx_passphrase}, text) == set()


def test_wire_knows_the_secrets(cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above means something: what it looks for really went over the wire."""
    wire = Wire(monkeypatch)

    with recording(tmp_path, TASK):
        for use in (with_msal, with_boto3, with_data_collector, with_roles_anywhere, with_secret):
            use(cloud)

    secrets = wire.secrets()
    assert len([secret for secret in secrets if secret.startswith("eyJ")]) >= 4
    assert {cloud.aws.access_key_id, cloud.azure.identity_header} <= secrets
    assert len([secret for secret in secrets if secret.startswith("ASIA")]) == 2
    assert len([secret for secret in secrets if len(secret) == 64]) > 5
    assert len(secrets) > 20


def test_what_was_asked_can_still_be_read(cloud: LocalCloud, tmp_path: Path) -> None:
    """What is left says who asked whom for what: a user's keys, shortened, and the packed records."""
    entries, text = traced(tmp_path, cloud, with_boto3)
    assert "GetAccessKeyLastUsed" in text
    keys = [key for key in cloud.keys() if key.account == cloud.aws.account_id]
    assert any(shorten(key.access_key_id) in text for key in keys)
    assert {entry["_proxy"] for entry in entries} == {cloud.proxy_url.removeprefix("http://")}

    other = tmp_path / "other"
    entries, _ = traced(other, cloud, with_logs_ingestion)
    assert json.loads(entries[-1]["request"]["postData"]["text"]) == [RECORD]


def ask(cloud: LocalCloud) -> None:
    """Ask a workspace, whatever comes of it."""
    with requests_session(transport_to(cloud, read_timeout=0.2), AZURE_HOSTS) as session:
        session.get(f"https://{cloud.workspace.host}/")


@pytest.mark.parametrize(
    ("kind", "said", "raised"),
    [
        (FaultKind.TLS_UNTRUSTED, "CERTIFICATE_VERIFY_FAILED", requests.exceptions.SSLError),
        (FaultKind.TLS_EXPIRED, "CERTIFICATE_VERIFY_FAILED", requests.exceptions.SSLError),
        (FaultKind.REFUSE, "Tunnel connection failed", requests.exceptions.ProxyError),
        (FaultKind.DROP_BEFORE, "Remote end closed connection", requests.exceptions.ConnectionError),
        (FaultKind.DELAY, "Read timed out", requests.exceptions.ReadTimeout),
    ],
)
def test_request_that_fails_is_an_entry(
    kind: FaultKind, said: str, raised: type[Exception], cloud: LocalCloud, tmp_path: Path
) -> None:
    """TLS, proxy, time-out and a broken connection: each is raised as ever, and in the file."""
    cloud.inject(Fault(kind, seconds=0.6))

    def use(cloud: LocalCloud) -> None:
        with pytest.raises(raised):
            ask(cloud)

    (entry,), _ = traced(tmp_path, cloud, use)

    assert entry["response"]["status"] == 0
    assert said in entry["response"]["_error"]
    assert entry["request"]["url"] == f"https://{cloud.workspace.host}/"
