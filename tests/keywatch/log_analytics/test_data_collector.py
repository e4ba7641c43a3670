"""The Data Collector client, over real TLS, with signatures that are really checked."""

from __future__ import annotations

import base64
import email.utils
import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from keywatch.errors import (
    AuthorizationRefusedError,
    ConfigurationError,
    DestinationNotFoundError,
    HostNotAllowedError,
    KeywatchError,
    LogTypeError,
    RequestRefusedError,
    RequestTooLargeError,
    ServiceUnavailableError,
    ThrottledError,
    TlsError,
    TransientError,
    UnreachableError,
)
from keywatch.log_analytics.data_collector import (
    DataCollector,
    DataCollectorEndpoint,
    check_log_type,
    check_workspace_id,
)
from keywatch.log_analytics.data_collector_answers import MAX_BYTES, Answer, refusal
from keywatch.log_analytics.destination import Sent
from keywatch.log_analytics.shared_key import SharedKey
from keywatch.transport import Transport
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.reach import AZURE_HOSTS, collector, transport_to

RECORDS = [{"RecordId": "r1", "user": "Zoë 🔑"}, {"RecordId": "r2", "user": "李雷"}]
BODY = json.dumps(RECORDS, ensure_ascii=False).encode()
PAGE = "<html><body>Please log in</body></html>"
GUID = "99999999-8888-7777-6666-555555555555"


def record_ids(cloud: LocalCloud) -> list[str]:
    """Give the RecordIds stored, copies included, in order."""
    return sorted(row["RecordId_s"] for row in cloud.rows("Test_CL", cloud.second_workspace))


def refused(cloud: LocalCloud, client: DataCollector, error: type[KeywatchError], body: bytes = BODY) -> str:
    """Send what has to be refused, and give the message, which holds no secret and no record."""
    with pytest.raises(error) as caught:
        client.send(body)

    message = str(caught.value)
    assert cloud.second_workspace.shared_key not in message
    assert "SharedKey " not in message
    assert "Zoë" not in message
    return message


def test_send_stores_the_records(cloud: LocalCloud) -> None:
    """What is accepted is in the table, letter for letter, after one request."""
    sent = collector(cloud).send(BODY)

    assert sent == Sent(attempts=1, perhaps_twice=False)
    assert {row["RecordId_s"]: row["user_s"] for row in cloud.rows("Test_CL", cloud.second_workspace)} == {
        "r1": "Zoë 🔑",
        "r2": "李雷",
    }
    (request,) = cloud.requests()
    assert (request.action, request.log_type, request.body_bytes) == ("POST /api/logs", "Test", len(BODY))


