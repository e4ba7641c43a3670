"""AWS Organizations as the local cloud plays it, asked by stock boto3."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from localcloud import Fault, FaultKind, LocalCloud, LocalCloudError, OrganizationAccount, Seed
from localcloud.model import utc_moment
from tests.localcloud.conftest import Aws, Credentials, refusal

SEED = Seed(accounts=46, users=90, denied=3, suspended=2, closing=1)
HOST = "organizations.us-east-1.amazonaws.com"
NO_PERMISSION = "You don't have permissions to access this resource."
LISTING = {"Effect": "Allow", "Action": ["organizations:*"], "Resource": "*"}


@pytest.fixture(scope="module")
def running_cloud() -> Iterator[LocalCloud]:
    """Start a local cloud with an organisation of three pages."""
    with LocalCloud(seed=SEED) as cloud:
        yield cloud


def organizations(aws: Aws, credentials: Credentials | None = None) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Make a client; by default with the auditor's own key."""
    return aws.client("organizations", credentials)


def listed(aws: Aws) -> list[dict[str, Any]]:
    """List all accounts."""
    return [each for page in organizations(aws).get_paginator("list_accounts").paginate() for each in page["Accounts"]]


def send(cloud: LocalCloud, **changes: str) -> requests.Response:
    """Sign a ListAccounts request by hand, with the auditor's key, and send it with what is changed."""
    key = BotoCredentials(str(cloud.aws.access_key_id), str(cloud.aws.secret_access_key))
    target = f"AWSOrganizationsV20161128.{changes.get('action', 'ListAccounts')}"
    headers = {"Content-Type": changes.get("content_type", "application/x-amz-json-1.1"), "X-Amz-Target": target}
    request = AWSRequest("POST", f"https://{HOST}/", headers=headers, data=changes.get("body", "{}"))
    SigV4Auth(key, changes.get("service", "organizations"), changes.get("region", "us-east-1")).add_auth(request)
    data, sent = changes.get("sent", request.data), dict(request.headers.items())
    if changes.get("authorization") == "":
        del sent["Authorization"]
    with requests.Session() as session:
        session.trust_env = False
        session.proxies, session.verify = {"https": cloud.proxy_url}, str(cloud.ca_bundle)
        return session.post(f"https://{HOST}/", data=data, headers=sent, timeout=60)


def test_every_account_is_listed_once(cloud: LocalCloud, aws: Aws) -> None:
    """Following the tokens gives every account of the organisation once, as it was seeded."""
    found = {each["Id"]: each for each in listed(aws)}
    seeded = cloud.organization

    assert len(listed(aws)) == len(found) == 46
    assert set(found) == set(cloud.aws.account_ids) == {each.id for each in seeded}
    for each in seeded:
        account = found[each.id]
        told = account["Name"], account["Email"], account["State"], account["Status"], account["JoinedMethod"]
        assert told == (each.name, each.email, each.state, each.state, each.joined_method)
        assert account["JoinedTimestamp"] == utc_moment(each.joined_date)
        assert account["Arn"].startswith(f"arn:aws:organizations::{cloud.aws.account_ids[1]}:account/o-")
        assert account["Arn"].endswith(f"/{each.id}")


def test_pages_hold_twenty_and_one_is_empty(aws: Aws) -> None:
    """A page holds up to 20 accounts; the second is empty, and yet more follow."""
    pages = list(organizations(aws).get_paginator("list_accounts").paginate())

    assert [len(page["Accounts"]) for page in pages] == [20, 0, 20, 6]
    assert ["NextToken" in page for page in pages] == [True, True, True, False]


def test_page_size_is_the_callers_choice(aws: Aws) -> None:
    """MaxResults from 1 to 20 sets the size of a page."""
    client = organizations(aws)

    assert len(client.list_accounts(MaxResults=1)["Accounts"]) == 1
    assert len(client.list_accounts(MaxResults=20)["Accounts"]) == 20


@pytest.mark.parametrize("values", [{"MaxResults": 0}, {"MaxResults": 21}, {"NextToken": "unknown"}, {"NextToken": ""}])
def test_impossible_page_is_refused(aws: Aws, values: dict[str, Any]) -> None:
    """A size out of range, and a token that no page ended with, are invalid input."""
    assert refusal(organizations(aws).list_accounts, **values)[:2] == (400, "InvalidInputException")


