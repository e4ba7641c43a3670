"""The hook of connection type azure_data_collector, against the local cloud's workspaces."""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException
from urllib3.exceptions import InsecureRequestWarning

from keywatch.errors import (
    ConfigurationError,
    HostNotAllowedError,
    KeywatchError,
    LogTypeError,
    PermanentError,
)
from keywatch.log_analytics.destination import Sent
from keywatch.pipeline.tables import TableName
from keywatch_airflow.hooks.data_collector import DataCollectorHook
from localcloud import Fault, FaultKind, LocalCloud
from tests.expected import AUDIT_TABLE, KEYS_TABLE
from tests.keywatch_airflow.conftest import Connect

Json = dict[str, Any]
Alter = Callable[[Json], Any]

BODY = b'[{"user":"alice","SnapshotTime":"2026-01-02T03:04:05Z"}]'
NOT_BASE64 = "not-base64-but-still-secret!"
NO_WORKSPACE = "00000000-0000-4000-8000-000000000000"

UNUSABLE: dict[str, tuple[Alter, type[PermanentError], str]] = {
    "no workspace id": (lambda c: c.pop("login"), ConfigurationError, r"workspace id is not a GUID"),
    "workspace id": (lambda c: c.update(login="contoso"), ConfigurationError, r"workspace id is not a GUID"),
    "no key": (lambda c: c.pop("password"), ConfigurationError, r"holds no shared key"),
    "key": (lambda c: c.update(password=NOT_BASE64), ConfigurationError, r"shared key is not base64"),
    "cloud": (lambda c: c["extra"].update(cloud="AzureMoon"), ConfigurationError, r"no Azure cloud 'AzureMoon'"),
    "transport": (lambda c: c["extra"]["transport"].update(prxy="x"), ConfigurationError, r"does not know prxy"),
    "verify": (lambda c: c["extra"]["transport"].update(verify=False), ConfigurationError, r"verify is false"),
    "lab": (lambda c: c["extra"].update(lab=True), ConfigurationError, r"does not allow"),
    "host": (lambda c: c.update(host="collector.example.com"), HostNotAllowedError, r"collector\.example\.com"),
    "host of another cloud": (
        lambda c: c.update(host=f"{c['login']}.ods.opinsights.azure.us"),
        HostNotAllowedError,
        r"azure\.us is not a host of AzureCloud",
    ),
    "log type": (lambda c: c["extra"].update(log_type="AWS-Keys"), LogTypeError, r"'AWS-Keys' would be refused"),
}


@pytest.fixture
def hook(connect: Connect, collector: Json) -> Callable[..., DataCollectorHook]:
    """Give a function that makes the hook of a good connection, altered or not."""

    def make(alter: Alter = lambda _: None) -> DataCollectorHook:
        alter(collector)
        return DataCollectorHook(connect("collector", collector))

    return make


Hook = Callable[..., DataCollectorHook]


@pytest.mark.parametrize(("table", "stored_in"), [("keys", KEYS_TABLE), ("audit", AUDIT_TABLE)])
def test_destination_sends_to_the_tables_own_log_type(
    cloud: LocalCloud,
    hook: Hook,
    table: TableName,
    stored_in: str,
) -> None:
    """A good connection delivers signed rows into the table of its name."""
    sent = hook().get_destination(table).send(BODY)

    assert Sent(attempts=1, perhaps_twice=False) == sent
    assert [row["user_s"] for row in cloud.rows(stored_in, cloud.second_workspace)] == ["alice"]


@pytest.mark.parametrize(("table", "stored_in"), [("keys", "Keys_One_CL"), ("audit", "Audit_One_CL")])
def test_destination_sends_to_the_connections_log_type(
    cloud: LocalCloud,
    hook: Hook,
    table: TableName,
    stored_in: str,
) -> None:
    """A connection may name tables of its own."""
    hook(lambda c: c["extra"].update(log_type="Keys_One", audit_log_type="Audit_One")).get_destination(table).send(BODY)

    assert [stored_in] == list(cloud.tables(cloud.second_workspace))
    assert len(cloud.rows(stored_in, cloud.second_workspace)) == 1


def test_destination_goes_to_the_host_of_its_cloud(cloud: LocalCloud, hook: Hook) -> None:
    """A connection of a sovereign cloud asks for that cloud's host, and for no other."""

    def in_us_government(connection: Json) -> None:
        connection["extra"]["cloud"] = "AzureUSGovernment"
        connection["extra"]["transport"]["attempts"] = 1

    with pytest.raises(KeywatchError):
        hook(in_us_government).get_destination("keys").send(BODY)

    assert {f"{cloud.second_workspace.id}.ods.opinsights.azure.us"} == {request.host for request in cloud.requests()}


def test_transport_may_be_json_text(cloud: LocalCloud, hook: Hook) -> None:
    """A transport that was stored as text works like one stored as an object."""

    def as_text(connection: Json) -> None:
        transport = {"proxy": cloud.proxy_url, "ca_bundle": str(cloud.ca_bundle)}
        connection["extra"]["transport"] = str(transport).replace("'", '"')

    assert Sent() == hook(as_text).get_destination("keys").send(BODY)


