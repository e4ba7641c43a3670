"""What became of every account, and the run's verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keywatch.errors import IncompleteReportError, StagingGoneError, UnreachableError
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.manifests import Batch, ExtractedBatch, LoadedBatch, Published, SkippedAccount
from keywatch.pipeline.publish import publish
from keywatch.pipeline.transform import transform_batch
from keywatch.pipeline.verdict import verdict
from keywatch.report.model import AccountFigures
from keywatch.report.query import KeyQuery
from keywatch.staging import remove_tree
from tests.expected import record_id
from tests.keywatch.fakes import MemoryDestination
from tests.keywatch.pipeline.staged import (
    ACCOUNTS,
    LISTED_AT,
    RUN_ID,
    SNAPSHOT,
    batch_of,
    begun,
    loaded,
    raw_row,
    stage_account,
)
from tests.keywatch.report.stores import reader_of, store_in

ONE, TWO, THREE = ACCOUNTS
NOW = datetime(2024, 3, 1, 0, 5, tzinfo=UTC)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder[Path]:
    """Begin a run whose first account was read, with two keys."""
    run = begun(tmp_path)
    stage_account(run, ONE, [raw_row(ONE, "alice"), raw_row(ONE, "bob")])
    return run


def published(
    run: RunFolder[Path], batches: list[Batch], done: list[LoadedBatch], destination: MemoryDestination | None = None
) -> tuple[Published, dict[str, dict[str, Any]]]:
    """Publish; give the result, and the audit rows by account."""
    destination = destination or MemoryDestination(100_000)
    for each in done:
        [batch] = [batch for batch in batches if batch["number"] == each["number"]]
        transform_batch(ExtractedBatch(batch=batch, keys=0), run)
    result = publish(batches, done, run, [destination], store_in(run.staging), now=NOW, keep=timedelta(days=7))
    return result, {row["account_number"]: row for row in destination.records}


def test_publish_of_a_complete_run(run: RunFolder[Path]) -> None:
    """Where everything was read and delivered, the report is complete, and the account's row says so."""
    result, rows = published(run, [batch_of(ONE)], [loaded(accepted=2)])

    assert result == {
        "run_id": RUN_ID,
        "complete": True,
        "delivered": True,
        "accounts": {"ok": 1},
        "keys": 2,
        "accepted": 2,
        "rejected": 0,
        "perhaps_twice": 0,
        "problems": [],
        "more_problems": 0,
    }
    assert rows == {
        ONE: {
            "loggedDate": "2024-03-01",
            "account_number": ONE,
            "AccountName": f"name-{ONE}",
            "Status": "ok",
            "UserCount": 2,
            "KeyCount": 2,
            "RejectedCount": 0,
            "SnapshotTime": SNAPSHOT,
            "RecordId": record_id(ONE, RUN_ID),
            "RunId": RUN_ID,
        }
    }
    assert verdict(result) == "Complete: accounts: 1 ok; 2 keys delivered."


def test_publish_names_an_account_that_was_denied(run: RunFolder[Path]) -> None:
    """An account that denies access has a row with the reason, unlike one without keys."""
    stage_account(run, TWO, [], status="denied", action="iam:ListUsers", reason="denies iam:ListUsers")
    stage_account(run, THREE, [])

    result, rows = published(run, [batch_of(*ACCOUNTS)], [loaded(accepted=2)])

    assert {account: row["Status"] for account, row in rows.items()} == {ONE: "ok", TWO: "denied", THREE: "ok"}
    assert [row.get("Reason") for row in rows.values()] == [None, "denies iam:ListUsers", None]
    assert [row.get("Action") for row in rows.values()] == [None, "iam:ListUsers", None]
    assert (result["complete"], result["accounts"]) == (False, {"ok": 2, "denied": 1})
    assert result["problems"] == [f"{TWO} (name-{TWO}): denied: denies iam:ListUsers"]
    with pytest.raises(IncompleteReportError, match=f"1 denied, 2 ok.*\n{TWO}"):
        verdict(result)


def test_publish_lists_accounts_that_were_left_out(tmp_path: Path) -> None:
    """An account that was not to be audited has a row that says why, and does not make the run incomplete."""
    run = RunFolder(tmp_path, RUN_ID)
    run.start(LISTED_AT, [SkippedAccount(id=TWO, name="closed", reason="left out: its state is CLOSED")])
    stage_account(run, ONE, [raw_row(ONE, "alice")])

    result, rows = published(run, [batch_of(ONE)], [loaded(accepted=1)])

    assert (result["complete"], result["accounts"]) == (True, {"ok": 1, "skipped": 1})
    assert (rows[TWO]["Status"], rows[TWO]["Reason"]) == ("skipped", "left out: its state is CLOSED")
    assert (rows[TWO]["AccountName"], rows[TWO]["KeyCount"], rows[TWO]["SnapshotTime"]) == ("closed", 0, LISTED_AT)


