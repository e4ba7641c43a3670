"""The proposals in the store: one is open at a time, is decided once, and says what became of each key."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from keywatch.access_keys.findings import Finding
from keywatch.access_keys.policy.model import AssignedUser
from keywatch.access_keys.policy.rules import UnusedFor
from keywatch.access_keys.proposal import Proposal, digest, proposed_key
from keywatch.errors import SupersededError
from keywatch.report.model import KEPT
from keywatch.report.proposals import Proposals, ProposalState, State
from keywatch.report.read_deactivations import count_results, deactivations_of, deactivations_of_user, read_proposals
from tests.keywatch.judged import NOW, ONE, TWO, key
from tests.keywatch.report.found import record, write

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
UNUSED = UnusedFor(id="unused", severity="high", kind="unused_for", days=45, deactivate="propose")


def proposal(*users: str, at: datetime = NOW, account: str = ONE) -> Proposal:
    """Make a proposal about one key of each of some users."""
    found = (Finding(UNUSED, key(user, account=account, age=timedelta(days=100)), "never used") for user in users)
    keys = tuple(made for each in found if (made := proposed_key(each)))
    approvers = (AssignedUser(id="approver", name="Approver"),)
    return Proposal(run_id=at.isoformat(), created=at, dry_run=False, assigned_users=approvers, keys=keys)


@pytest.fixture
def proposals(store: Engine) -> Proposals:
    """Give the proposals of a store that has none."""
    proposals = Proposals(store)
    assert proposals.supersede(NOW) == 0
    return proposals


def opened(proposals: Proposals, made: Proposal) -> str:
    """Open a proposal, and give its SHA-256."""
    sha256 = digest(made.encode())
    proposals.open(made, sha256)
    return sha256


def state_of(proposals: Proposals, sha256: str) -> State | None:
    """Give what is known to be decided of a proposal."""
    found = proposals.state(sha256)
    return found.state if found else None


def test_proposal_is_open_until_somebody_decides(proposals: Proposals) -> None:
    """A new proposal is open, and says what it is about; its keys have no result."""
    made = proposal("ci-deploy", "backup")
    sha256 = opened(proposals, made)

    assert proposals.state(sha256) == ProposalState(sha256, made.run_id, NOW, False, 2, "open", None, None, None)  # noqa: FBT003
    assert {(each.key_id, each.result, each.reason, each.ended) for each in proposals.results(sha256).values()} == {
        (each.key_id, None, None, None) for each in made.keys
    }


def test_unknown_proposal_is_none(proposals: Proposals) -> None:
    """Of what was never proposed nothing is known, and it cannot be decided."""
    assert proposals.state("0" * 64) is None
    assert proposals.decide("0" * 64, "approved", NOW) is None
    assert proposals.results("0" * 64) == {}


def test_next_proposal_takes_the_place_of_the_open_one(proposals: Proposals) -> None:
    """Of all proposals one is open at most, the newest."""
    first = opened(proposals, proposal("ci-deploy"))
    second = opened(proposals, proposal("ci-deploy", at=NOW + DAY))

    assert (state_of(proposals, first), state_of(proposals, second)) == ("superseded", "open")
    state = proposals.state(first)
    assert state is not None
    assert (state.decided, state.decided_by) == (NOW + DAY, None)


def test_run_that_proposes_nothing_closes_what_is_open(proposals: Proposals) -> None:
    """Superseding closes the open proposal once, and leaves those that were decided as they are."""
    approved = opened(proposals, proposal("ci-deploy"))
    proposals.decide(approved, "approved", NOW, "approver", "Approver")
    waiting = opened(proposals, proposal("ci-deploy", at=NOW + DAY))

    assert [proposals.supersede(NOW + 2 * DAY), proposals.supersede(NOW + 3 * DAY)] == [1, 0]
    assert (state_of(proposals, approved), state_of(proposals, waiting)) == ("approved", "superseded")
    decided = [state.decided for each in (approved, waiting) if (state := proposals.state(each))]
    assert decided == [NOW, NOW + 2 * DAY]


@pytest.mark.parametrize("first", ["approved", "rejected", "timed_out", "altered", "refused", "failed"])
@pytest.mark.parametrize("then", ["approved", "rejected", "timed_out"])
def test_proposal_is_decided_once(proposals: Proposals, first: State, then: State) -> None:
    """What was decided stays, with who did and when, whoever says something else later."""
    sha256 = opened(proposals, proposal("ci-deploy"))
    decided = proposals.decide(sha256, first, NOW + HOUR, "approver", "Approver")

    again = proposals.decide(sha256, then, NOW + 2 * HOUR, "somebody", "Somebody")

    assert decided is not None
    assert (decided.state, decided.decided_by_id, decided.decided_by, decided.decided) == (
        *(first, "approver", "Approver"),
        NOW + HOUR,
    )
    assert again == decided == proposals.state(sha256)


def test_superseded_proposal_cannot_be_approved(proposals: Proposals) -> None:
    """An approval of what a newer run has closed is told so, and names nobody as having decided."""
    sha256 = opened(proposals, proposal("ci-deploy"))
    proposals.supersede(NOW)

    state = proposals.decide(sha256, "approved", NOW, "approver", "Approver")

    assert state is not None
    assert (state.state, state.decided_by) == ("superseded", None)


def test_attempt_is_remembered_for_each_key(proposals: Proposals) -> None:
    """Whether AWS was asked before is known of each key of each proposal."""
    made = proposal("ci-deploy", "backup")
    sha256 = opened(proposals, made)
    first, second = (each.key_id for each in made.keys)
    attempt = proposals.begin(sha256)

    for _ in range(2):
        proposals.attempting(sha256, first, attempt, NOW)

    assert {key_id: each.attempted for key_id, each in proposals.results(sha256).items()} == {
        first: True,
        second: False,
    }
    again = opened(proposals, proposal("ci-deploy", at=NOW + DAY))
    assert proposals.results(again)[first].attempted is False


def test_attempts_are_numbered_for_each_proposal(proposals: Proposals) -> None:
    """Each attempt at a proposal has a number above those before; another proposal's have nothing to do with them."""
    one, other = opened(proposals, proposal("ci-deploy")), opened(proposals, proposal("backup", at=NOW + DAY))

    numbers = [proposals.begin(one) for _ in range(3)]

    assert numbers == sorted(set(numbers))
    assert proposals.begin(other) == numbers[0]


