"""IAM's credential report as the local cloud plays it, asked by stock boto3."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from localcloud import Fault, FaultKind, LocalCloud, LocalCloudError, SeededKey
from localcloud.model import utc_moment
from tests.localcloud.conftest import Aws, refusal

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

Row = Mapping[str, str]
PLENTY = 1000.0
"""Seconds that a report takes where a test is not to see it finished."""
HEADER = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,"
    "mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,"
    "access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,"
    "access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,"
    "cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)
NO_KEY = ("false", "N/A", "N/A", "N/A", "N/A")


@pytest.fixture
def account(cloud: LocalCloud) -> str:
    """Give the account whose report is asked for."""
    return cloud.aws.account_ids[1]


@pytest.fixture
def iam(aws: Aws, account: str) -> IAMClient:
    """Give an IAM client of it."""
    client: IAMClient = aws.iam(account)
    return client


def report(iam: IAMClient) -> bytes:
    """Have a report made, and fetch it."""
    while iam.generate_credential_report()["State"] != "COMPLETE":
        time.sleep(0.02)
    return bytes(iam.get_credential_report()["Content"])


def rows(iam: IAMClient) -> dict[str, Row]:
    """Read a report, by user."""
    return {row["user"]: row for row in csv.DictReader(io.StringIO(report(iam).decode()))}


def slot(row: Row, number: int) -> tuple[str, ...]:
    """Read what a row says of a key."""
    columns = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
    return tuple(row[f"access_key_{number}_{column}"] for column in columns)


def expected(key: SeededKey) -> tuple[str, ...]:
    """Tell what a report says of a seeded key, its last use to the quarter of an hour."""
    if key.status != "Active":
        return NO_KEY
    created = key.create_date.replace("Z", "+00:00")
    if key.last_used_date is None:
        return ("true", created, "N/A", "N/A", "N/A")
    used = utc_moment(key.last_used_date)
    quarter = used.replace(minute=used.minute // 15 * 15, second=0)
    shown = max(quarter, utc_moment(key.create_date)).isoformat()
    region = "N/A" if key.last_used_service == "s3" else key.last_used_region
    return ("true", created, shown, str(region), str(key.last_used_service))


def two_keys(cloud: LocalCloud, account: str) -> str:
    """Create a user with two keys of different ages, both active, and give its name."""
    cloud.create_user(account, "twokeys", created_days_ago=90)
    for age in (80, 10):
        cloud.create_key(account, "twokeys", created_days_ago=age)
    return "twokeys"


def test_report_takes_its_time(cloud: LocalCloud, iam: IAMClient) -> None:
    """A report is started, is in progress, and is complete after a while; meanwhile there is none to fetch."""
    cloud.set_report(takes_seconds=0.3)
    missing = refusal(iam.get_credential_report)[:2]
    states = [iam.generate_credential_report() for _ in range(2)]
    pending = refusal(iam.get_credential_report)[:2]
    report(iam)

    assert [each["State"] for each in states] == ["STARTED", "INPROGRESS"]
    assert states[0]["Description"] == "No report exists. Starting a new report generation task"
    assert (missing, pending) == ((410, "ReportNotPresent"), (404, "ReportInProgress"))


def test_report_has_the_documented_columns(iam: IAMClient) -> None:
    """The report is CSV, its columns are those of the user guide in their order, and it tells when it was made."""
    content = report(iam)
    answer = iam.get_credential_report()

    assert content.decode().splitlines()[0] == HEADER
    assert answer["ReportFormat"] == "text/csv"
    assert abs(datetime.now(UTC) - answer["GeneratedTime"]) < timedelta(seconds=60)


def test_first_row_is_the_root_user(cloud: LocalCloud, aws: Aws) -> None:
    """The root user's row comes first; what the report does not know of it has words of its own."""
    for account, keys in cloud.root_keys().items():
        first = next(iter(rows(aws.iam(account)).values()))

        assert (first["user"], first["arn"]) == ("<root_account>", f"arn:aws:iam::{account}:root")
        assert (first["password_enabled"], first["password_last_used"]) == ("not_supported", "no_information")
        assert first["access_key_1_active"] == ("true" if keys else "false")
        assert slot(first, 1)[2:] == NO_KEY[2:]
        assert slot(first, 2) == NO_KEY


