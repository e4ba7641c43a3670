"""The Logs Ingestion API as the local cloud plays it: what it accepts, refuses and stores."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from hypothesis import given
from hypothesis import strategies as st

from localcloud import Fault, FaultKind, LocalCloud
from localcloud.declared_columns import KUSTO_TYPES, convert
from localcloud.model import utc_moment
from tests.localcloud.rule import (
    LOG_FIELDS,
    MIB,
    MONITOR,
    ROLE,
    Sender,
)


def moment(**ahead: float) -> str:
    """Write the time so far ahead, to the second."""
    return (datetime.now(UTC) + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_official_client_stores_typed_rows(cloud: LocalCloud, sender: Sender) -> None:
    """What azure-monitor-ingestion uploads, in as many requests as it likes, is stored once, by column."""
    records = [{"RecordId_s": f"r{n}", "s": "x" * 600, "i": n, "TimeGenerated": moment()} for n in range(4000)]
    with sender.client() as client:
        client.upload(cloud.logs_ingestion.rule_id, "Custom-Test", records)  # type: ignore[arg-type]

    rows = cloud.rows("Test_CL")
    assert [(row["RecordId_s"], row["i"]) for row in rows] == [(f"r{n}", n) for n in range(4000)]
    log = cloud.requests(action="POST logs")
    assert len(log) > 1
    assert [name for each in log for name in each.record_ids] == [f"r{n}" for n in range(4000)]
    assert all(each.body_bytes < (each.raw_bytes or 0) < 1.3 * MIB for each in log)
    assert {(each.status, each.account, each.log_type) for each in log} == {(204, "airflow-worker", "Test")}


def test_audience_may_end_with_a_slash(cloud: LocalCloud, sender: Sender) -> None:
    """A token for the scope with two slashes, as a sample of Microsoft's writes it, is taken."""
    with sender.client(credential_scopes=[f"{MONITOR}//.default"]) as client:
        client.upload(cloud.logs_ingestion.rule_id, "Custom-Test", [{"s": "x"}])

    assert len(cloud.rows("Test_CL")) == 1


def test_official_client_shows_the_error_code(cloud: LocalCloud, sender: Sender) -> None:
    """A refusal carries its code where the official client looks for it."""
    with sender.client() as client, pytest.raises(HttpResponseError, match="InvalidStream") as caught:
        client.upload(cloud.logs_ingestion.rule_id, "Custom-Other", [{"s": "x"}])

    assert caught.value.status_code == 404
    assert caught.value.error is not None
    assert caught.value.error.code == "InvalidStream"


def test_accepted_is_answered_without_a_body(cloud: LocalCloud, sender: Sender) -> None:
    """Success is an empty 204, of a body as it is or in gzip, and the log tells both sizes."""
    body = json.dumps([{"RecordId_s": "r1"}, {"RecordId_s": "r2", "s": "ë" * 99}]).encode()
    packed = gzip.compress(body)
    for response in (sender.send(body), sender.send(packed, Content_Encoding="gzip")):
        assert (response.status_code, response.content) == (204, b"")

    assert len(cloud.rows("Test_CL")) == 4
    plain, zipped = cloud.requests(action="POST logs")
    common = ("airflow-worker", "Test", 2, ("r1", "r2"))
    assert tuple(getattr(plain, name) for name in LOG_FIELDS) == (*common, len(body), len(body))
    assert tuple(getattr(zipped, name) for name in LOG_FIELDS) == (*common, len(packed), len(body))


STORED = [
    ("s", "Zoë 🔑", "Zoë 🔑"),
    ("s", "8145D82213A744AD859C36F31A84F6DD", "8145D82213A744AD859C36F31A84F6DD"),
    ("s", 5, "5"),
    ("s", {"x": [True]}, '{"x": [true]}'),
    ("i", 2**31 - 1, 2**31 - 1),
    ("i", 2**31, None),
    ("i", 1.5, None),
    ("i", True, None),
    ("l", 2**31, 2**31),
    ("l", "-12", -12),
    ("l", 2**63, None),
    ("r", 3, 3.0),
    ("r", "2.5e3", 2500.0),
    ("r", "old", None),
    ("b", False, False),
    ("b", "TRUE", True),
    ("b", "yes", None),
    ("t", "2020-01-02T03:04:05Z", "2020-01-02T03:04:05Z"),
    ("t", "2020-01-02T03:04:05+02:00", "2020-01-02T01:04:05Z"),
    ("t", "2020-01-02", "2020-01-02T00:00:00Z"),
    ("t", "2020-01-02 03:04:05.5", "2020-01-02T03:04:05.500000Z"),
    ("t", "2020-13-02T03:04:05Z", None),
    ("t", "0001-01-01T00:00:00+01:00", None),
    ("t", 1577934245, None),
    ("g", "8145d82213a744ad859c36f31a84f6dd", "8145d82213a744ad859c36f31a84f6dd"),
    ("d", {"x": [1, None]}, {"x": [1, None]}),
    ("d", "x", "x"),
    ("s", None, None),
]


