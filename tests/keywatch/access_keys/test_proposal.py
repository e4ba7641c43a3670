"""A proposal's file, and whose approval counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keywatch.access_keys.findings import Finding
from keywatch.access_keys.policy.model import AssignedUser
from keywatch.access_keys.policy.rules import InactiveFor, NeverUsed, OlderThan, RootKey, Rule, TwoActiveKeys, UnusedFor
from keywatch.access_keys.proposal import (
    LASTS,
    Proposal,
    ProposedKey,
    check_approval,
    check_still_assigned,
    digest,
    proposed_key,
    read_proposal,
    shown_first,
)
from keywatch.access_keys.record import ROOT_USER
from keywatch.errors import ApprovalError, ProposalAlteredError
from tests.keywatch.judged import ASKING, NOW, key, policy_of

DAY: Final = timedelta(days=1)
UNUSED: Final = UnusedFor(id="unused", severity="high", kind="unused_for", days=45, deactivate="propose")
NEVER: Final = NeverUsed(id="never", severity="low", kind="never_used", grace_days=14, deactivate="propose")


def proposed(user: str = "ci-deploy", *, idle: timedelta | None = 50 * DAY, age: timedelta = 300 * DAY) -> ProposedKey:
    """Make a key that is proposed."""
    made = proposed_key(Finding(UNUSED, key(user, age=age, idle=idle, owner="team@example.com"), "unused"))
    assert made is not None
    return made


PROPOSAL: Final = Proposal(
    run_id="scheduled__2026-11-27",
    created=NOW,
    dry_run=False,
    assigned_users=(AssignedUser(id="approver", name="Approver"), AssignedUser(id="second", name="Second")),
    keys=(proposed(), proposed("prüfer@example.com", idle=None)),
)
DATA: Final = PROPOSAL.encode()


def test_file_of_a_proposal_reads_back() -> None:
    """What was frozen is what is read, key by key, rule included."""
    assert read_proposal(DATA, digest(DATA)) == PROPOSAL
    assert digest(DATA) == hashlib.sha256(DATA).hexdigest()


def test_blanks_around_names_are_kept() -> None:
    """What was found is frozen letter by letter, blanks around a name included, and reads back so."""
    names = {"user_name": " ci-deploy ", "account_name": "prod ", "owner": "\tteam@example.com\n", "reason": " unused"}
    key = ProposedKey.model_validate(proposed().model_dump() | names)
    data = PROPOSAL.model_copy(update={"keys": (key,)}).encode()

    (read,) = read_proposal(data, digest(data)).keys

    assert {name: getattr(key, name) for name in names} == names
    assert read == key


def test_same_proposal_is_the_same_bytes() -> None:
    """Writing twice, or what was read, gives the same bytes, in ASCII, without spaces."""
    assert PROPOSAL.encode() == DATA == read_proposal(DATA, digest(DATA)).encode()
    assert DATA.isascii()
    assert json.loads(DATA)["version"] == 1
    assert json.loads(DATA)["keys"][0]["rule"]["days"] == 45


@given(st.integers(0, len(DATA) - 1), st.integers(0, 255))
def test_changed_byte_is_refused(place: int, byte: int) -> None:
    """Whichever byte of the file is changed, it is not what was asked about."""
    assume(DATA[place] != byte)
    altered = DATA[:place] + bytes([byte]) + DATA[place + 1 :]

    with pytest.raises(ProposalAlteredError, match="it was altered, and nothing is deactivated"):
        read_proposal(altered, digest(DATA))


@given(st.integers(0, len(DATA) - 1))
def test_file_cut_short_is_refused(length: int) -> None:
    """Nor is any beginning of the file."""
    with pytest.raises(ProposalAlteredError):
        read_proposal(DATA[:length], digest(DATA))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content | {"version": 2},
        lambda content: content | {"more": 1},
        lambda content: {name: value for name, value in content.items() if name != "keys"},
        list,
    ],
)
def test_file_of_another_version_is_refused(change: Callable[[dict[str, object]], object]) -> None:
    """A file that is the right one, but not of this format, is not acted on either."""
    data = json.dumps(change(json.loads(DATA))).encode()

    with pytest.raises(ProposalAlteredError, match="written by another version"):
        read_proposal(data, digest(data))


@pytest.mark.parametrize("user_id", ["approver", "second"])
@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1), LASTS - timedelta(seconds=1), LASTS])
def test_approval_of_one_who_may_counts_until_the_end(user_id: str, late: timedelta) -> None:
    """Each of those who are named may approve, up to the last moment."""
    check_approval(PROPOSAL, user_id, NOW + late)


@pytest.mark.parametrize("user_id", [None, ""])
def test_approval_of_nobody_does_not_count(user_id: str | None) -> None:
    """A default answer, which names nobody, approves nothing."""
    with pytest.raises(ApprovalError, match="names nobody"):
        check_approval(PROPOSAL, user_id, NOW)


@pytest.mark.parametrize("user_id", ["somebody", "Approver", "approver ", "Second"])
def test_approval_of_somebody_else_does_not_count(user_id: str) -> None:
    """Who is not named by id may not approve, however alike the name is."""
    with pytest.raises(ApprovalError, match="is not among those whom the policy lets approve"):
        check_approval(PROPOSAL, user_id, NOW)


@pytest.mark.parametrize("late", [LASTS + timedelta(microseconds=1), LASTS + timedelta(seconds=1), 30 * DAY])
def test_approval_that_is_late_does_not_count(late: timedelta) -> None:
    """After its end a proposal is not acted on, even if the answer came in time."""
    with pytest.raises(ApprovalError, match="could be acted on for 24 hours"):
        check_approval(PROPOSAL, "approver", NOW + late)


@pytest.mark.parametrize("user_id", [None, "", "second", "Approver"])
def test_whom_todays_policy_does_not_name_may_not_approve(user_id: str | None) -> None:
    """Whoever the policy no longer names has approved in vain; whom it names may."""
    policy = policy_of(ASKING)

    check_still_assigned(policy, "approver")
    with pytest.raises(ApprovalError, match=r"The policy no longer lets user .* approve"):
        check_still_assigned(policy, user_id)


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        (UNUSED, 1),
        (NEVER, 1),
        (UNUSED.model_copy(update={"deactivate": "never"}), 0),
        (NEVER.model_copy(update={"deactivate": "never"}), 0),
        (OlderThan(id="r", severity="low", kind="older_than", days=90), 0),
        (TwoActiveKeys(id="r", severity="low", kind="two_active_keys"), 0),
        (RootKey(id="r", severity="low", kind="root_key"), 0),
        (InactiveFor(id="r", severity="low", kind="inactive_for", days=30), 0),
    ],
    ids=lambda value: f"{value.kind}-{getattr(value, 'deactivate', '')}" if not isinstance(value, int) else f"{value}",
)
def test_rules_of_use_that_propose_alone_make_keys_to_propose(rule: Rule, count: int) -> None:
    """Only a finding of a rule about unused keys that says so may become a proposal."""
    made = proposed_key(Finding(rule, key(age=300 * DAY), "why"))

    assert (made is not None) == bool(count)


def test_key_that_iam_would_not_know_is_not_proposed() -> None:
    """Root's keys, and those of which no API says id or creation, cannot be found again, and are left alone."""
    for facts in (key(ROOT_USER), key(age=None)):
        assert proposed_key(Finding(UNUSED, facts, "why")) is None


