"""Stock Amazon hooks, operators and object storage with a certificate in Key Vault in place of an access key."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook, BaseSessionFactory
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.amazon.aws.triggers.s3 import S3KeyTrigger
from airflow.sdk import ObjectStoragePath
from airflow.sdk.exceptions import TaskDeferred

from keywatch.access_keys.record import Account
from keywatch.errors import ConfigurationError, HostNotAllowedError, KeywatchError, SessionRefusedError
from keywatch_airflow.aws import AwsAccounts
from keywatch_airflow.aws_session import SessionFactory
from localcloud import Fault, FaultKind, LocalCloud
from localcloud.airflow_home import connections
from tests.keywatch_airflow.conftest import Connect

Json = dict[str, Any]


@pytest.fixture
def s3(cloud: LocalCloud, connect: Connect, aws_by_certificate: Json) -> S3Hook:
    """Give a stock S3 hook on the connection without a key."""
    del cloud
    return S3Hook(connect("aws_by_certificate", aws_by_certificate))


def caller(cloud: LocalCloud, conn_id: str) -> str:
    """Ask STS, through a stock hook, who a connection is."""
    del cloud
    return str(sts_hook(conn_id).get_conn().get_caller_identity()["Arn"])


def sts_hook(conn_id: str | None) -> Any:  # noqa: ANN401 - the stock hook has few types
    """Make a stock hook that asks STS."""
    return AwsBaseHook(conn_id, client_type="sts")


def sessions_given(cloud: LocalCloud) -> int:
    """Count the sessions that IAM Roles Anywhere gave."""
    return len(cloud.requests(action="CreateSession", status=201))


def test_s3_hook_writes_and_reads(cloud: LocalCloud, s3: S3Hook) -> None:
    """A stock S3 hook works, and its one session cost one signature of the HSM."""
    s3.load_string("rows", "folder/key", cloud.aws.bucket)

    assert s3.read_key("folder/key", cloud.aws.bucket) == "rows"
    assert s3.list_keys(cloud.aws.bucket, prefix="folder/") == ["folder/key"]
    assert sessions_given(cloud) == 1


def test_object_storage_path_writes_and_reads(cloud: LocalCloud, s3: S3Hook) -> None:
    """`ObjectStoragePath("s3://...")` is signed in, and not silently anonymous."""
    path = ObjectStoragePath(f"s3://{s3.aws_conn_id}@{cloud.aws.bucket}/staging/file")

    path.write_bytes(b"rows")

    assert path.read_bytes() == b"rows"
    assert [each.name for each in path.parent.iterdir()] == ["file"]
    assert s3.read_key("staging/file", cloud.aws.bucket) == "rows"
    requests = [request for request in cloud.requests() if ".s3." in request.host or request.host.startswith("s3.")]
    assert {request.status for request in requests if request.error == "AccessDenied"} == set()


def test_deferrable_operator_defers_and_its_trigger_ends(cloud: LocalCloud, s3: S3Hook) -> None:
    """A deferrable sensor hands over to its trigger, which finds the key in its event loop."""
    name = f"s3://{cloud.aws.bucket}/wanted"
    sensor = S3KeySensor(task_id="wait", bucket_key=name, aws_conn_id=str(s3.aws_conn_id), deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({})
    s3.load_string("here", "wanted", cloud.aws.bucket)
    assert isinstance(deferred.value.trigger, S3KeyTrigger)

    async def first_event() -> Any:  # noqa: ANN401 - a trigger's event
        async for event in deferred.value.trigger.run():
            return event
        return None

    event = asyncio.run(first_event())

    assert event.payload["status"] in ("running", "success")
    assert sessions_given(cloud) == 1


@pytest.mark.parametrize("deferrable", [False, True])
def test_role_arn_is_assumed_with_the_session(
    cloud: LocalCloud,
    connect: Connect,
    aws_by_certificate: Json,
    deferrable: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A connection's role_arn still means that role, entered with the certificate, in both kinds of session."""
    member = cloud.aws.account_ids[1]
    aws_by_certificate["extra"]["role_arn"] = cloud.aws.role_arn(member)
    hook = sts_hook(connect("aws_by_certificate", aws_by_certificate))

    async def ask() -> str:
        async with await hook.get_async_conn() as client:
            return str((await client.get_caller_identity())["Account"])

    account = asyncio.run(ask()) if deferrable else hook.get_conn().get_caller_identity()["Account"]

    assert account == member
    assert sessions_given(cloud) == 1