def test_send_takes_the_records_own_time(cloud: LocalCloud) -> None:
    """TimeGenerated is the record's SnapshotTime, not the time of arrival."""
    snapshot = (datetime.now(UTC) - timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%SZ")

    collector(cloud).send(json.dumps([{"SnapshotTime": snapshot}]).encode())

    assert [row["TimeGenerated"] for row in cloud.rows("Test_CL", cloud.second_workspace)] == [snapshot]


def test_send_with_a_wrong_key_is_refused_at_once(cloud: LocalCloud) -> None:
    """A key of somebody else's is refused in one request, and the message says where to find the right one."""
    wrong = base64.b64encode(b"w" * 64).decode()

    message = refused(cloud, collector(cloud, key=wrong), AuthorizationRefusedError)

    assert "the shared key on the connection is not this workspace's" in message
    assert wrong not in message
    assert len(cloud.requests()) == 1


@pytest.mark.parametrize("minutes", [-60, 60])
def test_send_with_a_wrong_clock_is_refused_at_once(minutes: int, cloud: LocalCloud) -> None:
    """A signature with a date far from the service's own is refused in one request."""
    client = collector(cloud, clock=lambda: datetime.now(UTC) + timedelta(minutes=minutes))

    refused(cloud, client, AuthorizationRefusedError)

    assert len(cloud.requests(error="InvalidAuthorization")) == 1


@pytest.mark.parametrize(
    ("date", "said"),
    [
        ("Sun, 31 Dec 2023 23:00:00 GMT", "clock differs from its own by 3600 seconds. Set the clock"),
        ("Mon, 01 Jan 2024 01:00:00 GMT", "clock differs from its own by 3600 seconds. Set the clock"),
        ("Mon, 01 Jan 2024 00:14:59 GMT", "the shared key on the connection is not this workspace's"),
        ("no date", "the shared key on the connection is not this workspace's"),
    ],
)
def test_refusal_of_a_signature_names_clock_or_key(date: str, said: str) -> None:
    """Where the service's clock differs by more than it bears, the clock is to blame, otherwise the key."""
    meaning = refusal(answer(403, {"Error": "InvalidAuthorization"}, Date=date))

    assert isinstance(meaning, AuthorizationRefusedError)
    assert said in str(meaning)


def test_send_signed_for_another_workspace_names_it(cloud: LocalCloud) -> None:
    """A workspace id that is not the host's is refused as such."""
    message = refused(cloud, collector(cloud, signed_for=GUID), DestinationNotFoundError)

    assert GUID in message
    assert "InvalidCustomerId" in message


@pytest.mark.parametrize("log_type", ["", "1st", "with-dash", "with space", "x" * 101, "Schlüssel", "a\n"])
def test_log_type_that_would_be_refused_sends_nothing(log_type: str, cloud: LocalCloud) -> None:
    """A bad log type is found before the first request."""
    with pytest.raises(LogTypeError, match="letters, digits and underscores"):
        collector(cloud, log_type)

    assert cloud.requests() == []


@pytest.mark.parametrize("log_type", ["A", "AWS_Access_Key_Report", "x" * 100])
def test_log_type_that_is_good_is_accepted_by_the_service(log_type: str, cloud: LocalCloud) -> None:
    """What passes here passes there."""
    collector(cloud, check_log_type(log_type)).send(BODY)

    assert list(cloud.tables(cloud.second_workspace)) == [f"{log_type}_CL"]


@pytest.mark.parametrize("given", [GUID, GUID.upper(), GUID.replace("-", "")])
def test_workspace_id_is_brought_into_one_form(given: str) -> None:
    """However a GUID is written, it is the same workspace."""
    assert check_workspace_id(given) == GUID


@pytest.mark.parametrize("given", [None, "", "workspace", GUID[:-1]])
def test_workspace_id_that_is_no_guid_says_where_to_find_it(given: str | None) -> None:
    """A workspace's name is not its id."""
    with pytest.raises(ConfigurationError, match="Copy the Workspace ID"):
        check_workspace_id(given)


def test_send_of_too_large_a_body_is_its_own_error(cloud: LocalCloud) -> None:
    """A body over the service's limit, which it answers with 404, is known for what it is."""
    body = b'[{"a":"' + b"x" * 30_000_000 + b'"}]'

    message = refused(cloud, collector(cloud), RequestTooLargeError, body)

    assert str(len(body)) in message
    assert len(cloud.requests()) == 1


def test_send_of_a_body_of_the_largest_size_is_accepted(cloud: LocalCloud) -> None:
    """The client's own limit is below the service's."""
    client = collector(cloud)
    body = b'[{"a":"' + b"x" * (client.limits.body - 10) + b'"}]'

    assert len(body) == client.limits.body
    assert client.send(body) == Sent()


def test_send_of_no_json_is_refused(cloud: LocalCloud) -> None:
    """A body that the service cannot read is refused once, with the service's code."""
    message = refused(cloud, collector(cloud), RequestRefusedError, b"[{]")

    assert "InvalidDataFormat" in message
    assert len(cloud.requests()) == 1


def test_send_throttled_waits_as_long_as_asked(cloud: LocalCloud) -> None:
    """A Retry-After is waited out before the next request."""
    cloud.inject(Fault(FaultKind.THROTTLE, retry_after=1))
    began = time.monotonic()

    sent = collector(cloud).send(BODY)

    assert sent == Sent(attempts=2)
    assert time.monotonic() - began >= 1
    assert record_ids(cloud) == ["r1", "r2"]


def test_send_throttled_to_the_end_is_transient(cloud: LocalCloud) -> None:
    """After the allowed attempts, the error holds what the service asked for."""
    cloud.inject(Fault(FaultKind.THROTTLE, retry_after=0, count=None))

    with pytest.raises(ThrottledError, match="in_flight") as caught:
        collector(cloud, attempts=2).send(BODY)

    assert caught.value.retry_after == 0
    assert [request.status for request in cloud.requests()] == [429, 429]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.STATUS, status=500, count=2),
        Fault(FaultKind.STATUS, status=503, count=2),
        Fault(FaultKind.STATUS, status=502, body=PAGE, content_type="text/html", count=2),
        Fault(FaultKind.STATUS, status=200, body=PAGE, content_type="text/html", count=2),
        Fault(FaultKind.STATUS, status=408, body="", count=2),
        Fault(FaultKind.THROTTLE, count=2),
        Fault(FaultKind.DROP_BEFORE, count=2),
    ],
    ids=["500", "503", "502 of a proxy", "200 of a proxy", "408", "429", "dropped"],
)
def test_send_repeats_what_may_pass(fault: Fault, cloud: LocalCloud) -> None:
    """What fails on the way or on the other side is sent again, and stored once."""
    cloud.inject(fault)

    sent = collector(cloud).send(BODY)

    assert sent.attempts == 3
    assert record_ids(cloud) == ["r1", "r2"]
    assert len({request.body_sha256 for request in cloud.requests()}) == 1


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        (Fault(FaultKind.STATUS, status=500, count=None), ServiceUnavailableError, "UnspecifiedError"),
        (Fault(FaultKind.STATUS, status=503, count=None), ServiceUnavailableError, "ServiceUnavailable"),
        (Fault(FaultKind.STATUS, status=502, body=PAGE, count=None), ServiceUnavailableError, "something in between"),
        (Fault(FaultKind.STATUS, status=200, body=PAGE, count=None), ServiceUnavailableError, "something in between"),
        (Fault(FaultKind.DROP_BEFORE, count=None), UnreachableError, "broke before an answer"),
    ],
    ids=["500", "503", "502 of a proxy", "200 of a proxy", "dropped"],
)
def test_send_ends_after_the_allowed_attempts(
    fault: Fault, error: type[TransientError], said: str, cloud: LocalCloud
) -> None:
    """What does not pass is given up after the transport's attempts, as an error that a later try may help."""
    cloud.inject(fault)

    message = refused(cloud, collector(cloud), error)

    assert said in message
    assert len(cloud.requests()) == 3
    assert cloud.tables(cloud.second_workspace) == {}


