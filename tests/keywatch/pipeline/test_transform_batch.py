"""A batch's raw rows into one file of records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keywatch.errors import StagingDamagedError, StagingGoneError
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.transform import transform_batch
from keywatch.staging import check_file
from tests.keywatch.pipeline.staged import ACCOUNTS, RUN_ID, begun, extracted, raw_row

ONE, TWO, _ = ACCOUNTS


@pytest.fixture
def run(tmp_path: Path) -> RunFolder[Path]:
    """Begin a run."""
    return begun(tmp_path)


def records(run: RunFolder[Path]) -> list[dict[str, Any]]:
    """Give the records of the first batch."""
    return [json.loads(line) for line in run.batch(0).records.read_text().splitlines()]


def letters(run: RunFolder[Path], step: str) -> list[dict[str, Any]]:
    """Give the dead letters of the first batch."""
    path = run.staging / "dead-letters" / run.name / f"batch-0000-{step}.ndjson"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_transform_batch_makes_one_file_of_all_accounts(run: RunFolder[Path]) -> None:
    """The accounts' rows follow one another in the batch's file, which the manifest describes."""
    staged = extracted(run, {ONE: [raw_row(ONE, "alice"), raw_row(ONE, "bob")], TWO: [raw_row(TWO, "Zoë")]})

    manifest = transform_batch(staged, run)

    assert [(row["account_number"], row["user"], row["RunId"]) for row in records(run)] == [
        (ONE, "alice", RUN_ID),
        (ONE, "bob", RUN_ID),
        (TWO, "Zoë", RUN_ID),
    ]
    assert (manifest["number"], manifest["count"], manifest["rejected"]) == (0, 3, {})
    assert manifest["path"] == str(run.batch(0).records)
    check_file(run.batch(0).records, manifest["sha256"])
    assert not (run.staging / "dead-letters").exists()


def test_transform_batch_twice_makes_the_same_bytes(run: RunFolder[Path]) -> None:
    """A second try makes the same file, so that receipts stay good."""
    staged = extracted(run, {ONE: [raw_row(ONE, f"user{number}") for number in range(50)]})

    assert transform_batch(staged, run) == transform_batch(staged, run)


def test_transform_batch_of_accounts_without_keys_is_an_empty_file(run: RunFolder[Path]) -> None:
    """An account without keys adds nothing, and that is no error."""
    manifest = transform_batch(extracted(run, {ONE: []}), run)

    assert manifest["count"] == 0
    assert run.batch(0).records.read_bytes() == b""


def test_transform_batch_puts_a_malformed_row_aside(run: RunFolder[Path]) -> None:
    """A row that cannot become a record is kept with its reason, counted for its account, and the rest goes on."""
    bad = raw_row(TWO, "bad", create_date="yesterday")
    staged = extracted(run, {ONE: [raw_row(ONE, "alice")], TWO: [bad, raw_row(TWO, "bob")]})

    manifest = transform_batch(staged, run)

    assert [row["user"] for row in records(run)] == ["alice", "bob"]
    assert (manifest["count"], manifest["rejected"]) == (2, {TWO: 1})
    (letter,) = letters(run, "transform")
    assert letter["subject"] == TWO
    assert "create_date 'yesterday'" in letter["reason"]
    assert json.loads(letter["row"]) == bad


def test_transform_batch_twice_leaves_each_letter_once(run: RunFolder[Path]) -> None:
    """The dead letters of a second try replace those of the first."""
    staged = extracted(run, {ONE: [raw_row(ONE, "bad", user_arn="bad")]})
    transform_batch(staged, run)
    transform_batch(staged, run)

    assert len(letters(run, "transform")) == 1


@pytest.mark.parametrize("damage", [b"", b'{"user_name"', b"{}\n"])
def test_transform_batch_finds_a_damaged_file(damage: bytes, run: RunFolder[Path]) -> None:
    """Raw rows that are not what was written are not taken for the account's keys."""
    staged = extracted(run, {ONE: [raw_row(ONE, "alice")]})
    run.batch(0).raw(ONE).write_bytes(damage)

    with pytest.raises(StagingDamagedError, match=ONE):
        transform_batch(staged, run)


def test_transform_batch_finds_a_missing_file(run: RunFolder[Path]) -> None:
    """An account's rows, or the note how its reading ended, may be gone: both say what to clear."""
    staged = extracted(run, {ONE: [raw_row(ONE, "alice")]})
    run.batch(0).raw(ONE).unlink()
    with pytest.raises(StagingGoneError, match=ONE):
        transform_batch(staged, run)

    (run.batch(0).folder / "raw" / f"{ONE}.json").unlink()
    with pytest.raises(StagingGoneError, match=ONE):
        transform_batch(staged, run)


def test_transform_that_breaks_off_says_nothing_of_the_one_before(run: RunFolder[Path]) -> None:
    """What a batch's records were is forgotten before they are made anew, so that nobody takes half of them for all."""
    batch = extracted(run, {ONE: [raw_row(ONE, "alice")]})
    transformed = transform_batch(batch, run)
    assert run.batch(0).transformed() == transformed
    run.batch(0).raw(ONE).unlink()

    with pytest.raises(StagingGoneError):
        transform_batch(batch, run)

    assert run.batch(0).transformed() is None
