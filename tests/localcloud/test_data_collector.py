"""The Log Analytics workspace as the local cloud plays it: what it accepts, refuses and stores."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import requests

from localcloud import Fault, FaultKind, LocalCloud, LocalCloudError
from localcloud.model import utc_moment, utc_text
from tests.localcloud.conftest import Collector, ErrorOf, classic_tables

NAMES_WITH_A_SUFFIX = [
    ("text", "text", "name_s"),
    ("", "", "name_s"),
    ("Zoë 李雷", "Zoë 李雷", "name_s"),
    (5, 5.0, "name_d"),
    (-2.5, -2.5, "name_d"),
    (True, True, "name_b"),
    ("5", "5", "name_s"),
    ("true", "true", "name_s"),
    ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z", "name_t"),
    ("2024-01-02T03:04:05.625Z", "2024-01-02T03:04:05.625Z", "name_t"),
    ("2024-01-02", "2024-01-02", "name_s"),
    ("2024-13-02T03:04:05Z", "2024-13-02T03:04:05Z", "name_s"),
    ("8145d822-13a7-44ad-859c-36f31a84f6dd", "8145d822-13a7-44ad-859c-36f31a84f6dd", "name_g"),
    ("8145D82213A744AD859C36F31A84F6DD", "8145D822-13A7-44AD-859C-36F31A84F6DD", "name_g"),
    ("8145d82213a7-44ad-859c-36f31a84f6dd", "8145d82213a7-44ad-859c-36f31a84f6dd", "name_s"),
]


def moment(**ago: float) -> str:
    """Write the time so long ago as the service wants it."""
    return (datetime.now(UTC) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_signed_records_are_stored(cloud: LocalCloud, collector: Collector) -> None:
    """What is signed over its bytes is accepted with an empty 200, and stored under the log type with _CL."""
    response = collector.send([{"user": "Zoë"}, {"user": "李雷", "age": 3}], log_type="Keys_1")

    assert (response.status_code, response.content) == (200, b"")
    assert {"Keys_1_CL"} == set(classic_tables(cloud))
    assert [(row["user_s"], row["age_d"]) for row in cloud.rows("Keys_1_CL")] == [("Zoë", None), ("李雷", 3.0)]
    assert cloud.rows("Other_CL") == []


@pytest.mark.parametrize(("sent", "stored", "column"), NAMES_WITH_A_SUFFIX)
def test_column_is_named_for_the_values_type(
    cloud: LocalCloud, collector: Collector, sent: object, stored: object, column: str
) -> None:
    """A value's seeming type decides the suffix; GUIDs get their dashes."""
    collector.send([{"name": sent}])
    (row,) = cloud.rows("Test_CL")

    assert stored == row[column]
    assert {"TimeGenerated", "Type", "_ResourceId", column} == set(row)


def test_null_is_dropped(cloud: LocalCloud, collector: Collector) -> None:
    """A null makes no column."""
    collector.send([{"name": None, "other": "x"}])

    assert "other_s" in cloud.tables()["Test_CL"]
    assert not [column for column in cloud.tables()["Test_CL"] if column.startswith("name")]


def test_clash_of_types_makes_a_second_column(cloud: LocalCloud, collector: Collector) -> None:
    """A value that the existing column cannot take goes to a column with another suffix."""
    collector.send([{"user": "alice"}])
    collector.send([{"user": 5}, {"user": "8145d82213a744ad859c36f31a84f6dd"}, {"user": "2024-01-02T03:04:05Z"}])
    rows = cloud.rows("Test_CL")

    assert [row["user_s"] for row in rows] == ["alice", None, None, None]
    assert [row["user_d"] for row in rows] == [None, 5.0, None, None]
    assert rows[2]["user_g"] == "8145d822-13a7-44ad-859c-36f31a84f6dd"
    assert rows[3]["user_t"] == "2024-01-02T03:04:05Z"


