"""Raw rows into records: every field, every partition, every defect."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.access_keys.transform import transform_row
from keywatch.errors import MalformedRowError
from keywatch.staging import encode
from tests.expected import key_id, record_id

ACCOUNT = "123456789012"
ARN = f"arn:aws:iam::{ACCOUNT}:user/engineering/platform/alice"
RUN = "manual__2024-03-01"

RAW: dict[str, Any] = {
    "account_name": "prod",
    "user_name": "alice",
    "user_arn": ARN,
    "access_key_id": "AKIA...MPLE",
    "slot": 1,
    "status": "Active",
    "create_date": "2024-01-01T00:00:00Z",
    "last_used_date": "2024-02-28T23:59:59Z",
    "last_used_region": "eu-west-1",
    "last_used_service": "s3",
    "last_used_source": "exact",
    "snapshot_time": "2024-03-01T12:00:00Z",
}

KEY_ID = key_id(ACCOUNT, ARN, "AKIA...MPLE", "2024-01-01T00:00:00Z")

RECORD = {
    "loggedDate": "2024-03-01",
    "user": "alice",
    "account_number": ACCOUNT,
    "AccessKeyId": "AKIA...MPLE",
    "CreateDate": "2024-01-01T00:00:00Z",
    "LastUsedDate": "2024-02-28T23:59:59Z",
    "Region": "eu-west-1",
    "ServiceName": "s3",
    "Status": "Active",
    "SnapshotTime": "2024-03-01T12:00:00Z",
    "AccountName": "prod",
    "UserArn": ARN,
    "KeyAgeDays": 60,
    "IdleDays": 1,
    "LastUsedSource": "exact",
    "KeyId": KEY_ID,
    "RecordId": record_id(KEY_ID, "2024-03-01"),
    "RunId": RUN,
}


def transformed(**changes: object) -> dict[str, Any]:
    """Transform the example with some fields changed."""
    return dict(transform_row(RAW | changes, RUN))


def test_transform_of_a_used_key_has_every_field() -> None:
    """A key with a history becomes a record with every field, and no other."""
    assert transformed() == RECORD


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"snapshot_time": "2024-03-02T00:30:00+01:00"}, {"loggedDate": "2024-03-01", "KeyAgeDays": 60}),
        ({"user_name": "Zoë.Größe"}, {"user": "Zoë.Größe"}),
        ({"user_name": "None"}, {"user": "None"}),
        ({"access_key_id": "ASIA...1234"}, {"AccessKeyId": "ASIA...1234"}),
        ({"create_date": "2024-03-01T02:00:00+02:00"}, {"CreateDate": "2024-03-01T00:00:00Z", "KeyAgeDays": 0}),
        ({"create_date": "2024-03-01T12:00:01Z"}, {"KeyAgeDays": 0}),
        ({"create_date": "2024-02-29T12:00:00Z"}, {"KeyAgeDays": 1}),
        ({"create_date": "2024-02-29T12:00:01Z"}, {"KeyAgeDays": 0}),
        ({"last_used_date": "2024-03-01T12:15:00Z"}, {"IdleDays": 0}),
        ({"last_used_date": None}, {"LastUsedDate": None, "IdleDays": None}),
        ({"last_used_region": None}, {"Region": None}),
        ({"last_used_region": "N/A"}, {"Region": None, "ServiceName": "s3"}),
        ({"last_used_service": "N/A"}, {"ServiceName": None, "Region": "eu-west-1"}),
        ({"last_used_service": ""}, {"ServiceName": None}),
        ({"status": "Inactive"}, {"Status": "Inactive"}),
        ({"status": "Expired"}, {"Status": "Expired"}),
        ({"status": "Quarantined"}, {"Status": "Quarantined"}),
        ({"status": None}, {"Status": None}),
        ({"account_name": None}, {"AccountName": None}),
        ({"last_used_source": "report"}, {"LastUsedSource": "report"}),
    ],
    ids=str,
)
def test_transform_of_a_field(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    """A field becomes what the design's table says; None here means that the record does not have it."""
    record = transformed(**changes)

    assert {name: record.get(name) for name in expected} == expected
    assert None not in record.values()


@pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn", "aws-iso", "aws-iso-b"])
@pytest.mark.parametrize("resource", ["user/alice", "user/x.y/@sales=emea,apac/alice", "root"])
def test_transform_in_every_partition(partition: str, resource: str) -> None:
    """The account number comes from an ARN of any partition, and the partition is part of the key's name."""
    arn = f"arn:{partition}:iam::000000000042:{resource}"

    record = transformed(user_arn=arn)

    assert record["account_number"] == "000000000042"
    assert record["KeyId"] == key_id("000000000042", arn, "AKIA...MPLE", "2024-01-01T00:00:00Z")


def test_transform_of_a_root_key() -> None:
    """A root key, of which AWS shows nothing but that it is there, has neither id nor dates, and a name of its own."""
    arn = f"arn:aws:iam::{ACCOUNT}:root"
    unknown = dict.fromkeys(("account_name", "access_key_id", "status", "create_date", "last_used_date"))
    unknown |= dict.fromkeys(("last_used_region", "last_used_service"))
    first, second = (
        transformed(**unknown, user_name="<root_account>", user_arn=arn, slot=1),
        transformed(**unknown, user_name="<root_account>", user_arn=arn, slot=2),
    )
    name = key_id(ACCOUNT, arn, "slot 1", "")

    assert first == {
        "loggedDate": "2024-03-01",
        "user": "<root_account>",
        "account_number": ACCOUNT,
        "SnapshotTime": "2024-03-01T12:00:00Z",
        "UserArn": arn,
        "LastUsedSource": "exact",
        "KeyId": name,
        "RecordId": record_id(name, "2024-03-01"),
        "RunId": RUN,
    }
    assert first["KeyId"] != second["KeyId"]


def test_transform_names_the_same_key_alike_on_another_day() -> None:
    """A key keeps its KeyId when its slot, status or use changes; a day, and only a day, changes its RecordId."""
    today = transformed()
    later = transformed(snapshot_time="2024-03-01T23:59:59Z", slot=2, status="Inactive", last_used_date=None)
    tomorrow = transformed(snapshot_time="2024-03-02T00:00:00Z")

    assert {KEY_ID} == {row["KeyId"] for row in (today, later, tomorrow)}
    assert today["RecordId"] == later["RecordId"] != tomorrow["RecordId"]


@pytest.mark.parametrize(
    "changes",
    [
        {"user_arn": ARN.replace("alice", "bob")},
        {"user_arn": ARN.replace(ACCOUNT, "210987654321")},
        {"user_arn": ARN.replace("arn:aws:", "arn:aws-cn:")},
        {"access_key_id": "AKIA...MPLF"},
        {"create_date": "2024-01-01T00:00:01Z"},
    ],
    ids=str,
)
def test_transform_names_another_key_differently(changes: dict[str, Any]) -> None:
    """Partition, account, user, id and creation date all count for a KeyId."""
    assert transformed(**changes)["KeyId"] != KEY_ID


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"user_name": None}, "user_name missing"),
        ({"user_arn": None}, "user_arn missing"),
        ({"snapshot_time": None, "last_used_source": 1}, "last_used_source, snapshot_time missing"),
        ({"user_arn": "alice"}, "user_arn is not the ARN"),
        ({"user_arn": "arn:aws:iam::12345:user/alice"}, "user_arn is not the ARN"),
        ({"user_arn": "arn:aws:iam::123456789012:role/alice"}, "user_arn is not the ARN"),
        ({"user_arn": "arn:aws:iam::123456789012:user/"}, "user_arn is not the ARN"),
        ({"user_arn": "arn:aws:sts::123456789012:user/alice"}, "user_arn is not the ARN"),
        ({"user_arn": "xarn:aws:iam::123456789012:root"}, "user_arn is not the ARN"),
        ({"create_date": "yesterday"}, "create_date 'yesterday' is not an ISO 8601 time"),
        ({"create_date": ""}, "create_date '' is not an ISO 8601 time"),
        ({"create_date": 1704067200}, "create_date 1704067200 is not an ISO 8601 time"),
        ({"create_date": "2024-02-30T00:00:00Z"}, "is not an ISO 8601 time"),
        ({"last_used_date": "N/A"}, "last_used_date 'N/A' is not an ISO 8601 time"),
        ({"last_used_date": "2024-01-01T00:00:00"}, "last_used_date '2024-01-01T00:00:00' has no time zone"),
        ({"snapshot_time": "2024-01-01"}, "snapshot_time '2024-01-01' has no time zone"),
        ({"access_key_id": 5}, "access_key_id is not text"),
        ({"status": ["Active"]}, "status is not text"),
    ],
    ids=str,
)
def test_transform_of_a_malformed_row_names_row_and_reason(changes: dict[str, Any], what: str) -> None:
    """A row that cannot become a record says which key of whom it is, and what is wrong with it."""
    with pytest.raises(MalformedRowError) as caught:
        transformed(**changes)

    named = changes.get("user_arn", ARN) or "alice"
    assert f"user '{named}'" in str(caught.value)
    assert "key 'AKIA...MPLE'" in str(caught.value) or "access_key_id" in changes
    assert what in str(caught.value)


