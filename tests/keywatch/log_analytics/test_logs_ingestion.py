"""The Logs Ingestion client, with tokens that an HSM has signed for, against a strict endpoint."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keywatch.errors import (
    AuthorizationRefusedError,
    CertificateNotRegisteredError,
    ConfigurationError,
    DestinationNotFoundError,
    HostNotAllowedError,
    KeywatchError,
    RequestRefusedError,
    RequestTooLargeError,
    ServiceUnavailableError,
    ThrottledError,
    TlsError,
    UnreachableError,
)
from keywatch.log_analytics.chunk import Rejected
from keywatch.log_analytics.delivery import Delivery, deliver
from keywatch.log_analytics.destination import Sent
from keywatch.log_analytics.logs_ingestion import (
    IngestionEndpoint,
    LogsIngestion,
    Packing,
    check_rule_id,
    packing,
)
from keywatch.log_analytics.receipts import ReceiptBook
from keywatch.pipeline.tables import TABLES
from keywatch.staging import encode, line_writer
from keywatch.transport.azure_core import ForgettingCredential
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.credentials.reach import AUDIT, CLOUD, credential, signed
from tests.keywatch.reach import transport_to

TABLE = TABLES["keys"]
NOW = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(autouse=True)
def machine(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine the local cloud's managed identity."""
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)


def destination(
    cloud: LocalCloud,
    *,
    url: str | None = None,
    rule_id: str | None = None,
    stream: str | None = None,
    by: ForgettingCredential | None = None,
    mode: Packing = Packing.DOCUMENTED,
    attempts: int = 3,
) -> LogsIngestion:
    """Make a client of the local cloud's rule."""
    endpoint = IngestionEndpoint(
        url=url or cloud.logs_ingestion.endpoint,
        rule_id=rule_id or cloud.logs_ingestion.rule_id,
        credential=by or credential(cloud, attempts=attempts),
        scope=CLOUD.monitor_scope,
        hosts=CLOUD.ingestion_hosts,
        transport=transport_to(cloud, attempts=attempts),
    )
    return LogsIngestion(endpoint, TABLE, packing=mode, stream=stream)


def record(number: int, **fields: object) -> dict[str, object]:
    """Make a record as it is staged."""
    return {
        "loggedDate": NOW[:10],
        "user": f"user-{number}",
        "account_number": "123456789012",
        "SnapshotTime": NOW,
        "UserArn": f"arn:aws:iam::123456789012:user/user-{number}",
        "KeyAgeDays": number,
        "LastUsedSource": "exact",
        "KeyId": f"k{number}",
        "RecordId": f"r{number}",
        "RunId": "test",
        **fields,
    }


def body(client: LogsIngestion, *records: dict[str, object]) -> bytes:
    """Make the body of records."""
    return b"[" + b",".join(client.encode(encode(each)) for each in records) + b"]"


def delivered(client: LogsIngestion, folder: Path, records: list[dict[str, object]]) -> tuple[Delivery, list[Rejected]]:
    """Stage records and deliver them."""
    rejected: list[Rejected] = []
    with line_writer(folder / "records.ndjson") as lines:
        for each in records:
            lines.write(encode(each))
    book = ReceiptBook(folder / "receipts")
    return deliver(folder / "records.ndjson", book, client, reject=rejected.append), rejected


def test_records_become_rows_of_declared_columns(cloud: LocalCloud) -> None:
    """Fields are renamed to the table's columns, TimeGenerated is the snapshot's time, and types are the table's."""
    client = destination(cloud)

    assert client.send(body(client, record(1, user=str(uuid.UUID(int=7)), CreateDate="2020-01-01T00:00:00Z"))) == Sent()

    (row,) = cloud.rows("AWS_Access_Key_Report_CL")
    assert row["user_s"] == str(uuid.UUID(int=7))
    assert (row["KeyAgeDays_d"], row["CreateDate_t"], row["TimeGenerated"]) == (1.0, "2020-01-01T00:00:00Z", NOW)
    assert row["LastUsedDate_t"] is None
    assert signed(cloud) == 1


