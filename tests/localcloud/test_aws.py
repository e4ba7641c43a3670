"""IAM and STS as the local cloud plays them, asked by stock boto3."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from localcloud import Fault, FaultKind, LocalCloud, SeededKey
from localcloud.model import utc_text
from tests.localcloud.conftest import BOTO, Aws, Credentials, refusal


def members_key(cloud: LocalCloud, **wanted: object) -> SeededKey:
    """Find a seeded key of the second account."""
    account = cloud.aws.account_ids[1]
    seeded = cloud.keys()
    return next(
        key
        for key in seeded
        if key.account == account and all(getattr(key, name) == value for name, value in wanted.items())
    )


def test_users_come_in_pages_of_a_hundred(cloud: LocalCloud, aws: Aws) -> None:
    """ListUsers gives 100 users and a marker, and following the markers gives every user once."""
    account = cloud.aws.account_ids[1]
    pages = list(aws.iam(account).get_paginator("list_users").paginate())
    names = [user["UserName"] for page in pages for user in page["Users"]]

    assert [len(page["Users"]) for page in pages] == [100, 73]
    assert [page["IsTruncated"] for page in pages] == [True, False]
    assert sorted(user.name for user in cloud.users(account)) == names


def test_page_size_is_the_callers_choice(cloud: LocalCloud, aws: Aws) -> None:
    """MaxItems from 1 to 1000 sets the size of a page."""
    iam = aws.iam(cloud.aws.account_ids[1])

    assert len(iam.list_users(MaxItems=1)["Users"]) == 1
    assert len(iam.list_users(MaxItems=1000)["Users"]) == 173


@pytest.mark.parametrize("size", [0, -1, 1001])
def test_page_size_out_of_range_is_refused(aws: Aws, size: int) -> None:
    """MaxItems below 1 or above 1000 is a ValidationError."""
    assert refusal(aws.client("iam").list_users, MaxItems=size)[:2] == (400, "ValidationError")


@pytest.mark.parametrize("marker", ["unknown", "AAAA"])
def test_unknown_marker_is_refused(aws: Aws, marker: str) -> None:
    """A marker that no page ended with is a ValidationError."""
    assert refusal(aws.client("iam").list_users, Marker=marker)[:2] == (400, "ValidationError")


def test_marker_of_another_list_is_refused(cloud: LocalCloud, aws: Aws) -> None:
    """A marker of one account's users is unknown in another account."""
    marker = aws.client("iam").list_users()["Marker"]
    call = aws.iam(cloud.aws.account_ids[1]).list_users

    assert refusal(call, Marker=marker)[:2] == (400, "ValidationError")


def test_access_keys_come_in_pages(cloud: LocalCloud, aws: Aws) -> None:
    """ListAccessKeys pages as ListUsers does."""
    keys = cloud.keys()
    user = next(key for key in keys if sum(key.user_arn == each.user_arn for each in keys) == 2)
    pages = list(
        aws.iam(user.account)
        .get_paginator("list_access_keys")
        .paginate(UserName=user.user, PaginationConfig={"PageSize": 1})
    )

    assert [page["IsTruncated"] for page in pages] == [True, False]
    assert {key.access_key_id for key in keys if key.user_arn == user.user_arn} == {
        key["AccessKeyId"] for page in pages for key in page["AccessKeyMetadata"]
    }


def test_path_prefix_selects_users(cloud: LocalCloud, aws: Aws) -> None:
    """ListUsers with a path prefix gives the users below it."""
    account = cloud.aws.account_ids[0]
    listed = aws.client("iam").list_users(PathPrefix="/finance/", MaxItems=1000)["Users"]

    assert {user.name for user in cloud.users(account) if user.path == "/finance/"} == {
        user["UserName"] for user in listed
    }


def test_listed_users_have_no_tags(cloud: LocalCloud, aws: Aws) -> None:
    """ListUsers tells path, name, id, ARN and date of a user, and no tags."""
    listed = aws.client("iam").list_users(MaxItems=1000)["Users"]
    tagged = {user.name for user in cloud.users(cloud.aws.account_id) if user.tags}

    assert tagged
    assert {frozenset(user) for user in listed} == {frozenset({"Path", "UserName", "UserId", "Arn", "CreateDate"})}


def test_everything_that_iam_says_is_the_seeded_truth(cloud: LocalCloud, aws: Aws) -> None:
    """Walking an account as an audit does gives exactly the seeded keys."""
    account = cloud.aws.account_ids[1]
    iam = aws.iam(account)
    found = []
    for page in iam.get_paginator("list_users").paginate():
        for user in page["Users"]:
            for key in iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]:
                answer = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
                found.append(_as_seeded(account, user, key, answer))

    truth = cloud.keys()
    assert sorted(_fields(key) for key in truth if key.account == account) == sorted(found)


