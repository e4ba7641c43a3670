"""A batch's records to their destination."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keywatch.errors import ServiceUnavailableError, StagingDamagedError, StagingGoneError
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.load import load_batch
from keywatch.pipeline.manifests import TransformedBatch
from keywatch.pipeline.transform import transform_batch
from tests.keywatch.fakes import MemoryDestination
from tests.keywatch.pipeline.staged import ACCOUNTS, begun, extracted, raw_row

ONE, TWO, _ = ACCOUNTS


@pytest.fixture
def run(tmp_path: Path) -> RunFolder[Path]:
    """Begin a run."""
    return begun(tmp_path)


@pytest.fixture
def transformed(run: RunFolder[Path]) -> TransformedBatch:
    """Transform a batch of two accounts and eleven keys, of which one row is malformed and one record large."""
    rows = {
        ONE: [raw_row(ONE, f"user{number}") for number in range(5)],
        TWO: [raw_row(TWO, f"user{number}") for number in range(4)],
    }
    rows[TWO] += [raw_row(TWO, "large", account_name="x" * 2_000), raw_row(TWO, "bad", snapshot_time="bad")]
    return transform_batch(extracted(run, rows), run)


def test_load_batch_delivers_and_counts(run: RunFolder[Path], transformed: TransformedBatch) -> None:
    """Every record arrives once; what cannot be sent is put aside, and counted with what could not be transformed."""
    destination = MemoryDestination(2_000)

    loaded = load_batch(transformed, run, [destination], in_flight=2)

    assert sorted((row["account_number"], row["user"]) for row in destination.records) == sorted(
        [(ONE, f"user{number}") for number in range(5)] + [(TWO, f"user{number}") for number in range(4)]
    )
    assert loaded == {
        "number": 0,
        "accepted": 9,
        "rejected": {TWO: 2},
        "perhaps_twice": 0,
        "chunks": len(destination.bodies),
        "sent_bytes": sum(map(len, destination.bodies)),
        "largest": max(map(len, destination.bodies)),
    }
    path = run.staging / "dead-letters" / run.name / "batch-0000-load.ndjson"
    (letter,) = map(json.loads, path.read_text().splitlines())
    assert (letter["subject"], json.loads(letter["row"])["user"]) == (TWO, "large")
    assert "the limit is 2000" in letter["reason"]


def test_load_batch_goes_on_where_it_failed(run: RunFolder[Path], transformed: TransformedBatch) -> None:
    """A second try sends what the first did not, with another limit too, and counts both."""
    first = MemoryDestination(1_300, errors=[None, ServiceUnavailableError("down")])
    with pytest.raises(ServiceUnavailableError):
        load_batch(transformed, run, [first], in_flight=1)
    second = MemoryDestination(2_000)

    loaded = load_batch(transformed, run, [second])

    assert len(first.records) >= 1
    assert len(first.records) + len(second.records) == 9
    assert len({row["RecordId"] for row in first.records + second.records}) == 9
    assert loaded["accepted"] == 9


def test_load_batch_keeps_dead_letters_when_it_fails(run: RunFolder[Path]) -> None:
    """A letter written before an error is there to be read, whether a further try comes or not."""
    rows = [raw_row(ONE, "large", account_name="x" * 2_000), raw_row(ONE, "alice")]
    transformed = transform_batch(extracted(run, {ONE: rows}), run)

    with pytest.raises(ServiceUnavailableError):
        load_batch(transformed, run, [MemoryDestination(1_000, errors=[ServiceUnavailableError("down")])])

    path = run.staging / "dead-letters" / run.name / "batch-0000-load.ndjson"
    assert [json.loads(line)["subject"] for line in path.read_text().splitlines()] == [ONE]


def test_load_batch_keeps_to_a_limit(run: RunFolder[Path], transformed: TransformedBatch) -> None:
    """A run may ask for smaller requests than the destination takes."""
    destination = MemoryDestination(100_000)

    load_batch(transformed, run, [destination], limit=1_500)

    assert max(map(len, destination.bodies)) <= 1_500


def test_load_batch_refuses_records_that_changed(run: RunFolder[Path], transformed: TransformedBatch) -> None:
    """Records cut short, or gone, are found before anything is sent."""
    destination = MemoryDestination()
    records = run.batch(0).records
    records.write_bytes(records.read_bytes()[:-10])
    with pytest.raises(StagingDamagedError):
        load_batch(transformed, run, [destination])

    records.unlink()
    with pytest.raises(StagingGoneError):
        load_batch(transformed, run, [destination])

    assert destination.calls == 0


def test_load_batch_gives_every_destination_the_same_records(
    run: RunFolder[Path], transformed: TransformedBatch
) -> None:
    """A copy gets what the destination gets; a retry sends each of them only what it has not accepted yet."""
    first, copy = MemoryDestination(2_000, name="first"), MemoryDestination(2_000, name="copy")
    failing = MemoryDestination(2_000, name="copy", errors=[ServiceUnavailableError("down")])
    with pytest.raises(ServiceUnavailableError):
        load_batch(transformed, run, [first, failing], in_flight=1)

    loaded = load_batch(transformed, run, [first, copy], in_flight=1)

    assert sorted(map(str, first.records)) == sorted(map(str, copy.records))
    assert (loaded["accepted"], len(first.records)) == (9, 9)


def test_load_batch_counts_a_record_that_one_destination_cannot_take(
    run: RunFolder[Path], transformed: TransformedBatch
) -> None:
    """What does not fit the copy alone is a dead letter of its own, and counted once per account."""
    first, copy = MemoryDestination(10_000, name="first"), MemoryDestination(50, name="copy")

    loaded = load_batch(transformed, run, [first, copy])

    assert (loaded["accepted"], loaded["rejected"]) == (0, {ONE: 5, TWO: 6})
    letters = (run.staging / "dead-letters" / run.name).iterdir()
    assert "batch-0000-load-copy-1.ndjson" in {path.name for path in letters}
