"""What was decided and what became of each key, recorded and delivered whatever happened before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from keywatch.access_keys.findings import Finding
from keywatch.access_keys.owners import Owned
from keywatch.access_keys.proposal import ProposedKey, proposed_key
from keywatch.columns import stable_id
from keywatch.errors import DeactivationsFailedError, IncompleteReportError, UnreachableError
from keywatch.pipeline.deactivate import Answer
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.record_deactivations import record_decision
from keywatch.report.owners import take_owners
from keywatch.report.proposals import Proposals, Result, State
from keywatch.report.schema import keys as key_table
from tests.keywatch.deactivating import UNUSED
from tests.keywatch.fakes import MemoryDestination
from tests.keywatch.judged import NOW, ONE, key
from tests.keywatch.pipeline.proposing import APPROVED, NOBODY, REJECTED, RUN_ID, freeze, run_in, state_of
from tests.keywatch.report.found import ok, record, write
from tests.keywatch.report.stores import store_in

HOUR = timedelta(hours=1)
LATER = NOW + HOUR


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    """Give a store whose newest report knows one of the keys."""
    engine = store_in(tmp_path)
    write(engine, [record("ci-0", KeyId=keys("ci-0")[0].key_id)], ok(ONE, NOW, "prod"))
    yield engine
    engine.dispose()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder[Path]:
    """Give a run's folder."""
    return run_in(tmp_path)


def keys(*users: str, owner: str | None = None) -> list[ProposedKey]:
    """Make a key to propose of each user."""
    found = (Finding(UNUSED, key(user, age=timedelta(days=100), owner=owner), "never used") for user in users)
    return [made for each in found if (made := proposed_key(each))]