@pytest.mark.parametrize("status", [301, 403, 400, 407])
def test_send_answered_by_a_page_is_not_the_workspaces_refusal(status: int, cloud: LocalCloud) -> None:
    """A page that something in between shows says nothing about key or workspace."""
    cloud.inject(Fault(FaultKind.STATUS, status=status, body=PAGE, content_type="text/html", count=None))

    message = refused(cloud, collector(cloud), RequestRefusedError)

    assert "text/html" in message
    assert "transport.proxy" in message
    assert len(cloud.requests()) == 1


def test_send_stored_without_an_answer_is_known_as_perhaps_twice(cloud: LocalCloud) -> None:
    """Where the answer is lost the body is sent again; the copies have the same RecordIds, and the caller is told."""
    cloud.inject(Fault(FaultKind.DROP_AFTER))

    sent = collector(cloud).send(BODY)

    assert sent == Sent(attempts=2, perhaps_twice=True)
    assert record_ids(cloud) == ["r1", "r1", "r2", "r2"]


def test_send_without_an_answer_in_time_is_perhaps_twice(cloud: LocalCloud) -> None:
    """A late answer counts as none."""
    cloud.inject(Fault(FaultKind.DELAY, seconds=1.0))

    sent = collector(cloud, read_timeout=0.3).send(BODY)

    assert sent == Sent(attempts=2, perhaps_twice=True)


def test_send_refused_by_a_throttle_is_not_perhaps_twice(cloud: LocalCloud) -> None:
    """What the service did not take cannot be there twice."""
    cloud.inject(Fault(FaultKind.THROTTLE))

    assert collector(cloud).send(BODY) == Sent(attempts=2, perhaps_twice=False)