def test_earlier_attempt_must_not_ask(proposals: Proposals) -> None:
    """Once a later attempt has begun, an earlier one is stopped before it asks AWS, and nothing is noted for it."""
    made = proposal("ci-deploy")
    sha256 = opened(proposals, made)
    key_id = made.keys[0].key_id
    earlier, later = proposals.begin(sha256), proposals.begin(sha256)

    with pytest.raises(SupersededError, match=r"^Another attempt at "):
        proposals.attempting(sha256, key_id, earlier, NOW)

    assert proposals.results(sha256)[key_id].attempted is False
    proposals.attempting(sha256, key_id, later, NOW)
    assert proposals.results(sha256)[key_id].attempted is True


def test_key_that_has_ended_must_not_be_asked_for(proposals: Proposals) -> None:
    """A key that has a result is not asked for again, not even by the newest attempt."""
    made = proposal("ci-deploy")
    sha256 = opened(proposals, made)
    key_id = made.keys[0].key_id
    attempt = proposals.begin(sha256)
    proposals.end(sha256, key_id, "refused", "it was used since", NOW)

    with pytest.raises(SupersededError):
        proposals.attempting(sha256, key_id, attempt, NOW)

    assert proposals.results(sha256)[key_id].attempted is False


def test_earlier_attempt_says_nothing_of_a_key(proposals: Proposals) -> None:
    """Once a later attempt has begun, it alone says what became of a key."""
    made = proposal("ci-deploy")
    sha256 = opened(proposals, made)
    key_id = made.keys[0].key_id
    earlier, later = proposals.begin(sha256), proposals.begin(sha256)

    with pytest.raises(SupersededError, match=r"^Another attempt at "):
        proposals.end(sha256, key_id, "refused", "its status is Inactive already", NOW, attempt=earlier)

    assert proposals.results(sha256)[key_id].result is None
    proposals.end(sha256, key_id, "deactivated", None, NOW, attempt=later)
    assert proposals.results(sha256)[key_id].result == "deactivated"


