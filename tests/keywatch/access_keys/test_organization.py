"""Which accounts of an organisation are audited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from keywatch.access_keys.accounts import assume_role
from keywatch.access_keys.organization import NOT_ENTERED, MemberAccount, list_organization, select_accounts
from keywatch.access_keys.record import Account
from keywatch.errors import AccessDeniedError, AwsServiceError, ConfigurationError, ThrottledError
from keywatch.transport import AWS_HOSTS
from keywatch.transport.aws import aws_client
from localcloud import Fault, FaultKind, LocalCloud, Seed
from tests.keywatch.reach import auditor, sts_client, transport_to

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient

ROLE = "KeywatchAudit"

IDS = st.integers(min_value=0, max_value=30).map(lambda number: f"{number:012}")
MEMBERS = st.lists(
    st.builds(
        MemberAccount,
        st.builds(Account, IDS, st.sampled_from(["payments", "sandbox", None])),
        st.sampled_from(["ACTIVE", "A_STATE_OF_TOMORROW", *sorted(NOT_ENTERED)]),
    ),
    unique_by=lambda member: member.account.id,
)


@given(members=MEMBERS, exclude=st.sets(IDS))
def test_every_member_is_audited_or_said_to_be_left_out(members: list[MemberAccount], exclude: set[str]) -> None:
    """No account of the organisation is forgotten, and none is both audited and left out."""
    selection = select_accounts(members, exclude=exclude)

    audited = [account.id for account in selection.accounts]
    skipped = [account.id for account, _ in selection.skipped]
    assert sorted(member.account.id for member in members) == sorted(audited + skipped)


@given(members=MEMBERS, exclude=st.sets(IDS))
def test_an_account_is_left_out_for_its_state_or_by_name_alone(members: list[MemberAccount], exclude: set[str]) -> None:
    """What is not excluded, and not known to be impossible to enter, is audited, in states nobody has heard of too."""
    selection = select_accounts(members, exclude=exclude)

    assert [account.id for account in selection.accounts] == [
        each.account.id for each in members if each.account.id not in exclude and each.state not in NOT_ENTERED
    ]


@given(members=MEMBERS, include=st.sets(IDS, min_size=1), exclude=st.sets(IDS))
def test_only_named_accounts_are_audited_strangers_too(
    members: list[MemberAccount], include: set[str], exclude: set[str]
) -> None:
    """Each named account is audited or left out by a reason; one that is no member is audited without its name."""
    selection = select_accounts(members, sorted(include), exclude)

    audited = {account.id for account in selection.accounts}
    skipped = {account.id for account, _ in selection.skipped}
    assert (audited | skipped, audited & skipped) == (include, set())
    assert {each.id for each in selection.accounts if each.id not in {m.account.id for m in members}} == (
        include - exclude - {m.account.id for m in members}
    )


def test_the_reason_names_state_or_parameter() -> None:
    """What is left out says why, for the audit table."""
    closed = MemberAccount(Account("1" * 12, "old"), "PENDING_CLOSURE")
    unwanted = MemberAccount(Account("2" * 12, "sandbox"), "ACTIVE")

    selection = select_accounts([closed, unwanted], exclude=["2" * 12])

    assert selection.accounts == ()
    assert dict(selection.skipped) == {
        closed.account: "left out: its state in the organisation is PENDING_CLOSURE",
        unwanted.account: "left out: the run's parameter `exclude` names it",
    }


@pytest.fixture(scope="module")
def organization_cloud() -> Iterator[LocalCloud]:
    """Start a cloud with an organisation of more accounts than fit on a page, and every state."""
    with LocalCloud(seed=Seed(accounts=45, users=60, suspended=3, closing=2)) as cloud:
        yield cloud


@pytest.fixture
def organization(organization_cloud: LocalCloud) -> LocalCloud:
    """Give it as freshly seeded."""
    organization_cloud.reset()
    return organization_cloud


def client(cloud: LocalCloud, session: boto3.Session | None = None, attempts: int = 1) -> OrganizationsClient:
    """Make a client of the auditor's account, or of another session's."""
    config = Config(retries={"mode": "standard", "total_max_attempts": attempts})
    made: OrganizationsClient = aws_client(
        session or auditor(cloud), "organizations", transport_to(cloud), AWS_HOSTS, config=config
    )
    return made


def listed(cloud: LocalCloud) -> dict[str, tuple[str | None, str]]:
    """List the organisation: name and state by account id."""
    members = list_organization(client(cloud), cloud.aws.account_id)
    return {each.account.id: (each.account.name, each.state) for each in members}


FIELDS = {"both": (True, True), "as of late": (False, True), "as before": (True, False)}


@pytest.mark.parametrize(("status", "state"), FIELDS.values(), ids=FIELDS)
def test_every_account_is_listed_with_its_state(
    status: bool,  # noqa: FBT001 - a parameter
    state: bool,  # noqa: FBT001 - a parameter
    organization: LocalCloud,
) -> None:
    """Over many pages, of which some are empty, and whichever of State and Status AWS answers, no account is missed."""
    organization.set_account_fields(status=status, state=state)

    assert listed(organization) == {each.id: (each.name, each.state) for each in organization.aws.organization}
    assert len(organization.requests(action="ListAccounts")) > 45 / 20


def test_account_that_may_not_list_is_told_what_to_allow(organization: LocalCloud) -> None:
    """A member account that nothing was delegated to is denied, by the action's name and with both places to look."""
    member = organization.aws.account_ids[5]
    role = assume_role(auditor(organization), sts_client(auditor(organization), organization), Account(member), ROLE)

    with pytest.raises(AccessDeniedError, match=r"organizations:ListAccounts.*delegation policy"):
        list(list_organization(client(organization, role), member))


def test_account_in_no_organisation_is_told() -> None:
    """Where there is no organisation, the accounts have to be named."""
    with (
        LocalCloud(seed=Seed(accounts=1, users=2, organization=False)) as alone,
        pytest.raises(ConfigurationError, match="in no organisation"),
    ):
        list(list_organization(client(alone), alone.aws.account_id))


def test_throttled_listing_is_asked_again(organization: LocalCloud) -> None:
    """Organizations throttles in its own words, which are waited out all the same."""
    organization.inject(Fault(FaultKind.THROTTLE, action="ListAccounts", after=1))

    members = list(list_organization(client(organization, attempts=3), organization.aws.account_id))

    assert len(members) == 45
    assert len(organization.requests(error="TooManyRequestsException")) == 1


def test_throttled_listing_to_the_end_is_transient(organization: LocalCloud) -> None:
    """When patience runs out, a later try may succeed."""
    organization.inject(Fault(FaultKind.THROTTLE, action="ListAccounts", count=None))

    with pytest.raises(ThrottledError, match="organizations:ListAccounts"):
        list(list_organization(client(organization), organization.aws.account_id))


def test_page_that_is_none_is_no_empty_organisation(organization: LocalCloud) -> None:
    """What came from something in between is not taken for the end of the list."""
    organization.inject(
        Fault(FaultKind.STATUS, action="ListAccounts", status=200, body="{}", content_type="application/x-amz-json-1.1")
    )

    with pytest.raises(AwsServiceError, match="cut short"):
        list(list_organization(client(organization), organization.aws.account_id))