def test_body_goes_over_the_wire_compressed(cloud: LocalCloud) -> None:
    """Gzip makes the request a fraction of its body."""
    client = destination(cloud)
    whole = body(client, *map(record, range(500)))

    client.send(whole)

    (request,) = cloud.requests(action="POST logs")
    assert request.raw_bytes == len(whole)
    assert request.body_bytes < len(whole) / 5


@pytest.mark.parametrize("mode", Packing)
def test_file_is_delivered_whole_in_requests_within_the_limits(
    cloud: LocalCloud, mode: Packing, tmp_path: Path
) -> None:
    """Both packings deliver every record once; the wire's needs fewer requests, and none is too large."""
    cloud.inject(Fault(FaultKind.DELAY, action="POST logs", seconds=0.0, count=None))

    done, rejected = delivered(destination(cloud, mode=mode), tmp_path, [record(number) for number in range(6000)])

    posts = cloud.requests(action="POST logs")
    assert (done.accepted, rejected) == (6000, [])
    assert len({row["RecordId_s"] for row in cloud.rows("AWS_Access_Key_Report_CL")}) == 6000
    assert {post.status for post in posts} == {204}
    if mode is Packing.DOCUMENTED:
        assert len(posts) > 1
        assert max(post.raw_bytes or 0 for post in posts) <= 1_000_000
    else:
        assert len(posts) == 1
    assert max(post.body_bytes for post in posts) <= 1_000_000


def test_chunk_that_is_too_large_is_halved_until_it_fits(cloud: LocalCloud, tmp_path: Path) -> None:
    """413 for what was packed splits it; all records arrive once, and nothing is rejected."""
    fault = Fault(FaultKind.STATUS, action="POST logs", status=413, count=3)
    cloud.inject(fault)

    done, rejected = delivered(destination(cloud), tmp_path, [record(number) for number in range(400)])

    assert (done.accepted, rejected) == (400, [])
    assert sorted(row["RecordId_s"] for row in cloud.rows("AWS_Access_Key_Report_CL")) == sorted(
        f"r{number}" for number in range(400)
    )
    assert [hits for _, hits in cloud.fault_hits()] == [3]


def test_lone_record_that_is_too_large_is_rejected_and_named(cloud: LocalCloud, tmp_path: Path) -> None:
    """A record over the limit alone costs itself only, and is kept as it was staged."""
    large = record(1, AccountName="x" * 1_000_000)

    done, rejected = delivered(destination(cloud), tmp_path, [record(0), large, record(2)])

    assert done.accepted == 2
    assert [json.loads(each.record)["RecordId"] for each in rejected] == ["r1"]


def test_body_over_the_gateways_limit_is_its_own_error(cloud: LocalCloud) -> None:
    """More than 1,048,576 bytes on the wire is refused by the gateway, and known for what it is."""
    noise = "".join(str(uuid.uuid4()) for _ in range(80_000))

    with pytest.raises(RequestTooLargeError, match="chunk_limit"):
        destination(cloud).send(json.dumps([{"user_s": noise}]).encode())

    assert len(cloud.requests(action="POST logs")) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.THROTTLE, action="POST logs", retry_after=0),
        Fault(FaultKind.THROTTLE, action="POST logs"),
        Fault(FaultKind.STATUS, action="POST logs", status=408),
        Fault(FaultKind.STATUS, action="POST logs", status=502, body="<html>", content_type="text/html"),
        Fault(FaultKind.STATUS, action="POST logs", status=503),
        Fault(FaultKind.DROP_BEFORE, action="POST logs"),
    ],
    ids=["429 with Retry-After", "429", "408", "502 from a proxy", "503", "reset"],
)
def test_passing_failure_is_sent_again(cloud: LocalCloud, fault: Fault) -> None:
    """Whatever may pass is tried again, the SDK's own retries being off; the rows arrive once."""
    cloud.inject(fault)
    client = destination(cloud)

    assert client.send(body(client, record(1))).attempts == 2
    assert len(cloud.rows("AWS_Access_Key_Report_CL")) == 1
    assert signed(cloud) == 1