def test_publish_finds_a_batch_that_never_came(run: RunFolder[Path]) -> None:
    """Accounts of a batch that failed on all its tries are missing from every result, and named all the same."""
    batches = [batch_of(ONE, number=0), batch_of(TWO, number=1)]

    result, rows = published(run, batches, [loaded(0, accepted=2)])

    assert rows[TWO]["Status"] == "failed"
    assert "task extract" in rows[TWO]["Reason"].replace("audit.", "")
    assert "map index 1" in rows[TWO]["Reason"]
    assert rows[TWO]["SnapshotTime"] == LISTED_AT
    assert not result["complete"]


def test_publish_finds_keys_that_were_read_but_not_delivered(run: RunFolder[Path]) -> None:
    """An account read in full is not `ok` while its keys have not arrived."""
    result, rows = published(run, [batch_of(ONE)], [])

    assert (rows[ONE]["Status"], rows[ONE]["KeyCount"]) == ("failed", 2)
    assert "2 keys were read but not all delivered" in rows[ONE]["Reason"]
    assert (result["accepted"], result["complete"]) == (0, False)


def test_publish_of_rejected_keys_is_partial(run: RunFolder[Path]) -> None:
    """Keys in the dead letters make their account partial, and no other."""
    stage_account(run, TWO, [raw_row(TWO, "carol")])

    result, rows = published(run, [batch_of(ONE, TWO)], [loaded(accepted=2, rejected={ONE: 1})])

    assert (rows[ONE]["Status"], rows[ONE]["RejectedCount"], rows[TWO]["Status"]) == ("partial", 1, "ok")
    assert "1 of 2 keys were rejected: see the dead letters" in rows[ONE]["Reason"]
    assert result["rejected"] == 1
    with pytest.raises(IncompleteReportError, match="2 keys delivered, 1 rejected"):
        verdict(result)


def test_publish_takes_results_in_any_order(run: RunFolder[Path]) -> None:
    """Results of batches are known by their number, not by their place."""
    stage_account(run, TWO, [raw_row(TWO, "carol")], number=1)
    batches = [batch_of(ONE, number=0), batch_of(TWO, number=1)]

    result, _ = published(run, batches, [loaded(1, accepted=1), loaded(0, accepted=2)])

    assert (result["complete"], result["accepted"], result["keys"]) == (True, 3, 3)


def test_publish_names_the_first_problems_and_counts_the_rest(run: RunFolder[Path]) -> None:
    """A result stays small however many accounts fail; nothing is hidden."""
    many = [f"{number:012}" for number in range(25)]

    result, rows = published(run, [batch_of(*many)], [])

    assert (len(result["problems"]), result["more_problems"], len(rows)) == (20, 5, 25)
    with pytest.raises(IncompleteReportError, match="and 5 more, in AWS_Access_Key_Audit_CL"):
        verdict(result)


def test_publish_twice_sends_the_audit_once(run: RunFolder[Path]) -> None:
    """A second try has nothing to send, unless an account's row has changed; then that row has the same RecordId."""
    destination = MemoryDestination(100_000)
    published(run, [batch_of(ONE)], [], destination)
    published(run, [batch_of(ONE)], [], destination)
    published(run, [batch_of(ONE)], [loaded(accepted=2)], destination)

    assert [row["Status"] for row in destination.records] == ["failed", "ok"]
    assert len({row["RecordId"] for row in destination.records}) == 1


def test_publish_that_cannot_write_fails(run: RunFolder[Path]) -> None:
    """Without its audit rows a run is not published."""
    with pytest.raises(UnreachableError):
        published(run, [batch_of(ONE)], [loaded()], MemoryDestination(errors=[UnreachableError("away")]))

    assert not (run.staging / "report").exists()


def test_publish_puts_a_row_that_fits_nowhere_aside(run: RunFolder[Path]) -> None:
    """An audit row over the destination's limit goes to the dead letters instead of failing the run."""
    stage_account(run, TWO, [], status="denied", reason="x" * 1_000)

    _, rows = published(run, [batch_of(ONE, TWO)], [loaded(accepted=2)], MemoryDestination(600))

    assert list(rows) == [ONE]
    assert f'"subject":"{TWO}"' in (run.staging / "dead-letters" / run.name / "audit.ndjson").read_text()