def recorded(
    store: Engine, run: RunFolder[Path], sha256: str, answer: Answer | None, *destinations: MemoryDestination
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Record a decision; give the counts, and the rows by user name."""
    destination = MemoryDestination(100_000)
    ended = record_decision(sha256, answer, run, store, [destination, *destinations], now=LATER)
    return ended, sorted(destination.records, key=lambda row: str(row["user"]))


@pytest.mark.parametrize(
    ("answer", "decision", "by"),
    [
        (REJECTED, "rejected", ("Approver", "approver")),
        (Answer(approved=False, user_id=None, user_name=None), "timed_out", (None, None)),
        (Answer(approved=False, user_id="", user_name=None), "timed_out", (None, "")),
    ],
    ids=["rejected", "nobody", "empty"],
)
def test_decision_without_deactivation_is_recorded(
    store: Engine, run: RunFolder[Path], answer: Answer | None, decision: State, by: tuple[str | None, str | None]
) -> None:
    """A rejection, or no answer in time, closes the proposal, and each row says that nothing was tried."""
    sha256 = freeze(store, run, keys("ci-0", "ci-1"), created=NOW)

    ended, rows = recorded(store, run, sha256, answer)

    assert ended == {"not_attempted": 2}
    state = state_of(store, sha256)
    assert (state.state, state.decided_by, state.decided_by_id, state.decided) == (decision, *by, LATER)
    assert {(row["Decision"], row["Result"], row.get("DecidedBy"), row.get("DecidedById")) for row in rows} == {
        (decision, "not_attempted", *by)
    }


def test_row_has_all_that_is_known(store: Engine, run: RunFolder[Path]) -> None:
    """The row of a key says what was decided by whom, and what became of it when; what is not known is left out."""
    proposed = [*keys("ci-0", owner="team@example.com"), *keys("ci-1")]
    sha256 = freeze(store, run, proposed, created=NOW)
    proposals = Proposals(store)
    proposals.decide(sha256, "approved", NOW + timedelta(minutes=10), "approver", "Approver")
    proposals.end(sha256, proposed[0].key_id, "deactivated", None, NOW + timedelta(minutes=20))
    proposals.end(sha256, proposed[1].key_id, "refused", "its user is gone", NOW + timedelta(minutes=21))

    ended, (first, second) = recorded(store, run, sha256, APPROVED)

    assert ended == {"deactivated": 1, "refused": 1}
    assert first == {
        "loggedDate": "2026-11-27",
        "Proposal": sha256,
        "DryRun": False,
        "Decision": "approved",
        "DecidedBy": "Approver",
        "DecidedById": "approver",
        "DecidedTime": "2026-11-27T06:10:00Z",
        "Result": "deactivated",
        "Rule": "unused",
        "account_number": ONE,
        "AccountName": "prod",
        "user": "ci-0",
        "UserArn": f"arn:aws:iam::{ONE}:user/ci-0",
        "AccessKeyId": "AKIA...0001",
        "Owner": "team@example.com",
        "SnapshotTime": "2026-11-27T06:20:00Z",
        "KeyId": proposed[0].key_id,
        "RecordId": stable_id("r", sha256, proposed[0].key_id),
        "RunId": RUN_ID,
    }
    assert (second["Result"], second["Reason"]) == ("refused", "its user is gone")
    assert "Owner" not in second


@pytest.mark.parametrize("result", ["deactivated", "would_deactivate", "refused"])
def test_approved_keys_that_ended_are_no_failure(store: Engine, run: RunFolder[Path], result: Result) -> None:
    """A key that was deactivated, would have been, or was no longer what was approved, is as it should be."""
    (proposed,) = keys("ci-0")
    sha256 = freeze(store, run, [proposed], created=NOW, dry_run=result == "would_deactivate")
    Proposals(store).decide(sha256, "approved", NOW, "approver", "Approver")
    Proposals(store).end(sha256, proposed.key_id, result, None, NOW)

    ended, (row,) = recorded(store, run, sha256, APPROVED)

    assert ended == {result: 1}
    assert (row["Result"], row["DryRun"]) == (result, result == "would_deactivate")


def test_row_says_whether_anything_could_change(store: Engine, run: RunFolder[Path]) -> None:
    """A key that today's policy has made a dry run is one in its row, though the proposal was none; no other key is."""
    proposed = keys("ci-0", "ci-1")
    sha256 = freeze(store, run, proposed, created=NOW)
    proposals = Proposals(store)
    proposals.decide(sha256, "approved", NOW, "approver", "Approver")
    proposals.end(sha256, proposed[0].key_id, "deactivated", None, NOW)
    proposals.end(sha256, proposed[1].key_id, "would_deactivate", "the policy makes it a dry run meanwhile", NOW)

    _, rows = recorded(store, run, sha256, APPROVED)

    assert [(row["Result"], row["DryRun"]) for row in rows] == [("deactivated", False), ("would_deactivate", True)]


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_row_has_the_owner_who_answered_when_it_was_proposed(
    store: Engine, run: RunFolder[Path], is_forgotten: bool  # noqa: FBT001
) -> None:  # fmt: skip
    """Whoever answers for a key later, or though the report no longer knows it, its row names who did."""
    sha256 = freeze(store, run, [*keys("ci-0", owner="team@example.com"), *keys("ci-1")], created=NOW)
    take_owners(store, [Owned(ONE, "ci-0", "others@example.com"), Owned(ONE, "ci-1", "others@example.com")])
    if is_forgotten:
        with store.begin() as connection:
            connection.execute(key_table.delete())

    _, rows = recorded(store, run, sha256, REJECTED)

    assert [row.get("Owner") for row in rows] == ["team@example.com", None]


def test_approved_keys_that_were_not_done_are_named(store: Engine, run: RunFolder[Path]) -> None:
    """Keys that were approved and are as they were fail the run by name and reason, after their rows are delivered."""
    proposed = keys("ci-0", "ci-1", "ci-2")
    sha256 = freeze(store, run, proposed, created=NOW)
    proposals = Proposals(store)
    proposals.decide(sha256, "approved", NOW, "approver", "Approver")
    proposals.end(sha256, proposed[0].key_id, "deactivated", None, NOW)
    proposals.end(sha256, proposed[1].key_id, "failed", "AWS account denies iam:UpdateAccessKey", NOW)
    destination = MemoryDestination(100_000)

    with pytest.raises(DeactivationsFailedError) as caught:
        record_decision(sha256, APPROVED, run, store, [destination], now=LATER)

    summary = "Of 3 keys that Approver has approved, these 2 were not deactivated. Do what is said of each;"
    assert str(caught.value).splitlines() == [
        f"{summary} the next proposal has them again:",
        f"- AKIA...0001 of arn:aws:iam::{ONE}:user/ci-1: AWS account denies iam:UpdateAccessKey",
        f"- AKIA...0001 of arn:aws:iam::{ONE}:user/ci-2: not tried: see the log of task deactivate",
    ]
    assert {row["user"]: row["Result"] for row in destination.records} == {
        "ci-0": "deactivated",
        "ci-1": "failed",
        "ci-2": "not_attempted",
    }


@pytest.mark.parametrize("more", [0, 1])
def test_many_keys_that_were_not_done_are_counted(store: Engine, run: RunFolder[Path], more: int) -> None:
    """Of very many keys the first twenty are named, and how many more there are."""
    sha256 = freeze(store, run, keys(*(f"ci-{number}" for number in range(20 + more))), created=NOW)
    Proposals(store).decide(sha256, "approved", NOW, "approver", "Approver")

    with pytest.raises(DeactivationsFailedError) as caught:
        record_decision(sha256, APPROVED, run, store, [], now=LATER)

    rest = [f"- and {more} more, on the page and in AWS_Access_Key_Deactivation_CL"] * bool(more)
    assert str(caught.value).splitlines()[21:] == rest


def test_decision_stays_as_it_was_made(store: Engine, run: RunFolder[Path], tmp_path: Path) -> None:
    """A proposal that a newer run has superseded stays so, whatever was answered to it, and its rows say so."""
    old = freeze(store, run, keys("ci-0"), created=NOW)
    freeze(store, run_in(tmp_path, "later"), keys("ci-0"), created=LATER)

    ended, (row,) = recorded(store, run, old, APPROVED)

    assert (ended, row["Decision"], row["Result"]) == ({"not_attempted": 1}, "superseded", "not_attempted")
    assert "DecidedBy" not in row
    for answer in (None, REJECTED):
        assert recorded(store, run, old, answer) == ({"not_attempted": 1}, [])  # the same row was delivered before
        assert state_of(store, old).state == "superseded"


@pytest.mark.parametrize(
    ("state", "answer", "decision", "said"),
    [
        ("altered", APPROVED, "altered", "the proposal's file was altered after it was shown"),
        ("refused", APPROVED, "refused", "the approval does not count"),
        (None, APPROVED, "failed", "the request or what follows it failed"),
        (None, NOBODY, "failed", "the request or what follows it failed"),
        (None, None, "failed", "the request or what follows it failed"),
    ],
    ids=["altered", "refused", "approved, and not acted on", "approved by nobody", "no answer"],
)
def test_what_went_wrong_before_fails_the_run_once_it_is_recorded(
    store: Engine, run: RunFolder[Path], state: State | None, answer: Answer | None, decision: State, said: str
) -> None:
    """Where nothing was deactivated because something went wrong, the rows say so, and then the run fails."""
    sha256 = freeze(store, run, keys("ci-0"), created=NOW)
    if state:
        Proposals(store).decide(sha256, state, NOW, "somebody", "Somebody")
    destination = MemoryDestination()

    with pytest.raises(DeactivationsFailedError, match=f"^Nothing was deactivated: {said}"):
        record_decision(sha256, answer, run, store, [destination], now=LATER)

    (row,) = destination.records
    assert (row["Decision"], row["Result"]) == (decision, "not_attempted")
    assert row.get("DecidedBy") == ("Somebody" if state else answer and answer["user_name"])
    assert state_of(store, sha256).state == decision


def test_key_of_which_aws_was_asked_is_unknown_and_not_untried(store: Engine, run: RunFolder[Path]) -> None:
    """A key without a result of which AWS was asked may be inactive: its row says so, and the run fails by name."""
    proposed = keys("ci-0", "ci-1", "ci-2")
    sha256 = freeze(store, run, proposed, created=NOW)
    proposals = Proposals(store)
    proposals.decide(sha256, "approved", NOW, "approver", "Approver")
    attempt = proposals.begin(sha256)
    proposals.attempting(sha256, proposed[0].key_id, attempt, NOW)
    proposals.attempting(sha256, proposed[1].key_id, attempt, NOW)
    proposals.end(sha256, proposed[1].key_id, "unknown", "AWS was asked to; look at the key", NOW)
    proposals.end(sha256, proposed[2].key_id, "deactivated", None, NOW)
    destination = MemoryDestination(100_000)

    with pytest.raises(DeactivationsFailedError) as caught:
        record_decision(sha256, APPROVED, run, store, [destination], now=LATER)

    asked = "AWS was asked to, and its answer is not known; look at the key, and see the log of task deactivate"
    first, *named = str(caught.value).splitlines()
    assert first.startswith(
        "Of 3 keys that Approver has approved, these 2 were not deactivated, or are not known to be."
    )
    assert named == [
        f"- AKIA...0001 of arn:aws:iam::{ONE}:user/ci-0: {asked}",
        f"- AKIA...0001 of arn:aws:iam::{ONE}:user/ci-1: AWS was asked to; look at the key",
    ]
    assert "not tried" not in str(caught.value)
    assert {row["user"]: row["Result"] for row in destination.records} == {
        "ci-0": "unknown",
        "ci-1": "unknown",
        "ci-2": "deactivated",
    }


def test_superseded_proposal_is_recorded_once(store: Engine, run: RunFolder[Path], tmp_path: Path) -> None:
    """The rows of a superseded proposal are of when that was: recording again, whenever, sends nothing new."""
    old = freeze(store, run, keys("ci-0"), created=NOW)
    freeze(store, run_in(tmp_path, "later"), keys("ci-0"), created=LATER)
    destination = MemoryDestination()

    for now in (LATER + HOUR, LATER + 30 * HOUR):
        record_decision(old, APPROVED, run, store, [destination], now=now)

    (row,) = destination.records
    assert (row["Decision"], row["DecidedTime"], row["SnapshotTime"]) == ("superseded", *["2026-11-27T07:00:00Z"] * 2)


def test_rows_are_delivered_once(store: Engine, run: RunFolder[Path]) -> None:
    """Recording again sends nothing that has a receipt; a destination that failed gets its rows at the next attempt."""
    sha256 = freeze(store, run, keys("ci-0", "ci-1"), created=NOW)
    first, second = MemoryDestination(), MemoryDestination(name="copy", errors=[UnreachableError("no answer")])
    with pytest.raises(UnreachableError):
        record_decision(sha256, REJECTED, run, store, [first, second], now=LATER)

    assert record_decision(sha256, REJECTED, run, store, [first, second], now=LATER + HOUR) == {"not_attempted": 2}

    assert (first.calls, len(first.records), len(second.records)) == (1, 2, 2)
    assert first.records == second.records


def test_row_that_is_too_large_is_put_aside(store: Engine, run: RunFolder[Path]) -> None:
    """A row that no request can carry is a dead letter of its account and fails the step; the rest is delivered."""
    sha256 = freeze(store, run, keys("ci-0", "c" * 60), created=NOW)
    record_decision(sha256, REJECTED, run, store, [], now=LATER)
    sizes = sorted(map(len, (run.folder / "deactivations.ndjson").read_bytes().splitlines()))
    destination = MemoryDestination(max_bytes=sizes[0] + 2)

    copy = MemoryDestination(max_bytes=sizes[0] + 2, name="copy")

    for _ in range(2):  # another attempt makes it no better
        with pytest.raises(
            IncompleteReportError, match=r"^1 of 2 rows of deactivations were not accepted: they are in"
        ):
            record_decision(sha256, REJECTED, run, store, [destination, copy], now=LATER)

    assert (len(destination.records), len(copy.records)) == (1, 1)
    letters = (run.staging / "dead-letters" / run.name / "deactivations.ndjson").read_text().splitlines()
    assert {json.loads(letter)["subject"] for letter in letters} == {ONE}
    assert {json.loads(json.loads(letter)["row"])["user"] for letter in letters} == {"c" * 60}


def test_key_that_was_not_done_is_named_though_its_row_is_too_large(store: Engine, run: RunFolder[Path]) -> None:
    """That a row cannot be delivered does not hide that its key, which was approved, could not be deactivated."""
    (proposed,) = keys("ci-0")
    sha256 = freeze(store, run, [proposed], created=NOW)
    Proposals(store).decide(sha256, "approved", NOW, "approver", "Approver")
    Proposals(store).end(sha256, proposed.key_id, "failed", "AWS account denies iam:UpdateAccessKey", NOW)

    with pytest.raises(DeactivationsFailedError, match="denies iam:UpdateAccessKey"):
        record_decision(sha256, APPROVED, run, store, [MemoryDestination(max_bytes=100)], now=LATER)
    assert (run.staging / "dead-letters" / run.name / "deactivations.ndjson").exists()


def test_record_of_nothing_known_is_nothing(store: Engine, run: RunFolder[Path]) -> None:
    """Of a proposal that the store does not know there is nothing to say."""
    freeze(store, run, keys("ci-0"), created=NOW)

    assert record_decision("0" * 64, REJECTED, run, store, [], now=LATER) == {}