@pytest.mark.parametrize(("column", "sent", "stored"), STORED)
def test_value_is_stored_as_its_column_declares(
    cloud: LocalCloud, sender: Sender, column: str, sent: object, stored: object
) -> None:
    """A value takes its column's type; one that does not fit is dropped, and nobody is told."""
    assert sender.send([{column: sent, "RecordId_s": "r"}]).status_code == 204
    (row,) = cloud.rows("Test_CL")

    assert (row[column], row["RecordId_s"]) == (stored, "r")


def test_what_is_not_declared_is_dropped(cloud: LocalCloud, sender: Sender) -> None:
    """A property that the stream does not declare leaves no trace; names differ by case."""
    sender.send([{"s": "x", "S": "y", "more": 1, "_ResourceId": "z", "Type": "t"}])
    (row,) = cloud.rows("Test_CL")

    assert (row["s"], row["_ResourceId"], row["Type"]) == ("x", None, "Test_CL")
    assert {"S", "more"}.isdisjoint(row)
    assert set(cloud.tables()["Test_CL"]) == set(row)


def test_declared_tables_have_their_types(cloud: LocalCloud, sender: Sender) -> None:
    """Tables show the types of Kusto, and are there before any row is."""
    del sender
    columns = cloud.tables()["Test_CL"]

    assert (columns["i"], columns["b"], columns["t"], columns["g"]) == ("int", "bool", "datetime", "guid")
    assert cloud.query("Test_CL | where i > 1 and t > ago(1d) | count") == [{"Count": 0}]


def test_long_text_is_cut(cloud: LocalCloud, sender: Sender) -> None:
    """Of a text over 64 KB the first 64 KB are kept, in whole characters."""
    sender.send([{"s": "x" + "ë" * 40_000}])
    (row,) = cloud.rows("Test_CL")

    assert len(row["s"].encode()) == 64 * 1024 - 1


@pytest.mark.parametrize("ahead", [{"hours": -47}, {"hours": 23}])
def test_own_time_is_kept(cloud: LocalCloud, sender: Sender, ahead: dict[str, float]) -> None:
    """TimeGenerated stays as sent within two days back and one ahead."""
    own = moment(**ahead)
    sender.send([{"TimeGenerated": own}])

    assert [row["TimeGenerated"] for row in cloud.rows("Test_CL")] == [own]


@pytest.mark.parametrize(
    "own", [moment(hours=-49), moment(hours=25), "soon", None, 5], ids=["old", "ahead", "word", "none", "number"]
)
def test_time_of_arrival_takes_its_place(cloud: LocalCloud, sender: Sender, own: object) -> None:
    """A TimeGenerated that is too old, too far ahead or no time gives way to the time of arrival."""
    before = datetime.now(UTC)
    sender.send([{"TimeGenerated": own}, {"s": "no time at all"}])

    for row in cloud.rows("Test_CL"):
        assert before <= utc_moment(row["TimeGenerated"]) <= datetime.now(UTC)


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        b'{"s": "x"}',
        b"[1]",
        b"[[]]",
        b'[{"s": "x"}, null]',
        b'[{"s": "x"}',
        b'[{"r": NaN}]',
        b'[{"s": "\xff"}]',
        b'\xef\xbb\xbf[{"s": "x"}]',
        b"[" * 100_000,
    ],
)
def test_body_that_is_no_array_of_objects_is_refused(sender: Sender, body: bytes) -> None:
    """A body is a JSON array of objects in UTF-8; otherwise none of it is stored."""
    assert sender.refusal(sender.send(body)) == (400, "InvalidPayload")


def test_empty_array_is_accepted(cloud: LocalCloud, sender: Sender) -> None:
    """An array without records is accepted and stores none."""
    assert sender.send([]).status_code == 204
    assert cloud.rows("Test_CL") == []


def test_empty_body_is_an_error_of_the_service(sender: Sender) -> None:
    """An empty body gets a 500, as seen in Azure."""
    assert sender.refusal(sender.send(b""))[0] == 500