def test_hooks_of_one_process_share_one_session(cloud: LocalCloud, connect: Connect, aws_by_certificate: Json) -> None:
    """However many hooks a task has, the HSM signs once."""
    conn_id = connect("aws_by_certificate", aws_by_certificate)

    assert len({caller(cloud, conn_id) for _ in range(5)}) == 1
    assert sessions_given(cloud) == 1


def test_changed_connection_gets_a_session_of_its_own(
    cloud: LocalCloud, connect: Connect, aws_by_certificate: Json
) -> None:
    """What a connection says now is what is done, in a process that goes on for days too."""
    conn_id = connect("aws_by_certificate", aws_by_certificate)
    before = caller(cloud, conn_id)
    aws_by_certificate["extra"]["roles_anywhere"]["session_name"] = "renamed"
    connect("aws_by_certificate", aws_by_certificate)

    assert before.endswith("/keywatch")
    assert caller(cloud, conn_id).endswith("/renamed")


def test_changed_certificate_connection_gets_a_session_of_its_own(
    cloud: LocalCloud, connect: Connect, aws_by_certificate: Json
) -> None:
    """The connection that holds the certificate may change as well: its version is the one that signs from then on."""
    conn_id = connect("aws_by_certificate", aws_by_certificate)
    caller(cloud, conn_id)
    made = cloud.create_certificate("keywatch-audit")
    pinned = connections(cloud)["keyvault_certificate_default"]
    pinned["extra"]["version"] = made.version
    connect("keyvault_certificate_default", pinned)

    caller(cloud, conn_id)

    signed_by = [record.path.split("/")[3] for record in cloud.requests(action="keys/sign")]
    assert signed_by[-1] == made.version
    assert len(set(signed_by)) == 2


def test_hook_outlives_its_session(cloud: LocalCloud, connect: Connect, aws_by_certificate: Json) -> None:
    """A client that a hook made long ago asks with a new session."""
    cloud.set_session_lifetime(3)
    aws_by_certificate["extra"]["roles_anywhere"]["session_name"] = "short-lived"
    client = sts_hook(connect("aws_by_certificate", aws_by_certificate)).get_conn()

    arns = []
    while sessions_given(cloud) < 3:
        arns.append(client.get_caller_identity()["Arn"])

    assert len(set(arns)) == 1
    assert cloud.requests(error="ExpiredToken") == []


def test_test_button_says_who_the_connection_is(connect: Connect, aws_by_certificate: Json) -> None:
    """The connection's Test signs for real and names the role."""
    worked, message = sts_hook(connect("aws_by_certificate", aws_by_certificate)).test_connection()

    assert worked, message
    assert "KeywatchAudit" in message