def test_text_is_converted_to_the_existing_type(cloud: LocalCloud, collector: Collector) -> None:
    """A string that an existing number or boolean column can take is converted; one that it cannot is not."""
    collector.send([{"age": 1, "known": True}])
    collector.send([{"age": "2.5", "known": "false"}, {"age": "old", "known": "yes"}])
    rows = cloud.rows("Test_CL")

    assert [row["age_d"] for row in rows] == [1.0, 2.5, None]
    assert [row["known_b"] for row in rows] == [True, False, None]
    assert (rows[2]["age_s"], rows[2]["known_s"]) == ("old", "yes")


def test_names_differ_by_case(cloud: LocalCloud, collector: Collector) -> None:
    """Tables and columns whose names differ in case only are different ones."""
    collector.send([{"user": "a", "User": "b"}], log_type="keys")
    collector.send([{"user": "c"}], log_type="Keys")

    assert [(row["user_s"], row["User_s"]) for row in cloud.rows("keys_CL")] == [("a", "b")]
    assert len(cloud.rows("Keys_CL")) == 1


def test_long_value_is_cut(cloud: LocalCloud, collector: Collector) -> None:
    """Of a value over 32 KB the first 32 KB are kept, in whole characters."""
    collector.send([{"name": "x" + "ë" * 20_000}])
    (row,) = cloud.rows("Test_CL")

    assert len(row["name_s"].encode()) == 32 * 1024 - 1


def test_columns_beyond_500_are_gathered(cloud: LocalCloud, collector: Collector) -> None:
    """The values of the 501st column and those after it land in AdditionalFields."""
    collector.send([{f"c{number}": number for number in range(502)}])
    (row,) = cloud.rows("Test_CL")

    assert row["c499_d"] == 499.0
    assert row["AdditionalFields"] == {"c500_d": 500.0, "c501_d": 501.0}


@pytest.mark.parametrize("age", [{"hours": 47}, {"hours": -23}, {"seconds": 0}])
def test_own_time_is_taken(cloud: LocalCloud, collector: Collector, age: dict[str, float]) -> None:
    """A record's own time becomes TimeGenerated if it lies within two days back and one ahead."""
    own = moment(**age)
    collector.send([{"at": own}], extra={"time-generated-field": "at"})
    (row,) = cloud.rows("Test_CL")

    assert own == row["TimeGenerated"] == row["at_t"]


@pytest.mark.parametrize(
    "own",
    [moment(hours=49), moment(hours=-25), "2024-01-02", "", None, 5],
    ids=["old", "ahead", "day", "empty", "none", "number"],
)
def test_time_of_ingestion_is_taken_instead(cloud: LocalCloud, collector: Collector, own: object) -> None:
    """A time that is too old, too far ahead, or none at all gives way to the time of ingestion."""
    before = datetime.now(UTC)
    collector.send([{"at": own, "x": 1}], extra={"time-generated-field": "at"})
    (row,) = cloud.rows("Test_CL")

    assert before <= utc_moment(row["TimeGenerated"]) <= datetime.now(UTC)


def test_resource_is_kept(cloud: LocalCloud, collector: Collector) -> None:
    """x-ms-AzureResourceId fills _ResourceId."""
    collector.send([{"x": 1}], extra={"x-ms-AzureResourceId": "/subscriptions/1"})

    assert cloud.rows("Test_CL")[0]["_ResourceId"] == "/subscriptions/1"


def test_workspaces_are_apart(cloud: LocalCloud, collector: Collector) -> None:
    """What the second workspace was sent is not in the first."""
    collector.send([{"x": 1}], workspace=cloud.second_workspace)

    assert cloud.rows("Test_CL") == []
    assert len(cloud.rows("Test_CL", cloud.second_workspace)) == 1


def refused(response: requests.Response, error_of: ErrorOf, cloud: LocalCloud) -> tuple[int, str]:
    """Give status and code of a refusal, after which nothing may be stored."""
    assert classic_tables(cloud) == {}
    return error_of(response)


def test_signature_over_characters_is_refused(cloud: LocalCloud, collector: Collector, error_of: ErrorOf) -> None:
    """The length that is signed is that of the bytes, not of the characters."""
    text = json.dumps([{"user": "Zoë"}], ensure_ascii=False)
    response = collector.send(text.encode(), length=len(text))

    assert refused(response, error_of, cloud) == (403, "InvalidAuthorization")