@pytest.mark.parametrize(
    "packed",
    [
        b'[{"s": "x"}]',
        gzip.compress(b'[{"s": "x"}]')[:-4],
        gzip.compress(b'[{"s": "x"}]') + b"more",
        gzip.compress(b"nonsense"),
    ],
    ids=["plain", "cut off", "with more behind", "nonsense"],
)
def test_body_that_is_no_whole_gzip_is_refused(sender: Sender, packed: bytes) -> None:
    """What is declared as gzip is one whole gzip member that holds an array of objects."""
    assert sender.refusal(sender.send(packed, Content_Encoding="gzip")) == (400, "InvalidPayload")


@pytest.mark.parametrize("encoding", ["deflate", "br", "gzip, gzip"])
def test_other_encoding_is_refused(sender: Sender, encoding: str) -> None:
    """The one encoding is gzip."""
    response = sender.send([{"s": "x"}], Content_Encoding=encoding)

    assert sender.refusal(response) == (415, "UnsupportedContentEncoding")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-ndjson"])
def test_other_content_type_is_refused(sender: Sender, content_type: str | None) -> None:
    """The content type is application/json."""
    assert sender.refusal(sender.send([{"s": "x"}], Content_Type=content_type)) == (415, "UnsupportedMediaType")


def padded(size: int) -> bytes:
    """Make a valid body of so many bytes."""
    body = b'[{"RecordId_s": "r1"}]'
    return body + b" " * (size - len(body))


def test_largest_body_is_accepted(cloud: LocalCloud, sender: Sender) -> None:
    """A body may have 1,048,576 bytes on the wire, which may be 50 MiB once unpacked."""
    assert sender.send(padded(MIB)).status_code == 204
    assert sender.send(gzip.compress(padded(50 * MIB), 1), Content_Encoding="gzip").status_code == 204

    assert len(cloud.rows("Test_CL")) == 2
    assert [each.raw_bytes for each in cloud.requests(action="POST logs")] == [MIB, 50 * MIB]


@pytest.mark.parametrize("size", [MIB + 1, 33 * MIB])
def test_body_too_long_for_the_wire_is_refused(cloud: LocalCloud, sender: Sender, size: int) -> None:
    """One byte more than 1 MiB on the wire is refused with the service's own words."""
    response = sender.send(padded(size))

    assert sender.refusal(response) == (413, "ContentLengthLimitExceeded")
    assert response.json()["error"]["message"] == (
        f"Maximum allowed content length: 1048576 bytes (1 MB). Provided content length: {size} bytes."
    )
    assert cloud.requests(action="POST logs")[-1].body_bytes == size