@pytest.mark.parametrize("case", UNUSABLE)
def test_destination_is_refused_when_the_connection_is_not_usable(cloud: LocalCloud, hook: Hook, case: str) -> None:
    """A connection that cannot work is refused with its reason before anything is sent, for good."""
    alter, kind, reason = UNUSABLE[case]

    with pytest.raises(kind, match=reason):
        hook(alter).get_destination("keys")

    assert cloud.requests() == []


@pytest.mark.parametrize("case", UNUSABLE)
def test_connection_test_tells_what_is_not_usable(cloud: LocalCloud, hook: Hook, case: str) -> None:
    """The Test button shows the same reason, and no key."""
    alter, _, reason = UNUSABLE[case]
    tested = hook(alter)

    ok, message = tested.test_connection()

    assert not ok
    assert re.search(reason, message)
    assert NOT_BASE64 not in message
    assert cloud.second_workspace.shared_key not in message
    assert cloud.requests() == []


def test_connection_test_signs_for_real_and_stores_nothing(cloud: LocalCloud, hook: Hook) -> None:
    """The Test button of a good connection asks the workspace once, names it, and leaves no row."""
    assert (True, f"Workspace {cloud.second_workspace.id} accepts the signature.") == hook().test_connection()

    (request,) = cloud.requests()
    assert (cloud.second_workspace.host, "POST /api/logs", 2) == (request.host, request.action, request.body_bytes)
    assert cloud.tables(cloud.second_workspace) == {}


def test_connection_test_tells_when_the_key_is_another_workspaces(cloud: LocalCloud, hook: Hook) -> None:
    """A key that signs for another workspace is refused by the service, and does not show."""
    wrong = cloud.workspace.shared_key

    ok, message = hook(lambda c: c.update(password=wrong)).test_connection()

    assert not ok
    assert "key" in message
    assert wrong not in message
    assert [request.status for request in cloud.requests()] == [403]


def test_connection_test_tells_when_there_is_no_such_workspace(hook: Hook) -> None:
    """A workspace id that nobody has is named."""

    def nobodys(connection: Json) -> None:
        connection["login"] = NO_WORKSPACE

    ok, message = hook(nobodys).test_connection()

    assert not ok
    assert NO_WORKSPACE in message


def test_connection_test_tells_when_nothing_listens(hook: Hook, closed_port: int) -> None:
    """A proxy that is not there is told from everything else."""

    def nowhere(connection: Json) -> None:
        connection["extra"]["transport"]["proxy"] = f"http://127.0.0.1:{closed_port}"

    ok, message = hook(nowhere).test_connection()

    assert not ok
    assert "transport.proxy" in message


def test_connection_test_tells_when_the_authority_is_a_stranger(hook: Hook, stranger_ca: Path) -> None:
    """A certificate that the connection's authorities did not sign is refused, and the CA bundle named."""

    def strange(connection: Json) -> None:
        connection["extra"]["transport"]["ca_bundle"] = str(stranger_ca)

    ok, message = hook(strange).test_connection()

    assert not ok
    assert "transport.ca_bundle" in message


@pytest.mark.usefixtures("allow_lab")
def test_lab_may_skip_verification(cloud: LocalCloud, hook: Hook, stranger_ca: Path) -> None:
    """A laboratory sends although the other side's certificate is a stranger's."""

    def unverified(connection: Json) -> None:
        connection["extra"]["lab"] = True
        connection["extra"]["transport"].update(ca_bundle=str(stranger_ca), verify=False)

    cloud.inject(Fault(FaultKind.TLS_UNTRUSTED, count=None))

    with pytest.warns(InsecureRequestWarning):
        assert Sent() == hook(unverified).get_destination("keys").send(BODY)


@pytest.mark.usefixtures("allow_lab")
def test_lab_may_leave_the_cloud(cloud: LocalCloud, hook: Hook) -> None:
    """A laboratory may send to any host."""

    def outside(connection: Json) -> None:
        connection["host"] = "collector.example.com"
        connection["extra"]["lab"] = True
        connection["extra"]["transport"]["attempts"] = 1

    with pytest.raises(KeywatchError):  # the local cloud does not play this host
        hook(outside).get_destination("keys").send(BODY)

    assert [(asked.method, asked.host) for asked in cloud.requests()] == [("CONNECT", "collector.example.com")]


def test_destination_warns_that_support_has_ended(hook: Hook, logged: list[MutableMapping[str, Any]]) -> None:
    """Whoever uses the Data Collector is told, with the date and the connection's name."""
    hook().get_destination("keys")

    (warning,) = (entry for entry in logged if entry["log_level"] == "warning")
    message = warning["event"] % tuple(warning.get("positional_args", ()))
    assert "'collector'" in message
    assert "stopped supporting on 2026-09-14" in message


def test_missing_connection_is_refused_by_name() -> None:
    """A connection id that nobody defined is named."""
    with pytest.raises(AirflowNotFoundException, match="nobodys"):
        DataCollectorHook("nobodys").get_destination("keys")