@pytest.mark.parametrize("minutes", [-16, 16])
def test_date_too_far_off_is_refused(cloud: LocalCloud, collector: Collector, error_of: ErrorOf, minutes: int) -> None:
    """A date more than 15 minutes before or after the service's own is refused."""
    date = format_datetime(datetime.now(UTC) - timedelta(minutes=minutes), usegmt=True)

    assert refused(collector.send([{"x": 1}], date=date), error_of, cloud) == (403, "InvalidAuthorization")


@pytest.mark.parametrize("date", ["yesterday", "2024-01-02T03:04:05Z", "Tue, 02 Jan 2024 03:04:05 +0000"])
def test_date_of_another_form_is_refused(cloud: LocalCloud, collector: Collector, error_of: ErrorOf, date: str) -> None:
    """A date that is not RFC 1123 in GMT is refused."""
    assert refused(collector.send([{"x": 1}], date=date), error_of, cloud) == (403, "InvalidAuthorization")


@pytest.mark.parametrize("authorization", ["", "SharedKey", "Bearer x", "SharedKey {}:!!!", "SharedKey {}:AAAA"])
def test_other_authorization_is_refused(
    cloud: LocalCloud, collector: Collector, error_of: ErrorOf, authorization: str
) -> None:
    """Anything but a shared key signature that matches is refused."""
    extra = {"Authorization": authorization.format(cloud.workspace.id)}
    response = collector.send([{"x": 1}], extra=extra)

    assert refused(response, error_of, cloud) == (403, "InvalidAuthorization")


def test_id_of_another_workspace_is_refused(cloud: LocalCloud, collector: Collector, error_of: ErrorOf) -> None:
    """The id in the signature is the host's."""
    response = collector.send([{"x": 1}], named=cloud.second_workspace.id)

    assert refused(response, error_of, cloud) == (400, "InvalidCustomerId")


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (None, (400, "MissingContentType")),
        ("text/json", (400, "UnsupportedContentType")),
        ("application/json; charset=utf-8", (403, "InvalidAuthorization")),
    ],
)
def test_other_content_type_is_refused(
    cloud: LocalCloud,
    collector: Collector,
    error_of: ErrorOf,
    content_type: str | None,
    expected: tuple[int, str],
) -> None:
    """The content type is application/json and nothing more."""
    response = collector.send([{"x": 1}], content_type=content_type)

    assert expected == refused(response, error_of, cloud)


@pytest.mark.parametrize("log_type", ["a-b", "1a", "ä", "a b", "a" * 101, "_a"])
def test_bad_log_type_is_refused(cloud: LocalCloud, collector: Collector, error_of: ErrorOf, log_type: str) -> None:
    """A log type is a letter followed by letters, digits and underscores, 100 characters at most."""
    response = collector.send([{"x": 1}], log_type=None, extra={"Log-Type": log_type.encode().decode("latin-1")})

    assert refused(response, error_of, cloud) == (400, "InvalidLogType")


def test_longest_log_type_is_accepted(collector: Collector) -> None:
    """A log type may have 100 characters."""
    assert collector.send([{"x": 1}], log_type="a" * 100).status_code == 200


def test_missing_log_type_is_refused(cloud: LocalCloud, collector: Collector, error_of: ErrorOf) -> None:
    """A log type is required."""
    assert refused(collector.send([{"x": 1}], log_type=None), error_of, cloud) == (400, "MissingLogType")


@pytest.mark.parametrize(
    ("target", "error"),
    [("/api/logs", "MissingApiVersion"), ("/api/logs?api-version=2023-01-01", "InvalidApiVersion")],
)
def test_other_api_version_is_refused(
    cloud: LocalCloud, collector: Collector, error_of: ErrorOf, target: str, error: str
) -> None:
    """The API version is 2016-04-01."""
    assert (400, error) == refused(collector.send([{"x": 1}], target=target), error_of, cloud)