@pytest.mark.parametrize("size", [50 * MIB + 1, 150 * MIB])
def test_body_too_large_once_unpacked_is_refused(cloud: LocalCloud, sender: Sender, size: int) -> None:
    """More than 50 MiB of JSON are refused however well packed, and are not unpacked any further."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    packed = packer.compress(padded(MIB))
    packed += b"".join(packer.compress(b" " * MIB) for _ in range(size // MIB - 1))
    packed += packer.compress(b" " * (size % MIB)) + packer.flush()
    response = sender.send(packed, Content_Encoding="gzip")

    assert sender.refusal(response) == (413, "PayloadSizeLimitExceeded")
    assert cloud.requests(action="POST logs")[-1].raw_bytes == 50 * MIB + 1


@pytest.mark.parametrize("authorization", ["Bearer x", "Bearer a.b.c", "Basic eDp5", "SharedKey x:y"])
def test_request_without_a_token_is_refused(sender: Sender, authorization: str) -> None:
    """Anything but a token that Entra issued is refused."""
    response = sender.send([{"s": "x"}], authorization=authorization)

    assert sender.refusal(response) == (401, "AuthenticationFailed")


def test_missing_authorization_is_refused(sender: Sender) -> None:
    """A request without Authorization is refused."""
    assert sender.refusal(sender.send([{"s": "x"}], Authorization=None)) == (401, "AuthenticationFailed")


@pytest.mark.parametrize("resource", ["https://vault.azure.net", "https://management.azure.com"])
def test_token_for_another_audience_is_refused(sender: Sender, resource: str) -> None:
    """A token for another service is refused."""
    response = sender.send([{"s": "x"}], authorization=f"Bearer {sender.token(resource)}")

    assert sender.refusal(response) == (401, "AuthenticationFailed")


def test_expired_token_is_refused(cloud: LocalCloud, sender: Sender) -> None:
    """A token that has expired is refused."""
    cloud.set_token_lifetime(1)
    token = sender.token()
    time.sleep(2.1)

    assert sender.refusal(sender.send([{"s": "x"}], authorization=f"Bearer {token}")) == (401, "AuthenticationFailed")


def test_caller_without_the_role_is_refused(cloud: LocalCloud, sender: Sender) -> None:
    """The caller needs the role on the data collection rule, even for a stream that does not exist."""
    cloud.revoke("airflow-worker", ROLE, "/dcr")

    for stream in ("Custom-Test", "Custom-Other"):
        assert sender.refusal(sender.send([{"s": "x"}], stream=stream)) == (403, "OperationFailed")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"rule": "dcr-" + "0" * 32}, (404, "NotFound")),
        ({"stream": "Custom-Other"}, (404, "InvalidStream")),
        ({"stream": "custom-test"}, (404, "InvalidStream")),
        ({"stream": "Test"}, (404, "InvalidStream")),
        ({"stream": "Custom-Test/more"}, (404, "ResourceNotFound")),
        ({"method": "PUT"}, (404, "ResourceNotFound")),
        ({"query": {}}, (400, "InvalidApiVersion")),
        ({"query": {"api-version": "2021-11-01-preview"}}, (400, "InvalidApiVersion")),
    ],
)
def test_wrong_address_is_refused(
    cloud: LocalCloud, sender: Sender, request_: dict[str, Any], expected: tuple[int, str]
) -> None:
    """Another rule, stream, path, method or API version is refused."""
    response = sender.send([{"s": "x"}], **request_)

    assert (response.status_code, response.json()["error"]["code"]) == expected
    assert cloud.rows("Test_CL") == []


def test_endpoint_of_another_rule_does_not_resolve(cloud: LocalCloud, sender: Sender) -> None:
    """A name of the ingestion domain that no rule has leads nowhere."""
    other = "https://other-abcd.westeurope-1.ingest.monitor.azure.com/"
    with pytest.raises(requests.exceptions.ProxyError, match="502"):
        sender.session.post(other, timeout=10)

    assert cloud.requests(method="CONNECT")[-1].status == 502


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(FaultKind.THROTTLE, action="POST logs", retry_after=3), (429, "TooManyRequests", "3")),
        (Fault(FaultKind.THROTTLE), (429, "TooManyRequests", None)),
        (Fault(FaultKind.DENY, log_type="Test"), (403, "OperationFailed", None)),
        (Fault(FaultKind.STATUS, status=413), (413, "ContentLengthLimitExceeded", None)),
        (Fault(FaultKind.STATUS, status=503, retry_after=1), (503, "ServiceUnavailable", "1")),
        (Fault(FaultKind.STATUS, status=418), (418, "InjectedFailure", None)),
    ],
)
def test_fault_answers_as_the_service_would(
    sender: Sender, fault: Fault, expected: tuple[int, str, str | None]
) -> None:
    """An injected fault has the service's own codes, and its Retry-After; the next request goes through."""
    sender.token()
    sender.cloud.inject(fault)
    response = sender.send([{"s": "x"}])

    assert (*sender.refusal(response), response.headers.get("Retry-After")) == expected
    assert sender.send([{"s": "x"}]).status_code == 204


def test_fault_may_hit_large_requests_only(sender: Sender) -> None:
    """A fault with larger_than lets requests of that size on the wire, and smaller ones, pass."""
    sender.cloud.inject(Fault(FaultKind.STATUS, status=413, larger_than=1000, count=None))

    assert sender.send(padded(1000)).status_code == 204
    assert sender.send(padded(1001)).status_code == 413
    assert sender.send(gzip.compress(padded(5000)), Content_Encoding="gzip").status_code == 204


@pytest.mark.parametrize(("kind", "stored"), [(FaultKind.DROP_BEFORE, 0), (FaultKind.DROP_AFTER, 1)])
def test_dropped_connection_may_have_stored(sender: Sender, kind: FaultKind, stored: int) -> None:
    """A connection that closes without an answer has stored nothing, or everything."""
    sender.token()
    sender.cloud.inject(Fault(kind, action="POST logs"))
    with pytest.raises(requests.ConnectionError):
        sender.send([{"s": "x"}])

    assert len(sender.cloud.rows("Test_CL")) == stored


def test_foreign_body_can_be_injected(sender: Sender) -> None:
    """A status fault may answer with any body, such as a proxy's login page."""
    page = "<html>Sign in</html>"
    sender.cloud.inject(Fault(FaultKind.STATUS, status=200, body=page, content_type="text/html", action="POST logs"))

    assert sender.send([{"s": "x"}]).text == page
    assert sender.cloud.rows("Test_CL") == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(json_values, st.sampled_from(sorted(KUSTO_TYPES.values())))
def test_stored_value_can_be_sent_again(value: object, kind: str) -> None:
    """Whatever is sent, a column stores JSON of its type or null, and stores the same when it is sent that."""
    stored = convert(value, kind)

    assert convert(json.loads(json.dumps(stored)), kind) == stored