@pytest.mark.parametrize("body", ["", "[]", "{", '{"MaxResults": "5"}', '{"MaxResults": true}'])
def test_body_that_is_no_such_object_is_refused(cloud: LocalCloud, body: str) -> None:
    """A body that is not a JSON object, or has a member of the wrong type, cannot be read."""
    answer = send(cloud, body=body)

    assert (answer.status_code, answer.json()["__type"]) == (400, "SerializationException")


def test_accounts_have_names_and_states(cloud: LocalCloud) -> None:
    """The seeded accounts have names and addresses of their own, and as many as asked for are of each state."""
    accounts = cloud.organization

    assert {"security-audit", "management"} < {each.name for each in accounts}
    assert len({each.name for each in accounts}) == len({each.email for each in accounts}) == len(accounts)
    assert all(each.email.endswith("@example.com") for each in accounts)
    assert Counter(each.state for each in accounts) == {"ACTIVE": 43, "SUSPENDED": 2, "PENDING_CLOSURE": 1}
    assert [each.denied for each in accounts if each.denied] == ["sts:AssumeRole", "iam:ListUsers", "sts:AssumeRole"]
    assert cloud.organization == cloud.aws.organization


def test_accounts_that_nobody_enters_have_no_users(cloud: LocalCloud) -> None:
    """Suspended and closing accounts have no users; all others have, those that deny the audit included."""
    entered = {each.id for each in cloud.organization if each.state == "ACTIVE"}

    assert {user.account for user in cloud.users()} == entered


def of_kind(cloud: LocalCloud, **wanted: object) -> OrganizationAccount:
    """Find an account."""
    return next(
        each for each in cloud.organization if all(getattr(each, name) == value for name, value in wanted.items())
    )


@pytest.mark.parametrize("wanted", [{"state": "SUSPENDED"}, {"state": "PENDING_CLOSURE"}, {"denied": "sts:AssumeRole"}])
def test_role_of_closed_account_cannot_be_assumed(cloud: LocalCloud, aws: Aws, wanted: dict[str, str]) -> None:
    """Nobody enters a suspended or closing account, nor one whose role trusts nobody else."""
    arn = cloud.aws.role_arn(of_kind(cloud, **wanted).id)
    call = aws.client("sts").assume_role

    assert refusal(call, RoleArn=arn, RoleSessionName="tests")[:2] == (403, "AccessDenied")


def test_account_may_let_the_audit_in_and_deny_users(cloud: LocalCloud, aws: Aws) -> None:
    """In every second account that denies the audit, its role may be assumed, and may not list users."""
    iam = aws.iam(of_kind(cloud, denied="iam:ListUsers").id)
    status, code, message = refusal(iam.list_users)

    assert (status, code) == (403, "AccessDenied")
    assert "no identity-based policy allows the iam:ListUsers action" in message
    assert iam.get_account_summary()["SummaryMap"]["Users"] == 2


def test_state_can_change(cloud: LocalCloud, aws: Aws) -> None:
    """An account that is suspended between runs is listed as such, and its role can no longer be assumed."""
    account = cloud.aws.account_ids[2]
    aws.assume(account)
    cloud.set_account_state(account, "SUSPENDED")
    states = {each["Id"]: each["State"] for each in listed(aws)}
    arn = cloud.aws.role_arn(account)

    assert states[account] == "SUSPENDED"
    assert refusal(aws.client("sts").assume_role, RoleArn=arn, RoleSessionName="tests")[1] == "AccessDenied"


def test_account_can_come_back(cloud: LocalCloud, aws: Aws) -> None:
    """A suspended account that is active again can be entered."""
    account = of_kind(cloud, state="SUSPENDED").id
    cloud.set_account_state(account, "ACTIVE")

    assert aws.iam(account).list_users()["Users"] == []


@pytest.mark.parametrize(
    ("state", "status"),
    [("PENDING_ACTIVATION", "ACTIVE"), ("CLOSED", "SUSPENDED"), ("PENDING_CLOSURE", "PENDING_CLOSURE")],
)
def test_status_knows_fewer_values(cloud: LocalCloud, aws: Aws, state: str, status: str) -> None:
    """The retired Status is given beside State, in the words that it has."""
    account = cloud.aws.account_ids[2]
    cloud.set_account_state(account, state)
    found = next(each for each in listed(aws) if each["Id"] == account)

    assert (found["State"], found["Status"]) == (state, status)