class Clock:
    """A clock that jumps a minute at every look."""

    def __init__(self) -> None:
        self.looks: list[datetime] = []

    def __call__(self) -> datetime:
        """Give the time, and remember it."""
        self.looks.append(datetime.now(UTC) + timedelta(minutes=len(self.looks)))
        return self.looks[-1]


def test_send_signs_every_attempt_anew(cloud: LocalCloud) -> None:
    """An attempt is signed with the time of that attempt: the first is too late, the second is not."""
    shifts = [timedelta(hours=-1), timedelta(0)]
    cloud.inject(Fault(FaultKind.STATUS, status=503))
    client = collector(cloud, clock=lambda: datetime.now(UTC) + (shifts.pop(0) if len(shifts) > 1 else shifts[0]))

    assert client.send(BODY) == Sent(attempts=2)


def test_send_looks_at_the_clock_at_every_attempt(cloud: LocalCloud) -> None:
    """No date is used twice."""
    clock = Clock()
    cloud.inject(Fault(FaultKind.STATUS, status=503, count=2))

    collector(cloud, clock=clock).send(BODY)

    assert len(clock.looks) >= 3
    assert len(set(clock.looks)) == len(clock.looks)


@pytest.mark.parametrize(
    ("kind", "words"),
    [(FaultKind.TLS_EXPIRED, "certificate has expired"), (FaultKind.TLS_UNTRUSTED, "transport.ca_bundle")],
)
def test_send_to_a_certificate_that_is_not_trusted_fails_at_once(
    kind: FaultKind, words: str, cloud: LocalCloud
) -> None:
    """A certificate does not get better by trying again: no request, a permanent error, one look at whose it is."""
    cloud.inject(Fault(kind, count=None))

    message = refused(cloud, collector(cloud), TlsError)

    assert words in message
    assert len(cloud.requests(method="CONNECT")) == 2
    assert cloud.requests(method="POST") == []


def test_send_without_a_way_is_unreachable(cloud: LocalCloud) -> None:
    """A proxy that nobody listens at is tried as often as allowed, and certainly stored nothing."""
    endpoint = DataCollectorEndpoint(
        url=f"https://{cloud.second_workspace.host}",
        key=SharedKey(cloud.second_workspace.id, cloud.second_workspace.shared_key),
        hosts=AZURE_HOSTS,
        transport=Transport(proxy="http://me:hunter2@127.0.0.1:9", no_proxy=(), attempts=2, backoff=0.01),
    )

    with pytest.raises(UnreachableError, match="The proxy did not connect") as caught:
        DataCollector(endpoint, "Test").send(BODY)

    assert not caught.value.perhaps_done
    assert "hunter2" not in str(caught.value)


def test_workspace_that_does_not_exist_is_unreachable(cloud: LocalCloud) -> None:
    """A workspace's host is there only while the workspace is."""
    endpoint = DataCollectorEndpoint(
        url=f"https://{GUID}.ods.opinsights.azure.com",
        key=SharedKey(GUID, cloud.second_workspace.shared_key),
        hosts=AZURE_HOSTS,
        transport=transport_to(cloud, attempts=1),
    )

    with pytest.raises(UnreachableError, match=GUID):
        DataCollector(endpoint, "Test").send(BODY)


@pytest.mark.parametrize("url", ["https://evil.example", f"http://{GUID}.ods.opinsights.azure.com"])
def test_workspace_outside_the_cloud_is_refused_before_signing(url: str, cloud: LocalCloud) -> None:
    """A signature for a host outside the cloud is never made."""
    endpoint = DataCollectorEndpoint(
        url=url,
        key=SharedKey(GUID, cloud.second_workspace.shared_key),
        hosts=AZURE_HOSTS,
        transport=transport_to(cloud),
    )

    with pytest.raises(HostNotAllowedError):
        DataCollector(endpoint, "Test")

    assert cloud.requests() == []


def test_endpoint_shows_no_key(cloud: LocalCloud) -> None:
    """An endpoint in a log line shows no key."""
    endpoint = DataCollectorEndpoint(
        f"https://{cloud.second_workspace.host}",
        SharedKey(cloud.second_workspace.id, cloud.second_workspace.shared_key),
        AZURE_HOSTS,
        transport_to(cloud),
    )

    assert cloud.second_workspace.shared_key not in repr(endpoint)