def _as_seeded(account: str, user: dict[str, Any], key: dict[str, Any], answer: dict[str, Any]) -> tuple[str, ...]:
    used = answer["AccessKeyLastUsed"]
    assert user["UserName"] == key["UserName"] == answer["UserName"]
    return (
        account,
        user["UserName"],
        user["Path"],
        user["Arn"],
        key["AccessKeyId"],
        key["Status"],
        utc_text(key["CreateDate"]),
        utc_text(used["LastUsedDate"]) if "LastUsedDate" in used else "",
        used["Region"],
        used["ServiceName"],
    )


def _fields(key: SeededKey) -> tuple[str, ...]:
    return (
        key.account,
        key.user,
        key.path,
        key.user_arn,
        key.access_key_id,
        key.status,
        key.create_date,
        key.last_used_date or "",
        key.last_used_region or "N/A",
        key.last_used_service or "N/A",
    )


def test_never_used_key_has_no_date(cloud: LocalCloud, aws: Aws) -> None:
    """GetAccessKeyLastUsed of a key that was never used has no LastUsedDate, and N/A twice."""
    key = members_key(cloud, last_used_date=None)
    answer = aws.iam(key.account).get_access_key_last_used(AccessKeyId=key.access_key_id)

    assert answer["AccessKeyLastUsed"] == {"Region": "N/A", "ServiceName": "N/A"}


def test_asking_does_not_change_the_answers(cloud: LocalCloud, aws: Aws) -> None:
    """The last use of the auditor's own key stays as seeded, however often it is used."""
    seeded = cloud.keys()
    key = next(key for key in seeded if key.access_key_id == cloud.aws.access_key_id)
    iam = aws.client("iam")
    iam.list_users()
    used = iam.get_access_key_last_used(AccessKeyId=key.access_key_id)["AccessKeyLastUsed"]

    assert key.last_used_date == utc_text(used["LastUsedDate"])


@pytest.mark.parametrize("status", ["Active", "Inactive", "Expired"])
def test_status_is_one_of_three(cloud: LocalCloud, aws: Aws, status: str) -> None:
    """Active, inactive and expired keys are listed as such."""
    key = members_key(cloud, status=status)
    listed = aws.iam(key.account).list_access_keys(UserName=key.user)["AccessKeyMetadata"]

    assert status in [each["Status"] for each in listed if each["AccessKeyId"] == key.access_key_id]


def test_root_key_shows_in_the_summary(cloud: LocalCloud, aws: Aws) -> None:
    """GetAccountSummary tells which accounts have a root access key."""
    present = {
        account: aws.iam(account).get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"]
        for account in cloud.aws.account_ids
    }

    assert cloud.root_keys() == present
    assert list(present.values()) == [0, 1, 0]


def test_accounts_do_not_see_each_other(cloud: LocalCloud, aws: Aws) -> None:
    """A key of another account is unknown, for its listing and its last use alike."""
    key = members_key(cloud)
    iam = aws.iam(cloud.aws.account_ids[2])

    assert refusal(iam.list_access_keys, UserName=key.user)[:2] == (404, "NoSuchEntity")
    assert refusal(iam.get_access_key_last_used, AccessKeyId=key.access_key_id)[:2] == (404, "NoSuchEntity")


def test_assumed_role_is_the_caller(cloud: LocalCloud, aws: Aws) -> None:
    """Temporary credentials act as the role, in the role's account."""
    account = cloud.aws.account_ids[1]
    said = aws.client("sts", aws.assume(account)).get_caller_identity()

    assert account == said["Account"]
    assert f"arn:aws:sts::{account}:assumed-role/KeywatchAudit/tests" == said["Arn"]


def test_regional_sts_is_played(aws: Aws) -> None:
    """The regional STS hosts answer as the global one does."""
    assert aws.client("sts", region_name="eu-central-1").get_caller_identity()["Arn"].endswith(":user/keywatch-auditor")


@pytest.mark.parametrize(
    "role", ["arn:aws:iam::{}:role/Other", "arn:aws:iam::999999999999:role/KeywatchAudit", "nonsense"]
)
def test_role_that_cannot_be_assumed_is_refused(cloud: LocalCloud, aws: Aws, role: str) -> None:
    """A role that does not exist, or that the caller has no permission for, gives AccessDenied."""
    arn = role.format(cloud.aws.account_ids[1])
    status, code, message = refusal(aws.client("sts").assume_role, RoleArn=arn, RoleSessionName="tests")

    assert (status, code) == (403, "AccessDenied")
    assert f"is not authorized to perform: sts:AssumeRole on resource: {arn}" in message