def test_answer_that_was_lost_is_counted(cloud: LocalCloud) -> None:
    """A body that was stored before the connection broke is sent again, and may be there twice."""
    cloud.inject(Fault(FaultKind.DROP_AFTER, action="POST logs"))
    client = destination(cloud)

    assert client.send(body(client, record(1))) == Sent(attempts=2, perhaps_twice=True)
    assert len(cloud.rows("AWS_Access_Key_Report_CL")) == 2


FAILURES: dict[str, tuple[Fault, type[KeywatchError]]] = {
    "throttled": (Fault(FaultKind.THROTTLE, action="POST logs", count=None), ThrottledError),
    "failing": (Fault(FaultKind.STATUS, action="POST logs", status=500, count=None), ServiceUnavailableError),
    "unreachable": (Fault(FaultKind.DROP_BEFORE, action="POST logs", count=None), UnreachableError),
    "untrusted": (Fault(FaultKind.TLS_UNTRUSTED, host=".ingest.monitor.azure.com", count=None), TlsError),
    "bad request": (Fault(FaultKind.STATUS, action="POST logs", status=400, count=None), RequestRefusedError),
    "a page with 200": (
        Fault(FaultKind.STATUS, action="POST logs", status=200, body="<html>", content_type="text/html", count=None),
        ServiceUnavailableError,
    ),
    "a page with 404": (
        Fault(FaultKind.STATUS, action="POST logs", status=404, body="<html>", content_type="text/html", count=None),
        RequestRefusedError,
    ),
}


@pytest.mark.parametrize(("fault", "error"), FAILURES.values(), ids=FAILURES.keys())
def test_failure_that_lasts_is_its_own_error(cloud: LocalCloud, fault: Fault, error: type[KeywatchError]) -> None:
    """Each failure is told apart, and names the endpoint."""
    cloud.inject(fault)
    client = destination(cloud)

    with pytest.raises(error, match=r"ingest\.monitor\.azure\.com") as caught:
        client.send(body(client, record(1)))

    assert type(caught.value) is error
    assert cloud.rows("AWS_Access_Key_Report_CL") == []


def test_missing_role_is_named(cloud: LocalCloud) -> None:
    """Without its role on the rule, the application is told which one to be granted."""
    cloud.revoke("keywatch", "Monitoring Metrics Publisher", "/dcr")

    with pytest.raises(AuthorizationRefusedError, match="Monitoring Metrics Publisher"):
        destination(cloud).check()


def test_refused_token_is_replaced_once(cloud: LocalCloud) -> None:
    """A token that is refused, as one is that was withdrawn, is given up for a new one, whose signature is the same."""
    cloud.inject(Fault(FaultKind.STATUS, action="POST logs", status=401))
    client = destination(cloud)

    sent = client.send(body(client, record(1)))

    assert sent == Sent(attempts=2, perhaps_twice=False)
    assert (len(cloud.requests(action="token", status="200")), signed(cloud)) == (2, 1)
    assert len(cloud.rows("AWS_Access_Key_Report_CL")) == 1


@pytest.mark.parametrize("wrong", [{"rule_id": f"dcr-{'0' * 32}"}, {"stream": "Custom-Nothing"}])
def test_rule_or_stream_that_is_not_there_is_named(cloud: LocalCloud, wrong: dict[str, str]) -> None:
    """A wrong rule or stream is repeated, with where to find the right one."""
    with pytest.raises(DestinationNotFoundError) as caught:
        destination(cloud, **wrong).check()  # type: ignore[arg-type]

    assert next(iter(wrong.values())) in str(caught.value)


