"""The endpoints that benchmarks measure against answer as the services do; else what is measured would mean nothing."""

from __future__ import annotations

import csv
import io
import ssl
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.benchmarks.extract import ENDPOINT, iam_client
from tests.benchmarks.harness import Demand, Row
from tests.benchmarks.iam_endpoint import BURST, TokenBucket
from tests.benchmarks.iam_population import population
from tests.benchmarks.served import Served
from tests.benchmarks.tables import Section, as_markdown, as_text

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

USERS = 40
ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Serve a small IAM in a process of its own."""
    with Served(ENDPOINT, str(USERS)) as endpoint:
        yield endpoint


@pytest.fixture
def iam(served: Served) -> IAMClient:
    """Give a client of it that asks once; nothing has been counted yet."""
    served.set()
    return iam_client(served.url, ONCE)


def test_every_user_is_on_exactly_one_page(iam: IAMClient) -> None:
    """Pages of any size hold every user once."""
    names = [
        user["UserName"]
        for page in iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 7})
        for user in page["Users"]
    ]

    assert len(set(names)) == len(names) == USERS


def test_every_key_has_a_last_use_or_none(iam: IAMClient) -> None:
    """Each listed key can be asked about; one that was never used has no date, and N/A for the rest."""
    keys = [
        key["AccessKeyId"]
        for user in iam.list_users()["Users"]
        for key in iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]
    ]

    used = [iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"] for key in keys]

    assert len(keys) == USERS * 1.25
    assert {("LastUsedDate" in use, use["ServiceName"]) for use in used} == {(True, "s3"), (False, "N/A")}


def test_the_report_shows_active_keys_that_are_older_than_it(iam: IAMClient) -> None:
    """An inactive key, and one made after the report, look like none; the listing has both."""
    report = iam.get_credential_report()
    lines = list(csv.DictReader(io.StringIO(report["Content"].decode())))
    shown = sum(line[f"access_key_{slot}_active"] == "true" for line in lines for slot in (1, 2))
    keys = [
        key
        for user in iam.list_users()["Users"]
        for key in iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]
    ]

    expected = [key for key in keys if key["Status"] == "Active" and key["CreateDate"] < report["GeneratedTime"]]

    assert shown == len(expected) < len(keys)
    assert [line["user"] for line in lines].count("<root_account>") == 1


def test_a_path_of_twelve_digits_is_an_account(served: Served) -> None:
    """The same users, with that account in their ARNs."""
    iam = iam_client(f"{served.url}/100000000007", ONCE)

    arns = [user["Arn"] for user in iam.list_users()["Users"]]

    assert {arn.split(":")[4] for arn in arns} == {"100000000007"}


def test_beyond_the_rate_calls_are_refused_and_counted(served: Served, iam: IAMClient) -> None:
    """A burst is let through, the next call is throttled as IAM does it."""
    served.set(rate=0.001)
    for _ in range(BURST):
        iam.get_account_summary()

    with pytest.raises(ClientError) as caught:
        iam.get_account_summary()

    assert caught.value.response["Error"] == {"Type": "Sender", "Code": "Throttling", "Message": "Rate exceeded"}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    counts = served.counts()
    assert (counts["allowed"], counts["refused"]) == (BURST, 1)


def test_a_bucket_lets_its_rate_through_in_the_long_run() -> None:
    """In a hundred seconds of constant asking: the rate times a hundred, and the burst."""
    bucket = TokenBucket(20, 5, now=0.0)

    allowed = sum(bucket.take(step / 64) for step in range(6_400))

    assert allowed == pytest.approx(20 * 100 + 5, abs=1)


def test_a_population_has_the_shape_that_it_says() -> None:
    """1.25 keys a user, a tenth inactive, a hundredth of today."""
    now = datetime.now(UTC).replace(microsecond=0)
    keys = [key for user in population(2_000, now) for key in user.keys]

    assert len(keys) == 2_500
    assert sum(not key.active for key in keys) == 250
    assert sum((now - key.created).days == 0 for key in keys) == 25


def test_the_ingestion_endpoint_counts_bytes_over_tls(tmp_path: Path) -> None:
    """What was sent, head and body, is what was counted."""
    with Served("tests.benchmarks.ingestion_endpoint", str(tmp_path / "ca.pem")) as endpoint:
        trust = ssl.create_default_context(cafile=endpoint.told["ca_file"])
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=trust), urllib.request.ProxyHandler({})
        )
        with opener.open(endpoint.url, data=b"x" * 100_000, timeout=10) as answer:
            assert answer.status == 204

        counts = endpoint.counts()

    assert counts["requests"] == 1
    assert 100_000 < counts["bytes"] < 100_500


def test_a_demand_without_a_figure_is_not_met() -> None:
    """Limits hold in both senses, and a figure that could not be had meets none."""
    assert Demand("least", 2.0, 2.0, at_least=True).met
    assert not Demand("least", 1.9, 2.0, at_least=True).met
    assert Demand("most", 2.0, 2.0).met
    assert not Demand("most", 2.1, 2.0).met
    assert not Demand("none", None, 2.0).met


def test_both_forms_of_the_table_say_whether_demands_are_met() -> None:
    """Text and Markdown hold the figures, headings of every row, and the verdict."""
    rows = [Row("a", {"calls": 12_345}), Row("b", {"of it": 0.5}, (Demand("share", 0.5, 0.9, at_least=True),))]
    section = Section("name", "title", ["A note."], rows)

    for form in (as_text("header", [section]), as_markdown("header", [section])):
        for expected in ("header", "title", "A note.", "calls", "of it", "12,345", "0.50", "at least 0.90", "NOT MET"):
            assert expected in form