def test_role_that_does_not_trust_the_caller_is_refused(cloud: LocalCloud, aws: Aws) -> None:
    """Somebody whom the role's trust policy does not name cannot assume it, not even with a role's permissions."""
    member, other = cloud.aws.account_ids[1:3]
    sts = aws.client("sts", aws.assume(member))
    arn = cloud.aws.role_arn(other)

    assert refusal(sts.assume_role, RoleArn=arn, RoleSessionName="tests")[:2] == (403, "AccessDenied")


@pytest.mark.parametrize("values", [{"RoleSessionName": "x"}, {"DurationSeconds": 899}, {"DurationSeconds": 3601}])
def test_session_out_of_bounds_is_refused(cloud: LocalCloud, aws: Aws, values: dict[str, Any]) -> None:
    """A session name of one character, or a duration outside 900 to 3600 seconds, is a ValidationError."""
    asked = {"RoleArn": cloud.aws.role_arn(cloud.aws.account_ids[1]), "RoleSessionName": "tests"} | values

    assert refusal(aws.client("sts").assume_role, **asked)[:2] == (400, "ValidationError")


def test_wrong_secret_is_refused(aws: Aws) -> None:
    """A signature made with another secret does not match."""
    iam = aws.client("iam", replace(aws.auditor, secret="x" * 40))

    assert refusal(iam.list_users)[:2] == (403, "SignatureDoesNotMatch")


def test_unknown_key_is_refused(aws: Aws) -> None:
    """An access key that no account has is an invalid token."""
    iam = aws.client("iam", Credentials("AKIAAAAAAAAAAAAAAAAA", "x" * 40))

    assert refusal(iam.list_users)[:2] == (403, "InvalidClientTokenId")


def test_wrong_session_token_is_refused(cloud: LocalCloud, aws: Aws) -> None:
    """Temporary credentials need their own session token."""
    iam = aws.client("iam", replace(aws.assume(cloud.aws.account_ids[1]), token="other"))

    assert refusal(iam.list_users)[:2] == (403, "InvalidClientTokenId")


def test_scope_of_another_region_is_refused(aws: Aws) -> None:
    """IAM is signed for us-east-1, wherever the caller is."""
    iam = aws.client("iam", region_name="eu-west-1", endpoint_url="https://iam.amazonaws.com")
    iam.meta.events.register("choose-signer.iam.*", lambda **_: "v4")
    signer = iam._request_signer
    signer._region_name = "eu-west-1"

    status, code, message = refusal(iam.list_users)

    assert (status, code) == (403, "SignatureDoesNotMatch")
    assert "valid region" in message


def test_unsigned_call_is_refused(cloud: LocalCloud) -> None:
    """A call without a signature lacks its authentication token."""
    iam = BOTO.client(
        "iam",
        config=Config(signature_version=UNSIGNED, proxies={"https": cloud.proxy_url}),
        verify=str(cloud.ca_bundle),
    )

    assert refusal(iam.list_users)[:2] == (403, "MissingAuthenticationToken")


@pytest.mark.parametrize("own", [True, False])
def test_missing_permission_is_refused(cloud: LocalCloud, aws: Aws, own: bool) -> None:  # noqa: FBT001
    """What no policy allows is denied, in AWS's words."""
    iam = aws.client("iam") if own else aws.iam(cloud.aws.account_ids[1])
    status, code, message = refusal(iam.create_user, UserName="mallory")

    assert (status, code) == (403, "AccessDenied")
    assert message.startswith("User: arn:aws:")
    assert message.endswith(
        "is not authorized to perform: iam:CreateUser on resource: user mallory "
        "because no identity-based policy allows the iam:CreateUser action"
    )


def test_unknown_user_is_no_such_entity(aws: Aws) -> None:
    """The keys of a user that does not exist are NoSuchEntity."""
    assert refusal(aws.client("iam").list_access_keys, UserName="nobody")[:2] == (404, "NoSuchEntity")


