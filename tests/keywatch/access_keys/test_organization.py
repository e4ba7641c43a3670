"""Which accounts of an organisation are audited."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keywatch.access_keys.organization import NOT_ENTERED, MemberAccount, select_accounts
from keywatch.access_keys.record import Account

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
        unwanted.account: "left out: it is in `exclude`",
    }