@pytest.mark.parametrize(("status", "state"), [(True, False), (False, True)])
def test_fields_can_be_chosen(cloud: LocalCloud, aws: Aws, *, status: bool, state: bool) -> None:
    """Organizations can be made to tell State alone, or Status alone."""
    cloud.set_account_fields(status=status, state=state)

    assert {("Status" in each, "State" in each) for each in listed(aws)} == {(status, state)}


@pytest.mark.parametrize(
    ("account", "state"), [("000000000000", "ACTIVE"), ("", "ACTIVE"), (None, "GONE")], ids=["none", "empty", "state"]
)
def test_impossible_state_is_refused(cloud: LocalCloud, account: str | None, state: str) -> None:
    """Only accounts of the organisation have a state, and only one that there is."""
    with pytest.raises(LocalCloudError, match=r"no account|no state"):
        cloud.set_account_state(cloud.aws.account_id if account is None else account, state)


def test_neither_field_is_refused(cloud: LocalCloud) -> None:
    """Organizations cannot be made to tell nothing of an account's state."""
    with pytest.raises(LocalCloudError, match="Status or State"):
        cloud.set_account_fields(status=False, state=False)


def test_session_of_the_audit_role_may_list(cloud: LocalCloud, aws: Aws) -> None:
    """Temporary credentials of the delegated administrator's audit role may list accounts."""
    client = organizations(aws, aws.assume(cloud.aws.account_id))

    assert len(client.list_accounts()["Accounts"]) == 20


def test_policy_must_allow_it(cloud: LocalCloud, aws: Aws) -> None:
    """A caller whose policies do not allow organizations:ListAccounts is refused, in the management account too."""
    client = organizations(aws, aws.assume(cloud.aws.account_ids[1]))

    assert refusal(client.list_accounts) == (400, "AccessDeniedException", NO_PERMISSION)


def test_management_account_may_list(cloud: LocalCloud, aws: Aws) -> None:
    """The management account may list and describe accounts if its policies allow it."""
    managing = cloud.aws.account_ids[1]
    cloud.set_role_policy(managing, {"Version": "2012-10-17", "Statement": [LISTING]})
    client = organizations(aws, aws.assume(managing))
    organization = client.describe_organization()["Organization"]

    assert len(client.list_accounts()["Accounts"]) == 20
    assert client.describe_account(AccountId=managing)["Account"]["Name"] == "management"
    assert (organization["MasterAccountId"], organization["FeatureSet"]) == (managing, "ALL")
    assert organization["MasterAccountEmail"] == "aws+management@example.com"


def test_other_member_may_not_list(cloud: LocalCloud, aws: Aws) -> None:
    """A member that neither manages the organisation nor stands in for it is refused whatever its policies allow."""
    member = cloud.aws.account_ids[2]
    cloud.set_role_policy(member, {"Version": "2012-10-17", "Statement": [LISTING]})
    client = organizations(aws, aws.assume(member))

    assert refusal(client.list_accounts) == (400, "AccessDeniedException", NO_PERMISSION)
    assert refusal(client.describe_account, AccountId=member)[1] == "AccessDeniedException"
    assert client.describe_organization()["Organization"]["Id"].startswith("o-")


def test_unknown_account_is_not_described(cloud: LocalCloud, aws: Aws) -> None:
    """Describing an account needs its id, and that it is in the organisation."""
    managing = cloud.aws.account_ids[1]
    cloud.set_role_policy(managing, {"Version": "2012-10-17", "Statement": [LISTING]})
    call = organizations(aws, aws.assume(managing)).describe_account

    assert refusal(call, AccountId="000000000000")[:2] == (400, "AccountNotFoundException")
    assert refusal(call)[:2] == (400, "InvalidInputException")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sent": '{"MaxResults": 5}'}, "InvalidSignatureException"),
        ({"service": "iam"}, "InvalidSignatureException"),
        ({"region": "eu-west-1"}, "InvalidSignatureException"),
        ({"authorization": ""}, "MissingAuthenticationTokenException"),
        ({"action": "LeaveOrganization"}, "UnknownOperationException"),
        ({"content_type": "application/json"}, "UnknownOperationException"),
    ],
)
def test_wrong_request_is_refused(cloud: LocalCloud, changes: dict[str, str], code: str) -> None:
    """A request that was altered, signed for elsewhere or not at all, or asks for what there is not, is refused."""
    answer = send(cloud, **changes)

    assert (answer.status_code, answer.json()["__type"]) == (400, code)
    assert answer.headers["Content-Type"] == "application/x-amz-json-1.1"