@pytest.mark.parametrize("deferrable", [False, True])
def test_connection_without_the_extras_is_the_stock_one(
    connect: Connect,
    aws: Json,
    deferrable: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A connection that does not ask for a certificate gets what the stock factory makes, key and Region alike."""
    hook = sts_hook(connect("aws_stock", aws))
    made = SessionFactory(conn=hook.conn_config, region_name="eu-west-1").create_session(deferrable=deferrable)
    stock = BaseSessionFactory(conn=hook.conn_config, region_name="eu-west-1").create_session(deferrable=deferrable)

    def said(session: Any) -> tuple[Any, ...]:  # noqa: ANN401 - of boto3 or aiobotocore
        found = asyncio.run(session.get_credentials()) if deferrable else session.get_credentials()
        region = session.get_config_variable("region") if deferrable else session.region_name
        return type(session), type(found), found.access_key, found.secret_key, found.token, region

    assert said(made) == said(stock)
    assert said(made)[2:4] == (aws["login"], aws["password"])


def test_role_arn_of_a_stock_connection_is_assumed_as_before(
    cloud: LocalCloud, connect: Connect, aws: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection with an access key and a role_arn, and its extras for STS, does what it did."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(cloud.ca_bundle))  # the stock AssumeRole does not heed `verify`
    member = cloud.aws.account_ids[1]
    aws["extra"] |= {"role_arn": cloud.aws.role_arn(member), "assume_role_kwargs": {"RoleSessionName": "as-before"}}
    arn = caller(cloud, connect("aws_stock", aws))

    assert arn == f"arn:aws:sts::{member}:assumed-role/{cloud.aws.role_name}/as-before"
    assert sessions_given(cloud) == 0


@pytest.mark.parametrize("deferrable", [False, True])
def test_no_connection_is_the_stock_one(
    monkeypatch: pytest.MonkeyPatch,
    deferrable: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Without a connection, the worker's own identity is used as before."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-worker")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-worker-too")

    session = sts_hook(None).get_session(deferrable=deferrable)
    found = asyncio.run(session.get_credentials()) if deferrable else session.get_credentials()

    assert found.access_key == "of-the-worker"


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
def test_endpoint_of_the_environment_has_no_say(
    cloud: LocalCloud, connect: Connect, aws_by_certificate: Json, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A session of the certificate goes to AWS, whatever the worker's environment says."""
    monkeypatch.setenv(name, "https://evil.example.com")
    member = cloud.aws.account_ids[1]
    conn_id = connect("aws_by_certificate", aws_by_certificate)
    aws_by_certificate["extra"]["role_arn"] = cloud.aws.role_arn(member)
    assuming = connect("aws_assuming", aws_by_certificate)

    assert cloud.aws.account_id in caller(cloud, conn_id)
    assert member in caller(cloud, assuming)

    assert {request.host for request in cloud.requests() if "evil" in request.host} == set()


def test_worker_identity_never_steps_in(
    cloud: LocalCloud, connect: Connect, aws_by_certificate: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the certificate gets no session, nobody else's credentials are used, and nothing goes out unsigned."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(cloud.aws.access_key_id))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", str(cloud.aws.secret_access_key))
    cloud.change_profile(enabled=False)
    conn_id = connect("aws_refused", aws_by_certificate)
    path = ObjectStoragePath(f"s3://{conn_id}@{cloud.aws.bucket}/file")

    with pytest.raises(SessionRefusedError):
        caller(cloud, conn_id)
    with pytest.raises(SessionRefusedError):
        path.read_bytes()

    assert {request.host for request in cloud.requests() if request.host.endswith("amazonaws.com")} == {
        "rolesanywhere.us-east-1.amazonaws.com"
    }


Change = Callable[[Json], Any]

NOT_USABLE: dict[str, tuple[Change, type[KeywatchError], str]] = {
    "no target": (lambda c: c["extra"].pop("roles_anywhere"), ConfigurationError, "needs both extras"),
    "no certificate": (lambda c: c["extra"].pop("certificate_conn_id"), ConfigurationError, "needs both extras"),
    "text": (lambda c: c["extra"].update(roles_anywhere="arn"), ConfigurationError, "needs both extras"),
    "no role": (lambda c: c["extra"]["roles_anywhere"].pop("role_arn"), ConfigurationError, "needs role_arn"),
    "unknown": (
        lambda c: c["extra"]["roles_anywhere"].update(rolearn="x"),
        ConfigurationError,
        "does not know rolearn",
    ),
    "duration": (lambda c: c["extra"]["roles_anywhere"].update(duration="1 h"), ConfigurationError, "duration"),
    "chain": (lambda c: c["extra"]["roles_anywhere"].update(chain="x"), ConfigurationError, "chain.*PEM"),
    "key too": (lambda c: c.update(login="x", password="y"), ConfigurationError, "login and password"),
    "key in extra": (lambda c: c["extra"].update(aws_access_key_id="x"), ConfigurationError, "aws_access_key_id"),
    "profile": (lambda c: c["extra"].update(profile_name="x"), ConfigurationError, "profile_name"),
    "unsigned": (
        lambda c: c["extra"]["config_kwargs"].update(signature_version="unsigned"),
        ConfigurationError,
        "signature_version",
    ),
    "web identity": (
        lambda c: c["extra"].update(
            role_arn="arn:aws:iam::111122223333:role/x", assume_role_method="assume_role_with_web_identity"
        ),
        ConfigurationError,
        "assume_role_method",
    ),
    "endpoint": (
        lambda c: c["extra"].update(endpoint_url="https://s3.example.com"),
        HostNotAllowedError,
        "example.com",
    ),
    "service endpoint": (
        lambda c: c["extra"].update(service_config={"sts": {"endpoint_url": "https://sts.example.com"}}),
        HostNotAllowedError,
        "example.com",
    ),
    "signer": (
        lambda c: c["extra"].update(
            service_config={"s3": {"signer": "S3V4RestSigner", "signer_uri": "https://x.example"}}
        ),
        ConfigurationError,
        r"service_config\.s3\.signer",
    ),
    "proxy of S3": (
        lambda c: c["extra"].update(service_config={"s3": {"proxy-uri": "http://x.example"}}),
        ConfigurationError,
        "proxy-uri",
    ),
    "no object": (lambda c: c["extra"].update(service_config={"s3": "x"}), ConfigurationError, "no JSON object"),
    "external id": (lambda c: c["extra"].update(external_id="x"), ConfigurationError, "external_id"),
    "proxy's authority": (
        lambda c: c["extra"]["config_kwargs"].update(proxies_config={"proxy_ca_bundle": "/x.pem"}),
        ConfigurationError,
        "proxies_config",
    ),
    "rented name": (
        lambda c: c["extra"].update(endpoint_url="https://x.execute-api.eu-central-1.amazonaws.com"),
        HostNotAllowedError,
        "anybody may rent",
    ),
    "VPC endpoint of a stranger's": (
        lambda c: c["extra"].update(
            endpoint_url="https://vpce-0a1b.vpce-svc-0123456789abcdef0.eu-central-1.vpce.amazonaws.com"
        ),
        HostNotAllowedError,
        "anybody may rent",
    ),
    "bucket called like a VPC endpoint": (
        lambda c: c["extra"].update(endpoint_url="https://vpce-evil.s3.eu-central-1.amazonaws.com"),
        HostNotAllowedError,
        "anybody may rent",
    ),
    "zero for verification": (lambda c: c["extra"].update(verify=0), ConfigurationError, "verify .* is 0"),
    "nothing for verification": (lambda c: c["extra"].update(verify=""), ConfigurationError, "verify .* is ''"),
    "a list for verification": (lambda c: c["extra"].update(verify=[]), ConfigurationError, r"verify .* is \[\]"),
    "no verification": (lambda c: c["extra"].update(verify=False), ConfigurationError, "verify is false"),
}


@pytest.mark.parametrize(("change", "error", "said"), NOT_USABLE.values(), ids=NOT_USABLE)
def test_connection_that_is_not_usable_is_refused_before_anything_is_signed(
    cloud: LocalCloud, connect: Connect, aws_by_certificate: Json, change: Change, error: type[KeywatchError], said: str
) -> None:
    """What is missing, misspelt, contradictory or would lead credentials away is named."""
    change(aws_by_certificate)

    with pytest.raises(error, match=said):
        caller(cloud, connect("aws_by_certificate", aws_by_certificate))

    assert cloud.requests() == []


def test_certificate_connection_of_another_type_is_refused(
    cloud: LocalCloud, connect: Connect, aws: Json, aws_by_certificate: Json
) -> None:
    """A certificate is held by a connection of the type for it."""
    connect("keyvault_certificate_default", aws)

    with pytest.raises(ConfigurationError, match="of type aws, not keyvault_certificate"):
        caller(cloud, connect("aws_by_certificate", aws_by_certificate))


def test_accounts_of_a_certificate_are_entered(cloud: LocalCloud, connect: Connect, aws_by_certificate: Json) -> None:
    """The audit's own clients use the same session: one for all accounts, and one role each."""
    accounts = AwsAccounts(connect("aws_by_certificate", aws_by_certificate), cloud.aws.role_name)

    for account in cloud.aws.account_ids:
        assert accounts.connect(Account(account)).list_users(MaxItems=1)["Users"]

    assert accounts.own() == Account(cloud.aws.account_id)
    assert sessions_given(cloud) == 1


@pytest.mark.parametrize("factory", [None, "airflow.providers.amazon.aws.hooks.base_aws.BaseSessionFactory"])
def test_airflow_that_does_not_know_the_factory_is_told(
    cloud: LocalCloud,
    connect: Connect,
    aws_by_certificate: Json,
    monkeypatch: pytest.MonkeyPatch,
    factory: str | None,
) -> None:
    """Where [aws] session_factory is not set, the worker's own identity must not step in unnoticed."""
    if factory is None:
        monkeypatch.delenv("AIRFLOW__AWS__SESSION_FACTORY")
    else:
        monkeypatch.setenv("AIRFLOW__AWS__SESSION_FACTORY", factory)

    with pytest.raises(ConfigurationError, match=r"session_factory = keywatch_airflow\.aws_session\.SessionFactory"):
        AwsAccounts(connect("aws_by_certificate", aws_by_certificate)).own()

    assert cloud.requests() == []


@pytest.fixture
def secrets_of(cloud: LocalCloud) -> Callable[[Any], list[str]]:
    """Give a function that lists what must not be logged of a hook's credentials."""
    del cloud

    def of(session: Any) -> list[str]:  # noqa: ANN401 - boto3's
        found = session.get_credentials().get_frozen_credentials()
        return [found.access_key, found.secret_key, found.token]

    return of


def test_nothing_secret_is_logged_at_debug(
    cloud: LocalCloud,
    connect: Connect,
    aws_by_certificate: Json,
    caplog: pytest.LogCaptureFixture,
    secrets_of: Callable[[Any], list[str]],
) -> None:
    """With every logger at DEBUG, hooks and object storage log no secret key, session token or full key id."""
    s3 = S3Hook(connect("aws_logged", aws_by_certificate))
    with caplog.at_level(logging.DEBUG):
        s3.load_string("rows", "key", cloud.aws.bucket)
        ObjectStoragePath(f"s3://{s3.aws_conn_id}@{cloud.aws.bucket}/key").read_bytes()
        said = caplog.text

    assert [each for each in secrets_of(s3.get_session()) if each in said] == []
    assert "AWS4-X509" not in said


def test_module_stays_light() -> None:
    """Every process with an Amazon hook imports the factory, so that it loads no SDK of Azure's."""
    code = (
        "import sys, json; import airflow.providers.amazon.aws.hooks.base_aws; before = set(sys.modules);"
        "import keywatch_airflow.aws_session; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    modules = {name.partition(".")[0] for name in json.loads(printed.splitlines()[-1])}
    assert modules.isdisjoint({"azure", "msal", "aiobotocore", "localcloud"})


def test_throttled_session_is_waited_for(cloud: LocalCloud, connect: Connect, aws_by_certificate: Json) -> None:
    """A stock hook outlasts a moment of throttling."""
    cloud.inject(Fault(FaultKind.THROTTLE, action="CreateSession", retry_after=0))
    aws_by_certificate["extra"]["roles_anywhere"]["session_name"] = "throttled"

    assert caller(cloud, connect("aws_by_certificate", aws_by_certificate)).endswith("/throttled")