def test_publish_writes_the_report_store(run: RunFolder[Path]) -> None:
    """The page gets every key that was read, and how the run and each account ended."""
    stage_account(run, TWO, [], status="denied", action="iam:ListUsers", reason="no")
    published(run, [batch_of(ONE, TWO)], [loaded(accepted=2)])

    reader = reader_of(run.staging)
    overview = reader.overview()
    assert overview is not None
    assert (overview.run.run_id, overview.run.complete, overview.run.accounts) == (RUN_ID, False, 2)
    assert (overview.accounts, overview.figures.keys) == (AccountFigures(read=1, not_read=1), 2)
    assert sorted(row.user_name for row in reader.keys(KeyQuery()).rows) == ["alice", "bob"]
    [denied] = overview.not_read
    assert (denied.id, denied.name, denied.action, denied.read_at) == (TWO, f"name-{TWO}", "iam:ListUsers", None)


def test_publish_shows_what_was_read_but_not_delivered(run: RunFolder[Path]) -> None:
    """Keys that reached no table are on the page all the same: their account was read, and what is wrong is said."""
    transform_batch(ExtractedBatch(batch=batch_of(ONE), keys=2), run)

    summary, _ = published(run, [batch_of(ONE)], [])

    reader = reader_of(run.staging)
    account = reader.account(ONE)
    assert account is not None
    assert (account.status, account.figures.keys) == ("ok", 2)
    assert account.read_at == datetime.fromisoformat(SNAPSHOT)
    assert "read but not all delivered" in str(account.reason)
    assert [ending.rejected for ending in reader.account_runs(ONE)] == [2]
    assert not summary["complete"]


def test_key_that_is_no_record_keeps_its_account_from_being_whole(run: RunFolder[Path]) -> None:
    """An account of which a key went to the dead letters is read in part, so that no key is taken for deleted."""
    stage_account(run, ONE, [raw_row(ONE, "alice"), raw_row(ONE, "bob", create_date="yesterday")])

    published(run, [batch_of(ONE)], [loaded(rejected={ONE: 1})])

    account = reader_of(run.staging).account(ONE)
    assert account is not None
    assert account.status == "partial"


def test_record_that_is_not_taken_was_read(run: RunFolder[Path]) -> None:
    """A destination that rejects a record does not make its account one that was read in part."""
    transform_batch(ExtractedBatch(batch=batch_of(ONE), keys=2), run)

    _, rows = published(run, [batch_of(ONE)], [loaded(accepted=1, rejected={ONE: 1})])

    account = reader_of(run.staging).account(ONE)
    assert account is not None
    assert (account.status, rows[ONE]["Status"]) == ("ok", "partial")
    assert "1 of 2 keys were rejected" in str(account.reason)


def test_publish_of_an_older_run_leaves_the_latest_report(run: RunFolder[Path]) -> None:
    """A run that is cleared later than a newer one ended does not take its place."""
    published(run, [batch_of(ONE)], [loaded(accepted=2)])
    older = begun(run.staging, "older", "2024-02-01T00:00:00Z")

    published(older, [batch_of(ONE)], [])

    overview = reader_of(run.staging).overview()
    assert overview is not None
    assert (overview.run.run_id, overview.figures.keys) == (run.run_id, 2)


def test_publish_of_a_removed_run_says_so(run: RunFolder[Path]) -> None:
    """Once retention has removed a run, clearing its publish makes no false rows and no new folder."""
    remove_tree(run.folder)
    destination = MemoryDestination()

    with pytest.raises(StagingGoneError):
        publish([batch_of(ONE)], [], run, [destination], store_in(run.staging), now=NOW, keep=timedelta(7))

    assert destination.calls == 0
    assert not run.folder.exists()


def test_publish_removes_expired_runs_only(run: RunFolder[Path]) -> None:
    """Publishing cleans up after older runs, never after itself."""
    old = begun(run.staging, "old", "2024-02-01T00:00:00Z")

    publish([batch_of(ONE)], [], run, [MemoryDestination()], store_in(run.staging), now=NOW, keep=timedelta(0))

    assert not old.folder.exists()
    assert run.batch(0).outcome(ONE) is not None


def test_verdict_without_a_report_says_where_to_look() -> None:
    """A run that did not even publish fails, and says which log to read."""
    with pytest.raises(IncompleteReportError, match="first red task"):
        verdict(None)