def test_check_stores_nothing(cloud: LocalCloud) -> None:
    """The connection's test finds the signature good without leaving a row or a table."""
    collector(cloud).check()

    assert cloud.tables(cloud.second_workspace) == {}
    assert len(cloud.requests()) == 1


def test_check_with_a_wrong_key_is_refused(cloud: LocalCloud) -> None:
    """The connection's test finds a wrong key."""
    with pytest.raises(AuthorizationRefusedError):
        collector(cloud, key=base64.b64encode(b"w" * 64).decode()).check()


def answer(status: int, content: object = None, size: int = 10, **headers: str) -> Answer:
    """Make an answer, of JSON unless its content is bytes."""
    return Answer(
        status=status,
        content=content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode(),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        host="workspace.example",
        workspace_id=GUID,
        log_type="Test",
        size=size,
        asked_at=datetime(2024, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (answer(200), None),
        (answer(200, b"  \r\n"), None),
        (answer(200, {"Error": "InvalidLogType"}), LogTypeError),
        (answer(204), ServiceUnavailableError),
        (answer(302), RequestRefusedError),
        (answer(400, {"Error": "InactiveCustomer"}), DestinationNotFoundError),
        (answer(400, {"Error": "InvalidCustomerId"}), DestinationNotFoundError),
        (answer(400, {"Error": "InvalidLogType"}), LogTypeError),
        (answer(400, {"Error": "MissingLogType"}), LogTypeError),
        (answer(400, {"Error": "InvalidApiVersion"}), RequestRefusedError),
        (answer(400, {"Error": "InvalidDataFormat"}), RequestRefusedError),
        (answer(400, {"Error": "UnsupportedContentType"}), RequestRefusedError),
        (answer(400, ["Error"]), RequestRefusedError),
        (answer(400, {"Error": 5}), RequestRefusedError),
        (answer(400, b"\xff"), RequestRefusedError),
        (answer(403), AuthorizationRefusedError),
        (answer(403, {"Error": "InvalidAuthorization"}), AuthorizationRefusedError),
        (answer(403, PAGE.encode()), RequestRefusedError),
        (answer(404), DestinationNotFoundError),
        (answer(404, size=MAX_BYTES), DestinationNotFoundError),
        (answer(404, size=MAX_BYTES + 1), RequestTooLargeError),
        (answer(408), ServiceUnavailableError),
        (answer(413), RequestTooLargeError),
        (answer(429), ThrottledError),
        (answer(500, {"Error": "UnspecifiedError"}), ServiceUnavailableError),
        (answer(503, {"Error": "ServiceUnavailable"}), ServiceUnavailableError),
        (answer(504), ServiceUnavailableError),
    ],
    ids=lambda value: f"{value.status} {value.content.decode(errors='replace')}" if isinstance(value, Answer) else None,
)
def test_refusal_of_each_answer(given: Answer, error: type[KeywatchError] | None) -> None:
    """Each answer that the service documents, and some that it does not, has its own meaning."""
    meaning = refusal(given)

    assert type(meaning) is (error or type(None))


@pytest.mark.parametrize("header", ["17", email.utils.format_datetime(datetime(2010, 1, 1, tzinfo=UTC), usegmt=True)])
@pytest.mark.parametrize("status", [408, 429, 503])
def test_refusal_takes_over_what_the_service_asks_for(status: int, header: str) -> None:
    """A Retry-After, in seconds or as a date, is in the error."""
    meaning = refusal(answer(status, Retry_After=header))

    assert isinstance(meaning, TransientError)
    assert meaning.retry_after == (17 if header == "17" else 0)


@pytest.mark.parametrize(("status", "perhaps"), [(408, True), (429, False), (502, True), (504, True), (200, True)])
def test_refusal_tells_what_may_have_been_stored(status: int, perhaps: bool) -> None:  # noqa: FBT001 - a table's column
    """A gateway that ran out of time may have handed the body on; a throttle has not."""
    meaning = refusal(answer(status, PAGE.encode()))

    assert isinstance(meaning, TransientError)
    assert meaning.perhaps_done is perhaps