def test_transform_of_an_empty_row_is_malformed() -> None:
    """Nothing at all is malformed too."""
    with pytest.raises(MalformedRowError, match="user_name, user_arn, last_used_source, snapshot_time missing"):
        transform_row({}, RUN)


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
TIMES = MOMENTS.map(datetime.isoformat)
PARTITIONS = st.sampled_from(["aws", "aws-us-gov", "aws-cn", "aws-iso", "aws-iso-b"])
NAMES = st.text(st.characters(exclude_categories=()), min_size=1, max_size=64)
ARNS = st.builds("arn:{}:iam::{}:user/{}".format, PARTITIONS, st.from_regex(r"[0-9]{12}", fullmatch=True), NAMES)
ROWS = st.fixed_dictionaries(
    {
        "account_name": st.none() | st.text(),
        "user_name": NAMES,
        "user_arn": ARNS,
        "access_key_id": st.none() | st.from_regex(r"A[KS]IA\.\.\.[A-Z2-7]{4}", fullmatch=True),
        "slot": st.integers(1, 3),
        "status": st.none() | st.sampled_from(["Active", "Inactive", "Expired"]),
        "create_date": st.none() | TIMES,
        "last_used_date": st.none() | TIMES,
        "last_used_region": st.none() | st.sampled_from(["eu-west-1", "N/A", ""]),
        "last_used_service": st.none() | st.sampled_from(["s3", "N/A", ""]),
        "last_used_source": st.sampled_from(["exact", "report"]),
        "snapshot_time": TIMES,
    }
)


@given(ROWS)
def test_transform_properties(raw: dict[str, Any]) -> None:
    """Any row gives a record that JSON can hold, without empty values or negative ages, and stays as it was."""
    before = copy.deepcopy(raw)

    record: dict[str, Any] = dict(transform_row(raw, RUN))

    assert json.loads(encode(record)) == record
    assert not {None, "N/A"} & {value for name, value in record.items() if name not in ("user", "AccountName")}
    assert record.get("KeyAgeDays", 0) >= 0
    assert record.get("IdleDays", 0) >= 0
    assert raw == before
    assert transform_row(raw, RUN) == record


@given(ROWS, st.timedeltas(timedelta(0), timedelta(days=10_000)))
def test_transform_ids_over_the_days(raw: dict[str, Any], later: timedelta) -> None:
    """However much later, a key has the same KeyId, and the same RecordId only on the same date."""
    moment = datetime.fromisoformat(raw["snapshot_time"])
    first = transform_row(raw, RUN)
    second = transform_row(raw | {"snapshot_time": (moment + later).isoformat()}, "another run")

    assert first["KeyId"] == second["KeyId"]
    assert (first["RecordId"] == second["RecordId"]) == (moment.date() == (moment + later).date())


ANY_TEXT = st.text(st.characters(exclude_categories=()))
"""Lone surrogates included, which JSON can escape and UTF-8 cannot hold."""
JSON_VALUES = st.none() | st.booleans() | st.integers() | ANY_TEXT | st.lists(st.text(), max_size=1)


@given(ROWS, st.sampled_from(sorted(RAW)), JSON_VALUES)
def test_transform_of_a_damaged_row_is_a_record_or_malformed(raw: dict[str, Any], name: str, value: object) -> None:
    """Whatever one field holds, the row becomes a record that JSON can hold or is malformed; nothing else is raised."""
    try:
        record = transform_row(raw | {name: value}, RUN)
    except MalformedRowError:
        return
    assert json.loads(encode(record))