@pytest.mark.parametrize(
    ("age", "is_kept"),
    [(KEPT - HOUR, True), (KEPT, True), (KEPT + timedelta(seconds=1), False), (3 * KEPT, False)],
)
@pytest.mark.parametrize("state", ["approved", "rejected", "timed_out", "altered", "refused", "failed"])
def test_proposal_that_was_decided_long_ago_is_forgotten(
    store: Engine, proposals: Proposals, state: State, age: timedelta, is_kept: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """With the next proposal goes what was decided too long ago, keys included; what is younger stays."""
    made = proposal("ci-deploy", "backup", at=NOW - age - HOUR)
    old = opened(proposals, made)
    proposals.decide(old, state, NOW - age)
    assert state_of(proposals, old) == state

    new = opened(proposals, proposal("ci-deploy"))

    assert state_of(proposals, old) == (state if is_kept else None)
    assert len(proposals.results(old)) == 2 * is_kept
    assert (state_of(proposals, new), len(proposals.results(new))) == ("open", 1)
    with store.begin() as connection:
        assert read_proposals(connection, 1).total == 1 + is_kept


def test_proposal_that_was_open_until_now_is_not_forgotten(proposals: Proposals) -> None:
    """However old a proposal is, as long as it was open it is superseded by the next, and not forgotten."""
    old = opened(proposals, proposal("ci-deploy", at=NOW - 3 * KEPT))

    opened(proposals, proposal("ci-deploy"))

    assert (state_of(proposals, old), len(proposals.results(old))) == ("superseded", 1)


def test_what_became_of_a_key_first_stays(proposals: Proposals) -> None:
    """A result that comes late does not take the place of the one that is there."""
    made = proposal("ci-deploy")
    sha256 = opened(proposals, made)
    key_id = made.keys[0].key_id
    proposals.end(sha256, key_id, "deactivated", None, NOW)
    before = proposals.results(sha256)

    proposals.end(sha256, key_id, "refused", "its status is Inactive already", NOW + HOUR)

    assert proposals.results(sha256) == before


def test_results_are_counted(store: Engine, proposals: Proposals) -> None:
    """Keys are counted by how they ended: what has no result is unknown if AWS was asked, and else was not tried."""
    made = proposal("ci-0", "ci-1", "ci-2", "ci-3", "ci-4")
    sha256 = opened(proposals, made)
    attempt = proposals.begin(sha256)
    for each in made.keys[:3]:
        proposals.attempting(sha256, each.key_id, attempt, NOW)
    proposals.end(sha256, made.keys[0].key_id, "deactivated", None, NOW)
    proposals.end(sha256, made.keys[1].key_id, "unknown", "its answer is not known", NOW)

    with store.begin() as connection:
        counted = count_results(connection, [sha256, "0" * 64])

    assert counted == {sha256: {"deactivated": 1, "unknown": 2, None: 2}}


def test_row_of_a_key_says_when_aws_was_asked(store: Engine, proposals: Proposals) -> None:
    """Each key of a proposal says when AWS was asked about it last, or that it was not."""
    made = proposal("ci-deploy", "backup")
    sha256 = opened(proposals, made)
    proposals.attempting(sha256, made.keys[0].key_id, proposals.begin(sha256), NOW + HOUR)

    with store.begin() as connection:
        rows = deactivations_of(connection, sha256)

    assert {each.user_name: each.attempted for each in rows} == {"backup": None, "ci-deploy": NOW + HOUR}


def test_end_of_a_key_is_kept(proposals: Proposals) -> None:
    """What became of a key is kept with its reason and time, and the other keys are as they were."""
    made = proposal("ci-deploy", "backup")
    sha256 = opened(proposals, made)
    first, second = (each.key_id for each in made.keys)

    proposals.end(sha256, first, "refused", "it was used since", NOW + HOUR)

    results = proposals.results(sha256)
    assert (results[first].result, results[first].reason, results[first].ended) == (
        *("refused", "it was used since"),
        NOW + HOUR,
    )
    assert results[second].result is None


def test_proposals_are_listed_newest_first(store: Engine, proposals: Proposals) -> None:
    """The proposals come in pages, newest first, each with what was decided."""
    all_ = [opened(proposals, proposal("ci-deploy", at=NOW + number * HOUR)) for number in range(23)]
    proposals.decide(all_[-1], "rejected", NOW + DAY, "approver", "Approver")

    with store.begin() as connection:
        first, last = read_proposals(connection, 1), read_proposals(connection, 9)

    assert [each.sha256 for each in (*first.rows, *last.rows)] == all_[::-1]
    assert (first.pages, first.total, last.number) == (2, 23, 2)
    assert (first.rows[0].state, first.rows[1].state) == ("rejected", "superseded")


def test_keys_of_a_proposal_are_listed_with_their_owners(store: Engine, proposals: Proposals) -> None:
    """Each key of a proposal says whose it is, who answered for it then, and what became of it."""
    made = proposal("ci-deploy", "backup")
    owned = made.keys[0].model_copy(update={"owner": "team@example.com"})
    made = made.model_copy(update={"keys": (owned, *made.keys[1:])})
    write(store, [record("ci-deploy", KeyId=owned.key_id, Owner="others@example.com", OwnerSource="tag")])
    sha256 = opened(proposals, made)
    proposals.end(sha256, made.keys[0].key_id, "deactivated", None, NOW)
    opened(proposals, proposal("elsewhere", at=NOW + DAY, account=TWO))

    with store.begin() as connection:
        rows = deactivations_of(connection, sha256)

    assert [(each.user_name, each.owner, each.result, each.found) for each in rows] == [
        ("backup", None, None, "never used"),
        ("ci-deploy", "team@example.com", "deactivated", "never used"),
    ]
    assert {each.proposal.sha256 for each in rows} == {sha256}


def test_what_was_proposed_of_a_user_is_listed_newest_first(store: Engine, proposals: Proposals) -> None:
    """Of one user come all proposals, newest first, and not too many."""
    made = [proposal("ci-deploy", "backup", at=NOW + number * DAY) for number in range(3)]
    for each in made:
        opened(proposals, each)
    arn = made[0].keys[0].user_arn

    with store.begin() as connection:
        all_ = deactivations_of_user(connection, arn)
        some = deactivations_of_user(connection, arn, limit=2)

    assert [each.proposal.created for each in all_] == [NOW + 2 * DAY, NOW + DAY, NOW]
    assert {each.user_arn for each in all_} == {arn}
    assert some == all_[:2]