def test_proposed_key_says_what_it_was_found_as() -> None:
    """A proposed key holds what identifies it, when it was last used, and no full id."""
    facts = key(age=300 * DAY, idle=50 * DAY, owner="team@example.com")
    made = proposed_key(Finding(UNUSED, facts, "last used 50 days ago"))

    assert made is not None
    assert (made.key_id, made.access_key_id, made.user_arn) == (facts.key_id, "AKIA...0001", facts.user_arn)
    assert (made.created, made.last_used, made.owner) == (facts.created, facts.last_used, "team@example.com")
    assert (made.rule, made.reason) == (UNUSED, "last used 50 days ago")


def test_longest_unused_are_shown_first() -> None:
    """A request shows the keys that are longest unused, of one never used since it was made."""
    keys = [proposed("a", idle=50 * DAY), proposed("b", idle=None, age=90 * DAY), proposed("c", idle=70 * DAY)]

    assert [each.user_name for each in shown_first(keys, 2)] == ["b", "c"]
    assert [each.user_name for each in shown_first(keys, 9)] == ["b", "c", "a"]


def test_proposal_ends_a_day_after_it_was_made() -> None:
    """A proposal lasts for 24 hours from when it was made."""
    assert PROPOSAL.expires == datetime(2026, 11, 28, 6, tzinfo=UTC)