def test_right_request_is_answered(cloud: LocalCloud) -> None:
    """The request that those differ from is answered, with dates as seconds."""
    answer = send(cloud)

    assert answer.status_code == 200
    assert isinstance(answer.json()["Accounts"][0]["JoinedTimestamp"], float)


def test_wrong_credentials_are_refused(cloud: LocalCloud, aws: Aws) -> None:
    """A wrong secret, an unknown key, a session without its token and a key with another's are all refused."""
    key, session = aws.auditor, aws.assume(cloud.aws.account_id)
    wrong = {
        "InvalidSignatureException": [
            Credentials(key.key_id, "wrong"),
            Credentials(session.key_id, "x", session.token),
        ],
        "UnrecognizedClientException": [
            Credentials("AKIA" + "A" * 16, key.secret),
            Credentials("short", key.secret),
            Credentials(session.key_id, session.secret),
            Credentials(key.key_id, key.secret, session.token),
        ],
    }
    for code, credentials in wrong.items():
        for each in credentials:
            assert refusal(organizations(aws, each).list_accounts)[:2] == (400, code)


def test_inactive_key_is_refused(cloud: LocalCloud, aws: Aws) -> None:
    """The auditor's key is refused while it is inactive."""
    cloud.set_key_status(str(cloud.aws.access_key_id), "Inactive")

    assert refusal(organizations(aws).list_accounts)[1] == "UnrecognizedClientException"


def test_ended_session_is_refused(cloud: LocalCloud, aws: Aws) -> None:
    """A session whose time is over is refused, and says so."""
    cloud.set_session_lifetime(0)
    client = organizations(aws, aws.assume(cloud.aws.account_id))

    assert refusal(client.list_accounts)[:2] == (400, "ExpiredTokenException")


@pytest.mark.parametrize("offset", [-1000, 1000])
def test_wrong_date_is_refused(cloud: LocalCloud, aws: Aws, offset: int) -> None:
    """A request from more than a quarter of an hour before or after the service's time is refused."""
    cloud.set_aws_clock(offset)

    assert refusal(organizations(aws).list_accounts)[:2] == (400, "InvalidSignatureException")


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        (FaultKind.THROTTLE, "TooManyRequestsException", 400),
        (FaultKind.DENY, "AccessDeniedException", 400),
        (FaultKind.STATUS, "ServiceException", 500),
    ],
)
def test_faults_hit(cloud: LocalCloud, aws: Aws, kind: FaultKind, code: str, status: int) -> None:
    """Faults refuse in the service's own way, once, for the caller's account, and the log tells."""
    cloud.inject(Fault(kind=kind, action="ListAccounts", account=cloud.aws.account_id))
    client = organizations(aws)

    assert refusal(client.list_accounts)[:2] == (status, code)
    assert client.list_accounts()["Accounts"]
    told = [(each.host, each.action, each.account, each.status, each.error) for each in cloud.requests(host=HOST)]
    assert told == [
        (HOST, "ListAccounts", cloud.aws.account_id, status, code),
        (HOST, "ListAccounts", cloud.aws.account_id, 200, None),
    ]


def test_body_of_a_fault_is_sent(cloud: LocalCloud) -> None:
    """A fault may bring its own body."""
    body = json.dumps({"__type": "ConstraintViolationException"})
    cloud.inject(Fault(kind=FaultKind.STATUS, host=HOST, status=400, body=body))

    assert send(cloud).json() == {"__type": "ConstraintViolationException"}


def test_tokens_do_not_outlive_a_reset(cloud: LocalCloud, aws: Aws) -> None:
    """A token of before a reset is unknown after it."""
    token = organizations(aws).list_accounts()["NextToken"]
    cloud.reset()

    assert refusal(organizations(aws).list_accounts, NextToken=token)[1] == "InvalidInputException"


def test_account_may_be_in_no_organization() -> None:
    """Accounts of a seed without organisation are told that they are in none; there may be denied ones still."""
    with LocalCloud(seed=Seed(accounts=2, users=4, denied=1, organization=False)) as cloud:
        aws = Aws(cloud)
        denied = cloud.aws.role_arn(cloud.aws.account_ids[1])

        assert cloud.organization == ()
        assert refusal(organizations(aws).list_accounts)[:2] == (400, "AWSOrganizationsNotInUseException")
        assert refusal(aws.client("sts").assume_role, RoleArn=denied, RoleSessionName="tests")[1] == "AccessDenied"