def test_other_path_is_not_found(collector: Collector) -> None:
    """There is nothing at other paths."""
    assert collector.send([{"x": 1}], target="/api/log?api-version=2016-04-01").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[{}",
        b'{"x": 1}',
        b"[1]",
        b"[]",
        b"[[]]",
        b'[{"x": NaN}]',
        b'[{"x": "\xff"}]',
        b'\xef\xbb\xbf[{"x": 1}]',
        b'[{"x": {"y": 1}}]',
        b'[{"x": []}]',
        b'[{"tenant": "x"}]',
        b'[{"TimeGenerated": "2024-01-02T03:04:05Z"}]',
        b'[{"RawData": "x"}]',
        b'[{"a-b": 1}]',
        b'[{"a b": 1}]',
        b'[{"": 1}]',
        b'[{"' + b"a" * 46 + b'": 1}]',
        b'[{"good": 1}, {"bad": []}]',
        b"[" * 100_000,
    ],
)
def test_body_that_is_not_flat_records_is_refused(
    cloud: LocalCloud, collector: Collector, error_of: ErrorOf, body: bytes
) -> None:
    """A body is a JSON array of flat objects with usable names; otherwise none of it is stored."""
    assert refused(collector.send(body), error_of, cloud) == (400, "InvalidDataFormat")


def padded(size: int) -> bytes:
    """Make a valid body of so many bytes."""
    body = json.dumps([{"x": 1}]).encode()
    return body + b" " * (size - len(body))


def test_largest_body_is_accepted(cloud: LocalCloud, collector: Collector) -> None:
    """A body may have 30,000,000 bytes."""
    assert collector.send(padded(30_000_000)).status_code == 200
    assert cloud.requests(status=200)[-1].body_bytes == 30_000_000


@pytest.mark.parametrize("size", [30_000_001, 40_000_000])
def test_larger_body_is_not_found(cloud: LocalCloud, collector: Collector, size: int) -> None:
    """A larger body gets a 404, as documented, and nothing is stored."""
    assert collector.send(padded(size)).status_code == 404
    assert classic_tables(cloud) == {}
    assert size == cloud.requests()[-1].body_bytes


def test_chunked_body_is_accepted(cloud: LocalCloud, collector: Collector) -> None:
    """A body may come in chunks of the transfer encoding."""
    body = b'[{"x": 1}]'
    prepared = collector.send(body).request
    assert isinstance(prepared.headers, requests.structures.CaseInsensitiveDict)
    headers = {k: v for k, v in prepared.headers.items() if k != "Content-Length"}
    response = collector.session.post(str(prepared.url), data=iter([body[:4], body[4:]]), headers=headers, timeout=60)

    assert response.status_code == 200
    assert len(cloud.rows("Test_CL")) == 2


@pytest.mark.parametrize(("wait", "header"), [(None, None), (7, "7")])
def test_throttling_may_say_how_long(
    cloud: LocalCloud, collector: Collector, wait: int | None, header: str | None
) -> None:
    """A throttle fault is a 429, with Retry-After if the fault has it, on the log type it names."""
    cloud.inject(Fault(FaultKind.THROTTLE, action="POST /api/logs", log_type="Test", retry_after=wait))

    assert collector.send([{"x": 1}], log_type="Other").status_code == 200
    response = collector.send([{"x": 1}])
    assert (429, header) == (response.status_code, response.headers.get("Retry-After"))
    assert collector.send([{"x": 1}]).status_code == 200


@pytest.mark.parametrize(
    ("status", "error"), [(500, "UnspecifiedError"), (503, "ServiceUnavailable"), (418, "InjectedFailure")]
)
def test_any_status_can_be_injected(
    cloud: LocalCloud, collector: Collector, error_of: ErrorOf, status: int, error: str
) -> None:
    """A status fault answers with its status and what the service says for it."""
    cloud.inject(Fault(FaultKind.STATUS, host=".opinsights.azure.com", status=status))

    assert (status, error) == refused(collector.send([{"x": 1}]), error_of, cloud)