def test_report_is_the_seeded_truth(cloud: LocalCloud, account: str, iam: IAMClient) -> None:
    """Every user has a row, with each active key and its last use in one of two slots, and nothing of other keys."""
    found = rows(iam)
    users = {user.name: user for user in cloud.users(account)}

    assert set(found) == {*users, "<root_account>"}
    for name, user in users.items():
        row = found[name]
        keys = [expected(key) for key in cloud.keys() if key.user_arn == user.arn]
        assert sorted([slot(row, 1), slot(row, 2)]) == sorted([*keys, *[NO_KEY] * (2 - len(keys))])
        assert (row["arn"], row["user_creation_time"]) == (user.arn, user.create_date.replace("Z", "+00:00"))
        assert (row["password_enabled"], row["password_last_used"], row["mfa_active"]) == ("false", "N/A", "false")


def test_slots_are_not_in_the_order_of_lists(cloud: LocalCloud, account: str, aws: Aws) -> None:
    """Whether a user's first key is in the first slot differs from user to user, and stays so."""
    iam, same = aws.iam(account), set()
    found = rows(iam)
    for name in [user.name for user in cloud.users(account)]:
        keys = [key for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"] if key["Status"] == "Active"]
        if len(keys) == 2:
            same.add(slot(found[name], 1)[1] == keys[0]["CreateDate"].isoformat())
    cloud.reset()

    assert same == {True, False}
    assert rows(aws.iam(account)) == found


def test_inactive_key_looks_like_none(cloud: LocalCloud, account: str, iam: IAMClient) -> None:
    """Of a key that is not active the report tells nothing, unless it is made to tell all but its id."""
    cloud.create_user(account, "idle")
    key = cloud.create_key(account, "idle", created_days_ago=5, status="Inactive")
    cloud.use_key(key.access_key_id, days_ago=1, service="sqs", region="eu-west-1")
    hidden = rows(iam)["idle"]
    cloud.set_report(age_hours=5, shows_inactive=True)
    shown = rows(iam)["idle"]

    assert {slot(hidden, 1), slot(hidden, 2)} == {NO_KEY}
    assert slot(shown, 1)[:2] == ("false", key.create_date.replace("Z", "+00:00"))
    assert slot(shown, 1)[3:] == ("eu-west-1", "sqs")


def test_report_is_a_snapshot(cloud: LocalCloud, account: str, iam: IAMClient) -> None:
    """What changes after a report was asked for does not change it, until a newer one is made hours later."""
    name = two_keys(cloud, account)
    gone = cloud.users(account)[0].name
    cloud.set_report(takes_seconds=0.2)
    iam.generate_credential_report()
    cloud.delete_user(account, gone)
    cloud.create_user(account, "later")
    cloud.create_key(account, "later")
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        cloud.set_key_status(key["AccessKeyId"], "Inactive")
    first, again = rows(iam), rows(iam)
    cloud.set_report(age_hours=4.1)
    newer = rows(iam)

    assert first == again
    assert gone in first
    assert "later" not in first
    assert {slot(first[name], number)[0] for number in (1, 2)} == {"true"}
    assert gone not in newer
    assert slot(newer["later"], 1)[0] == "true"
    assert slot(newer[name], 1) == slot(newer[name], 2) == NO_KEY


def test_fresh_report_is_kept(cloud: LocalCloud, iam: IAMClient) -> None:
    """Asking for another report within four hours changes nothing, and says that there is one."""
    report(iam)
    cloud.set_report(age_hours=3.9)
    made = iam.get_credential_report()["GeneratedTime"]

    assert "Description" not in iam.generate_credential_report()
    assert iam.get_credential_report()["GeneratedTime"] == made
    assert timedelta(hours=3.8) < datetime.now(UTC) - made < timedelta(hours=4)


def test_old_report_expires(cloud: LocalCloud, iam: IAMClient) -> None:
    """After four hours the report is not given out any more, and another one can be made."""
    report(iam)
    cloud.set_report(age_hours=4.1)
    expired = refusal(iam.get_credential_report)[:2]

    assert expired == (410, "ReportExpired")
    assert iam.generate_credential_report()["State"] == "STARTED"


def test_report_can_be_there_from_before(cloud: LocalCloud, account: str, aws: Aws) -> None:
    """Where there is no report, one of any age can be put, of one account or of all."""
    cloud.set_report(account=account, age_hours=2)
    other = aws.iam(cloud.aws.account_ids[2])
    age = datetime.now(UTC) - aws.iam(account).get_credential_report()["GeneratedTime"]
    missing = refusal(other.get_credential_report)[1]
    cloud.set_report(age_hours=1)

    assert timedelta(hours=1.9) < age < timedelta(hours=2.1)
    assert missing == "ReportNotPresent"
    assert other.get_credential_report()["Content"]


def test_accounts_have_reports_of_their_own(cloud: LocalCloud, aws: Aws) -> None:
    """One account's report is none of another's."""
    first, second = (aws.iam(each) for each in cloud.aws.account_ids[1:3])
    report(first)

    assert refusal(second.get_credential_report)[1] == "ReportNotPresent"


def test_limit_can_be_exceeded(cloud: LocalCloud, iam: IAMClient) -> None:
    """IAM can be made to refuse making reports, with the code that botocore does not take for throttling."""
    cloud.set_report(limit_exceeded=True)
    refused = refusal(iam.generate_credential_report)[:2]
    cloud.set_report(limit_exceeded=False)

    assert refused == (409, "LimitExceeded")
    assert iam.generate_credential_report()["State"] == "STARTED"


def test_last_use_is_told_to_the_quarter(cloud: LocalCloud, account: str, iam: IAMClient) -> None:
    """A last use is told as of the quarter of an hour that it was in, and never before the key was there."""
    cloud.create_user(account, "used")
    old = cloud.create_key(account, "used", created_days_ago=3)
    new = cloud.create_key(account, "used", created_days_ago=0)
    cloud.use_key(old.access_key_id, days_ago=1, region="sa-east-1", service="ec2")
    cloud.use_key(new.access_key_id, service="s3")
    exact = iam.get_access_key_last_used(AccessKeyId=old.access_key_id)["AccessKeyLastUsed"]
    found = {slot(rows(iam)["used"], number)[1]: slot(rows(iam)["used"], number) for number in (1, 2)}
    of_old, of_new = (found[key.create_date.replace("Z", "+00:00")] for key in (old, new))
    shown = datetime.fromisoformat(of_old[2])

    assert timedelta(0) <= exact["LastUsedDate"] - shown < timedelta(minutes=15)
    assert (shown.minute % 15, shown.second) == (0, 0)
    assert of_old[3:] == ("sa-east-1", "ec2")
    assert of_new[2:] == (of_new[1], "N/A", "s3")


def test_report_needs_permission(cloud: LocalCloud, account: str, aws: Aws) -> None:
    """Making and fetching a report are actions of their own, which a policy may leave out."""
    statement = {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}
    cloud.set_role_policy(account, {"Version": "2012-10-17", "Statement": [statement]})
    iam = aws.iam(account)

    assert refusal(iam.generate_credential_report)[:2] == (403, "AccessDenied")
    assert "iam:GetCredentialReport" in refusal(iam.get_credential_report)[2]


def test_faults_hit_reports(cloud: LocalCloud, account: str, iam: IAMClient) -> None:
    """Faults hit the two actions as they do any other."""
    cloud.inject(Fault(FaultKind.THROTTLE, action="GenerateCredentialReport", account=account))
    cloud.inject(Fault(FaultKind.STATUS, action="GetCredentialReport", status=500))

    assert refusal(iam.generate_credential_report)[:2] == (400, "Throttling")
    assert refusal(iam.get_credential_report)[:2] == (500, "ServiceFailure")


def test_reset_forgets_reports(cloud: LocalCloud, account: str, aws: Aws) -> None:
    """After a reset there is no report, and making one takes as long as at first."""
    report(aws.iam(account))
    cloud.set_report(takes_seconds=PLENTY)
    cloud.reset()
    iam = aws.iam(account)

    assert refusal(iam.get_credential_report)[1] == "ReportNotPresent"
    assert report(iam)


def test_created_key_is_listed(cloud: LocalCloud, account: str, iam: IAMClient) -> None:
    """A key that is created is listed as it was asked for, and can be changed and used."""
    name = cloud.users(account)[0].name
    cloud.delete_user(account, name)
    cloud.create_user(account, name)
    key = cloud.create_key(account, name, status="Expired", created_days_ago=2)
    cloud.set_key_status(key.access_key_id, "Active")
    listed = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]

    assert [(each["AccessKeyId"], each["Status"], each["CreateDate"]) for each in listed] == [
        (key.access_key_id, "Active", utc_moment(key.create_date))
    ]
    assert (key.account, key.user, key.status) == (account, name, "Expired")


def test_impossible_change_is_refused(cloud: LocalCloud, account: str) -> None:
    """What changes an account names an account, user and key that there are, and a status that there is."""
    name = two_keys(cloud, account)
    key = cloud.keys()[0].access_key_id
    for change in (
        lambda: cloud.create_user("000000000000", "somebody"),
        lambda: cloud.create_user(account, name),
        lambda: cloud.create_key(account, "nobody"),
        lambda: cloud.create_key(account, name),
        lambda: cloud.use_key("AKIA"),
        lambda: cloud.set_key_status(key, "Gone"),
        lambda: cloud.set_report(account="000000000000", age_hours=1),
        lambda: cloud.set_role_policy("000000000000", {}),
    ):
        with pytest.raises(LocalCloudError, match=r"There is no|has no user|has a user"):
            change()