def test_throttling_hits_the_account_and_action_it_names(cloud: LocalCloud, aws: Aws) -> None:
    """A throttle fault hits its account and action so many times, and nothing else."""
    first, second = aws.iam(cloud.aws.account_ids[1]), aws.iam(cloud.aws.account_ids[2])
    cloud.inject(Fault(FaultKind.THROTTLE, account=cloud.aws.account_ids[1], action="ListUsers", count=2))
    second.list_users()
    first.get_account_summary()

    assert refusal(first.list_users) == (400, "Throttling", "Rate exceeded")
    assert refusal(first.list_users) == (400, "Throttling", "Rate exceeded")
    assert first.list_users()["Users"]


def test_throttled_call_is_repeated_by_stock_boto3(cloud: LocalCloud, aws: Aws) -> None:
    """Botocore takes the throttling for what it is and tries again."""
    cloud.inject(Fault(FaultKind.THROTTLE, action="GetAccountSummary"))
    iam = BOTO.client(
        "iam",
        config=Config(proxies={"https": cloud.proxy_url}),
        verify=str(cloud.ca_bundle),
        aws_access_key_id=aws.auditor.key_id,
        aws_secret_access_key=aws.auditor.secret,
    )

    assert iam.get_account_summary()["ResponseMetadata"]["RetryAttempts"] == 1
    assert [request.status for request in cloud.requests(action="GetAccountSummary")] == [400, 200]


def test_denied_call_names_caller_and_resource(cloud: LocalCloud, aws: Aws) -> None:
    """A deny fault answers as IAM does when no policy allows the action."""
    account = cloud.aws.account_ids[1]
    iam = aws.iam(account)
    cloud.inject(Fault(FaultKind.DENY, account=account, action="ListUsers", count=None))

    assert (
        403,
        "AccessDenied",
        (
            f"User: arn:aws:sts::{account}:assumed-role/KeywatchAudit/tests is not authorized to perform: "
            f"iam:ListUsers on resource: arn:aws:iam::{account}:user/ because no identity-based policy allows "
            "the iam:ListUsers action"
        ),
    ) == refusal(iam.list_users)


def test_service_failure_can_be_injected(cloud: LocalCloud, aws: Aws) -> None:
    """A status fault without a body is IAM's ServiceFailure."""
    cloud.inject(Fault(FaultKind.STATUS, action="ListUsers", status=500))

    assert refusal(aws.client("iam").list_users)[:2] == (500, "ServiceFailure")


def test_user_vanishes_between_two_calls(cloud: LocalCloud, aws: Aws) -> None:
    """A vanish fault deletes a user just before its keys are listed; a reset brings it back."""
    key = members_key(cloud)
    iam = aws.iam(key.account)
    cloud.inject(Fault(FaultKind.VANISH, user=key.user, action="ListAccessKeys"))
    listed = {user["UserName"] for user in iam.list_users(MaxItems=1000)["Users"]}

    assert key.user in listed
    assert refusal(iam.list_access_keys, UserName=key.user)[:2] == (404, "NoSuchEntity")

    cloud.reset()

    assert aws.iam(key.account).list_access_keys(UserName=key.user)["AccessKeyMetadata"]


def test_key_vanishes_between_two_calls(cloud: LocalCloud, aws: Aws) -> None:
    """A vanish fault deletes a key just before its last use is asked for."""
    key = members_key(cloud)
    iam = aws.iam(key.account)
    cloud.inject(Fault(FaultKind.VANISH, access_key_id=key.access_key_id, action="GetAccessKeyLastUsed"))
    call = iam.get_access_key_last_used
    seeded = cloud.keys()
    other = next(each for each in seeded if each.account == key.account and each != key)
    call(AccessKeyId=other.access_key_id)

    assert refusal(call, AccessKeyId=key.access_key_id)[:2] == (404, "NoSuchEntity")


def test_user_vanishes_between_two_pages(cloud: LocalCloud, aws: Aws) -> None:
    """When the user that a page ended with is gone, the next page still begins with the one after it."""
    account = cloud.aws.account_ids[1]
    iam = aws.iam(account)
    page = iam.list_users()
    assert cloud.delete_user(account, page["Users"][-1]["UserName"])

    rest = iam.list_users(Marker=page["Marker"])["Users"]

    assert sorted(user.name for user in cloud.users(account))[100:] == [user["UserName"] for user in rest]


def test_key_can_be_deleted(cloud: LocalCloud, aws: Aws) -> None:
    """A key deleted through the control interface is gone; a second time there is none to delete."""
    key = members_key(cloud)

    assert cloud.delete_key(key.access_key_id)
    assert not cloud.delete_key(key.access_key_id)
    assert key.access_key_id not in [
        each["AccessKeyId"] for each in aws.iam(key.account).list_access_keys(UserName=key.user)["AccessKeyMetadata"]
    ]