def test_foreign_body_can_be_injected(cloud: LocalCloud, collector: Collector) -> None:
    """A status fault may answer with any body, such as a proxy's login page."""
    page = "<html>Sign in</html>"
    cloud.inject(Fault(FaultKind.STATUS, status=200, body=page, content_type="text/html"))
    response = collector.send([{"x": 1}])

    assert (200, page, "text/html") == (response.status_code, response.text, response.headers["Content-Type"])
    assert classic_tables(cloud) == {}


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_a_body_can_be_injected(cloud: LocalCloud, collector: Collector, status: int) -> None:
    """A status that has no body is answered without one, and the connection lives on."""
    cloud.inject(Fault(FaultKind.STATUS, status=status, body="x"))

    assert (status, b"") == ((response := collector.send([{"x": 1}])).status_code, response.content)
    assert collector.send([{"x": 1}]).status_code == 200


def test_head_is_answered_without_a_body(cloud: LocalCloud, collector: Collector) -> None:
    """A HEAD request gets headers alone."""
    response = collector.session.head(f"https://{cloud.workspace.host}/api/logs", timeout=10)

    assert (response.status_code, response.content) == (404, b"")


def test_dropped_before_nothing_is_stored(cloud: LocalCloud, collector: Collector) -> None:
    """drop_before closes the connection and stores nothing."""
    cloud.inject(Fault(FaultKind.DROP_BEFORE))
    with pytest.raises(requests.ConnectionError):
        collector.send([{"x": 1}])

    assert classic_tables(cloud) == {}
    assert [(each.status, each.fault) for each in cloud.requests()] == [(None, "drop_before")]


def test_dropped_after_the_rows_are_stored(cloud: LocalCloud, collector: Collector) -> None:
    """drop_after closes the connection without an answer, and the rows are there."""
    cloud.inject(Fault(FaultKind.DROP_AFTER))
    with pytest.raises(requests.ConnectionError):
        collector.send([{"x": 1}])

    assert len(cloud.rows("Test_CL")) == 1
    assert [(each.status, each.fault) for each in cloud.requests()] == [(None, "drop_after")]


def test_answer_can_be_late(cloud: LocalCloud, collector: Collector) -> None:
    """A delay fault holds the answer back, and the next fault still applies."""
    cloud.inject(Fault(FaultKind.DELAY, seconds=0.3))
    cloud.inject(Fault(FaultKind.THROTTLE))
    response = collector.send([{"x": 1}])

    assert response.status_code == 429
    assert response.elapsed.total_seconds() >= 0.3
    assert cloud.requests()[0].fault == "delay+throttle"


def test_fault_can_let_requests_pass_first(cloud: LocalCloud, collector: Collector) -> None:
    """A fault with `after` lets so many matching requests through before it hits."""
    cloud.inject(Fault(FaultKind.THROTTLE, after=2, count=1))

    assert [collector.send([{"x": 1}]).status_code for _ in range(4)] == [200, 200, 429, 200]
    assert [hits for _, hits in cloud.fault_hits()] == [1]


def test_faults_can_be_cleared(cloud: LocalCloud, collector: Collector) -> None:
    """Without its faults the cloud answers again."""
    cloud.inject(Fault(FaultKind.THROTTLE, count=None))
    assert collector.send([{"x": 1}]).status_code == 429
    cloud.clear_faults()

    assert collector.send([{"x": 1}]).status_code == 200


def test_log_tells_what_was_sent(cloud: LocalCloud, collector: Collector) -> None:
    """The request log has the digest of the body and the record ids in it, of refused requests too."""
    cloud.inject(Fault(FaultKind.THROTTLE))
    records: list[dict[str, Any]] = [{"RecordId": "r1"}, {"RecordId": "r2"}, {"x": 1}]
    body = json.dumps(records).encode()
    collector.send(body)
    collector.send(body)
    first, second = cloud.requests(action="POST /api/logs")

    assert (first.status, second.status) == (429, 200)
    for each in (first, second):
        assert (each.records, each.record_ids) == (3, ("r1", "r2"))
        assert (len(body), hashlib.sha256(body).hexdigest()) == (each.body_bytes, each.body_sha256)
        assert (cloud.workspace.id, "Test") == (each.account, each.log_type)


def test_key_is_sixty_four_bytes(cloud: LocalCloud) -> None:
    """A workspace's key is 64 random bytes in base64, different for each."""
    keys = [base64.b64decode(each.shared_key) for each in (cloud.workspace, cloud.second_workspace)]

    assert [len(key) for key in keys] == [64, 64]
    assert keys[0] != keys[1]


