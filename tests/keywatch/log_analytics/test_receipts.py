"""Receipts: what they prove, and what they do not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.errors import StagingGoneError
from keywatch.log_analytics.chunk import Chunk
from keywatch.log_analytics.receipts import Receipt, ReceiptBook, merged, proven, uncovered_lines
from keywatch.staging import line_writer, remove_tree

LINES = [f'{{"n":{number}}}'.encode() for number in range(12)]


def write(path: Path, lines: list[bytes]) -> None:
    """Stage some lines."""
    with line_writer(path) as writer:
        for line in lines:
            writer.write(line)


def receipt(first: int, count: int) -> Receipt:
    """Make the receipt of a range of `LINES`."""
    return Receipt.of(Chunk(first, tuple(LINES[first : first + count])))


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    """Stage `LINES`."""
    path = tmp_path / "records.ndjson"
    write(path, LINES)
    return path


def test_receipt_book_gives_back_what_was_written(tmp_path: Path) -> None:
    """Receipts come back by position, in whatever order they were written."""
    book = ReceiptBook(tmp_path / "receipts")
    for first in (5, 0, 3):
        book.write(receipt(first, 2))

    assert ReceiptBook(tmp_path / "receipts").read() == [receipt(0, 2), receipt(3, 2), receipt(5, 2)]


def test_receipt_has_nothing_that_could_be_cut_short(tmp_path: Path) -> None:
    """A receipt's file is empty: that it is there proves what its name says, whatever was to be written."""
    book = ReceiptBook(tmp_path / "receipts")
    book.write(receipt(0, 2))
    [file] = [path for path in (tmp_path / "receipts").iterdir() if path.is_file()]
    assert file.stat().st_size == 0

    file.write_bytes(b"whatever")

    assert book.read() == [receipt(0, 2)]


def test_newest_attempt_is_the_one_that_took_over_last(tmp_path: Path) -> None:
    """However many attempts there are, exactly one goes on; one that has not taken over does not."""
    books = [ReceiptBook(tmp_path / "receipts") for _ in range(12)]
    assert not any(book.is_newest() for book in books)

    for last in books:
        last.take_over()
        assert [book for book in books if book.is_newest()] == [last]


def test_attempt_whose_folder_was_removed_is_not_the_newest(tmp_path: Path) -> None:
    """Where retention has removed the run, nothing says any more what was sent, so nothing is."""
    book = ReceiptBook(tmp_path / "receipts")
    book.take_over()
    remove_tree(tmp_path / "receipts")

    assert not book.is_newest()


@pytest.mark.parametrize(
    "name", ["notes.txt", "000000000002-2-00", f"000000000002-0-{'0' * 64}", f"-1-2-{'0' * 64}", f"2-2-{'0' * 64}"]
)
def test_file_that_is_no_receipt_proves_nothing(name: str, tmp_path: Path) -> None:
    """Something else beside the receipts counts as none, and hurts nothing."""
    book = ReceiptBook(tmp_path / "receipts")
    book.write(receipt(0, 2))
    (tmp_path / "receipts" / name).write_bytes(b"")

    assert book.read() == [receipt(0, 2)]


def test_proven_without_receipts_does_not_read_the_file(tmp_path: Path) -> None:
    """A first attempt reads the file once, to send it."""
    assert proven(tmp_path / "not there", []) == []


def test_proven_of_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    """Receipts without their file are an error that says what to clear."""
    with pytest.raises(StagingGoneError, match="Clear the whole run"):
        proven(tmp_path / "records.ndjson", [receipt(0, 2)])


def test_receipt_of_an_altered_file_lapses(staged: Path) -> None:
    """A receipt counts for the bytes it was made of; other receipts of the file stay good."""
    write(staged, [*LINES[:4], b'{"n":"altered"}', *LINES[5:]])

    assert merged(proven(staged, [receipt(0, 3), receipt(3, 3), receipt(6, 3)])) == [range(3), range(6, 9)]


def test_receipt_of_a_shortened_file_lapses(staged: Path) -> None:
    """A receipt that reaches beyond the file's end proves nothing."""
    write(staged, LINES[:5])

    assert merged(proven(staged, [receipt(0, 3), receipt(3, 3)])) == [range(3)]


def test_receipt_of_a_shifted_file_lapses(staged: Path) -> None:
    """The same lines elsewhere in the file are other records."""
    write(staged, [b"{}", *LINES])

    assert merged(proven(staged, [receipt(0, 3), receipt(3, 3)])) == []


RANGES = st.lists(st.tuples(st.integers(0, 11), st.integers(1, 12)), max_size=8)


@given(RANGES)
def test_proven_and_uncovered_are_the_file(ranges: list[tuple[int, int]]) -> None:
    """Overlapping, nested and touching receipts prove exactly the lines they name; all others are still to be sent."""
    receipts = [receipt(first, min(count, 12 - first)) for first, count in ranges]
    named = {index for each in receipts for index in range(each.first, each.first + each.count)}

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.ndjson"
        write(path, LINES)
        spans = merged(proven(path, receipts))
        rest = list(uncovered_lines(path, spans))

    assert [index for span in spans for index in span] == sorted(named)
    assert rest == [(index, line) for index, line in enumerate(LINES) if index not in named]