def test_certificate_that_is_not_registered_stays_the_error(cloud: LocalCloud) -> None:
    """What goes wrong with the credential reaches the caller as it is."""
    cloud.unregister("keywatch", cloud.certificate_versions(AUDIT)[0])

    with pytest.raises(CertificateNotRegisteredError):
        destination(cloud).check()


@pytest.mark.parametrize("url", ["https://logs.example.com", "http://x.ingest.monitor.azure.com"])
def test_endpoint_outside_the_cloud_gets_no_token(cloud: LocalCloud, url: str) -> None:
    """A foreign or unencrypted endpoint is refused before anything is signed."""
    with pytest.raises(HostNotAllowedError):
        destination(cloud, url=url)

    assert cloud.requests() == []


def test_check_stores_nothing(cloud: LocalCloud) -> None:
    """The check goes through with role, rule and stream in order, and leaves no row."""
    destination(cloud).check()

    assert cloud.rows("AWS_Access_Key_Report_CL") == []


@pytest.mark.parametrize("rule_id", [None, "", "dcr-1", "DCR-" + "0" * 32, "/subscriptions/x"])
def test_rule_id_that_is_none_says_where_to_find_it(rule_id: str | None) -> None:
    """A rule's name or resource id is not its immutable id."""
    with pytest.raises(ConfigurationError, match="immutableId"):
        check_rule_id(rule_id)


def test_packing_that_is_none_names_those_there_are() -> None:
    """A typing error on the connection is answered with the choices."""
    with pytest.raises(ConfigurationError, match="documented, wire"):
        packing("gzip")

    assert packing(None) is packing("") is Packing.DOCUMENTED


@pytest.mark.parametrize("registered", ["before", "after", "never"])
def test_rotation_during_a_long_delivery_fails_no_request(
    cloud: LocalCloud, registered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While chunk after chunk goes out, each with a new token, the vault rotates: every record arrives, once."""
    monkeypatch.setattr("keywatch.credentials.rotation.LISTED_FOR", 0.0)
    monkeypatch.setattr("keywatch.credentials.rotation.REFUSED_FOR", 0.2)
    cloud.set_token_lifetime(60)
    client = destination(cloud)
    sent, send = [0], client.send

    def rotating(body: bytes) -> Sent:
        sent[0] += 1
        if sent[0] == 5:
            new = cloud.create_certificate(AUDIT, enabled=registered != "before")
            if registered == "before":
                cloud.register("keywatch", new)
                cloud.set_enabled(AUDIT, new.version, True)
        if sent[0] == 15 and registered == "after":
            cloud.register("keywatch", cloud.certificate_versions(AUDIT)[-1])
        return send(body)

    monkeypatch.setattr(client, "send", rotating)
    with line_writer(tmp_path / "records.ndjson") as lines:
        for number in range(250):
            lines.write(encode(record(number)))
    book, rejected = ReceiptBook(tmp_path / "receipts"), list[Rejected]()

    done = deliver(tmp_path / "records.ndjson", book, client, reject=rejected.append, limit=4_000, in_flight=2)

    old, new = cloud.certificate_versions(AUDIT)
    by_version = Counter(each.detail for each in cloud.requests(action="keys/sign") if each.status == 200)
    stored = [row["RecordId_s"] for row in cloud.rows("AWS_Access_Key_Report_CL")]
    assert (done.accepted, done.perhaps_twice, rejected) == (250, 0, [])
    assert sorted(stored) == sorted(f"r{number}" for number in range(250))
    assert sent[0] > 20
    assert {record.status for record in cloud.requests(action="POST logs")} == {204}
    assert set(by_version) == {f"{AUDIT}/{old.version}", f"{AUDIT}/{new.version}"}
    refused = {record.error for record in cloud.requests(action="token")}
    assert ("AADSTS700027" in refused) is (registered != "before")