QUERIES = [
    ('T_CL | where name_s == "b" | project name_s, n_d', [{"name_s": "b", "n_d": 2.0}]),
    ("T_CL | where n_d >= 2 and name_s != 'b' | project name_s", [{"name_s": "c"}]),
    ('T_CL | where name_s in ("a", "c") | count', [{"Count": 2}]),
    ("T_CL | where on_b == true | project who = name_s", [{"who": "c"}]),
    ("T_CL | where isnull(n_d) | project name_s", [{"name_s": "d"}]),
    ("T_CL | where isnotempty(name_s) | count", [{"Count": 4}]),
    ("T_CL | where at_t < datetime(2024-02-01) | project name_s", [{"name_s": "a"}]),
    ("T_CL | where at_t < ago(1d) | count", [{"Count": 3}]),
    ('T_CL | where name_s startswith "A" | count', [{"Count": 1}]),
    ("T_CL | sort by n_d desc | take 2 | project name_s", [{"name_s": "c"}, {"name_s": "b"}]),
    ("T_CL | order by name_s desc | limit 1 | project name_s", [{"name_s": "d"}]),
    ("T_CL | summarize count() by kind_s | sort by kind_s asc", [
        {"kind_s": "x", "count_": 3},
        {"kind_s": "y", "count_": 1},
    ]),
    ("T_CL | summarize n = count(), last = max(at_t), k = dcount(kind_s)", [
        {"n": 4, "last": "2024-03-01T00:00:00Z", "k": 2},
    ]),
    ("T_CL | summarize arg_max(n_d, *) by kind_s | where kind_s == 'x' | project name_s", [{"name_s": "b"}]),
    ("T_CL | distinct kind_s | count", [{"Count": 2}]),
    ("T_CL | where n_d > 99 | count", [{"Count": 0}]),
]  # fmt: skip

BAD_QUERIES = [
    ("Other_CL | count", "There is no table Other_CL; tables: "),
    ("T_CL | where nothing_s == 'x'", "There is no column nothing_s"),
    ("T_CL | project name_s | project n_d", "There is no column n_d; there are name_s"),
    ("T_CL | parse x", "Operator parse is not played here"),
    ("T_CL | where name_s has_cs 'x'", "Comparison 'has_cs' is not played here"),
    ("T_CL | where n_d == 'x'", "n_d is real, which does not compare with 'x'"),
    ("T_CL | summarize stdev(n_d)", "Aggregate stdev is not played here"),
    ("T_CL | take", "Expected a number of rows"),
    ("T_CL count", "Expected |, found 'count'"),
    ("T_CL | where name_s == #", "Cannot read the query from '#' on"),
    ("", "Expected a table, found 'the end of the query'"),
]


@pytest.fixture
def asked(cloud: LocalCloud, collector: Collector) -> LocalCloud:
    """Give a cloud whose table T_CL holds four rows."""
    collector.send(
        [
            {"name": "a", "n": 1, "kind": "x", "at": "2024-01-01T00:00:00Z", "on": False},
            {"name": "b", "n": 2, "kind": "x", "at": "2024-02-01T00:00:00Z"},
            {"name": "c", "n": 3, "kind": "y", "at": "2024-03-01T00:00:00Z", "on": True},
            {"name": "d", "kind": "x"},
        ],
        log_type="T",
    )
    return cloud


@pytest.mark.parametrize(("kql", "expected"), QUERIES)
def test_query_is_answered(asked: LocalCloud, kql: str, expected: list[dict[str, Any]]) -> None:
    """The part of KQL that is played answers as Kusto does."""
    assert expected == asked.query(kql)


@pytest.mark.parametrize(("kql", "message"), BAD_QUERIES)
def test_query_beyond_that_is_refused(asked: LocalCloud, kql: str, message: str) -> None:
    """Anything else is refused with a message that says what there is."""
    with pytest.raises(LocalCloudError) as caught:
        asked.query(kql)

    assert message in str(caught.value)


def test_moments_are_written_with_z() -> None:
    """A moment in UTC is written with Z."""
    assert utc_text(datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2024-01-02T03:04:05Z"
