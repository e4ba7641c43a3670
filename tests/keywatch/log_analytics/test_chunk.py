"""Packing: nothing lost, nothing over the limit, nothing smaller than it need be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.log_analytics.chunk import Chunk, Rejected, pack
from keywatch.log_analytics.gauge import BodyGauge
from keywatch.staging import encode

TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)
RECORDS = st.lists(st.dictionaries(TEXTS, TEXTS | st.integers() | st.none(), max_size=3).map(encode), max_size=60)
LIMITS = st.integers(4, 400)


def chunks_of(records: list[bytes], limit: int) -> list[Chunk | Rejected]:
    """Pack records that follow one another in a file."""
    return list(pack(enumerate(records), BodyGauge(limit)))


def contents(packed: list[Chunk | Rejected]) -> list[tuple[int, bytes]]:
    """Give position and record of everything that came out, in order."""
    pairs = []
    for item in packed:
        records = (item.record,) if isinstance(item, Rejected) else item.records
        first = item.index if isinstance(item, Rejected) else item.first
        pairs += list(enumerate(records, start=first))
    return pairs


@given(RECORDS, LIMITS)
def test_pack_gives_back_every_record_in_order(records: list[bytes], limit: int) -> None:
    """Chunks and rejected records together are the input: every record once, in order, where it was."""
    assert contents(chunks_of(records, limit)) == list(enumerate(records))


@given(RECORDS, LIMITS)
def test_pack_makes_valid_bodies_within_the_limit(records: list[bytes], limit: int) -> None:
    """A body is a JSON array of exactly its records, as long as its chunk says and no longer than allowed."""
    for item in chunks_of(records, limit):
        if isinstance(item, Chunk):
            body = item.body()
            assert json.loads(body) == [json.loads(record) for record in item.records]
            assert len(body) == item.size <= limit
            assert len(item.records) == item.count >= 1


@given(RECORDS, LIMITS)
def test_pack_rejects_only_what_fits_nowhere(records: list[bytes], limit: int) -> None:
    """A record is rejected if, and only if, its body alone would be over the limit."""
    rejected = [item.index for item in chunks_of(records, limit) if isinstance(item, Rejected)]

    assert rejected == [index for index, record in enumerate(records) if len(record) + 2 > limit]


@given(RECORDS, LIMITS)
def test_pack_fills_greedily(records: list[bytes], limit: int) -> None:
    """No chunk could have taken the record that begins the next one."""
    for item, following in pairwise(chunks_of(records, limit)):
        if isinstance(item, Chunk) and isinstance(following, Chunk):
            assert item.size + 1 + len(following.records[0]) > limit


@given(st.lists(st.integers(12, 100), min_size=1, max_size=3_000))
def test_pack_fills_to_99_percent_where_records_are_small(sizes: list[int]) -> None:
    """Where no record is larger than 1 % of the limit, every chunk but the last is at least 99 % full."""
    chunks = chunks_of([encode({"a": "x" * (size - 8)}) for size in sizes], 10_000)

    assert all(isinstance(item, Chunk) and item.size >= 9_900 for item in chunks[:-1])


@given(RECORDS, LIMITS, st.sets(st.integers(0, 60)))
def test_pack_ends_a_chunk_at_a_gap(records: list[bytes], limit: int, missing: set[int]) -> None:
    """A chunk holds neighbours only, and what is left out of the input is left out of the output."""
    present = [(index, record) for index, record in enumerate(records) if index not in missing]

    packed = list(pack(present, BodyGauge(limit)))

    assert contents(packed) == present


def test_pack_of_nothing_is_nothing() -> None:
    """An empty file makes no request, not even an empty one."""
    assert chunks_of([], 100) == []


def test_pack_of_one_record_is_one_body() -> None:
    """One record makes an array of one."""
    (only,) = chunks_of([b'{"a":1}'], 100)

    assert isinstance(only, Chunk)
    assert only.body() == b'[{"a":1}]'


@pytest.mark.parametrize(("limit", "kind"), [(8, Rejected), (9, Chunk), (10, Chunk)])
def test_pack_of_one_record_around_the_limit(limit: int, kind: type) -> None:
    """Seven bytes of record and two brackets fit nine bytes exactly."""
    (only,) = chunks_of([b'{"a":1}'], limit)

    assert isinstance(only, kind)


@pytest.mark.parametrize(("limit", "counts"), [(16, [1, 1]), (17, [2]), (18, [2])])
def test_pack_of_two_records_around_the_limit(limit: int, counts: list[int]) -> None:
    """Two records of seven bytes, a comma and two brackets fit seventeen bytes exactly."""
    chunks = chunks_of([b'{"a":1}', b'{"a":2}'], limit)

    assert counts == [item.count for item in chunks if isinstance(item, Chunk)]


@pytest.mark.parametrize("text", ["é", "李雷", "🔑", "\U0010ffff", '\n"\\\x00', "e\u0301"])
def test_pack_counts_bytes_and_not_characters(text: str) -> None:
    """Letters of more than one byte, emoji and escapes count with their bytes."""
    record = encode({"user": text})
    exact = len(record) + 2

    assert isinstance(chunks_of([record], exact)[0], Chunk)
    assert isinstance(chunks_of([record], exact - 1)[0], Rejected)


def test_pack_goes_on_behind_a_rejected_record() -> None:
    """A record that fits nowhere ends its chunk, is named with size and limit, and the rest goes on."""
    before, large, behind = b'{"a":1}', b'{"a":"' + b"x" * 100 + b'"}', b'{"a":2}'

    first, rejected, last = chunks_of([before, large, behind], 50)

    assert first == Chunk(0, (before,))
    assert isinstance(rejected, Rejected)
    assert (rejected.index, rejected.record) == (1, large)
    assert "110 bytes" in rejected.reason
    assert "50" in rejected.reason
    assert last == Chunk(2, (behind,))


def test_pack_with_a_limit_for_no_record_at_all_is_refused() -> None:
    """A limit that cannot hold the smallest record is a mistake of the caller's."""
    with pytest.raises(ValueError, match="3 bytes"):
        BodyGauge(3)


def test_pack_reads_no_further_than_it_must() -> None:
    """Memory holds one chunk: the input is read up to the record that did not fit any more."""
    taken = []

    def records() -> Iterator[tuple[int, bytes]]:
        for index in range(100):
            taken.append(index)
            yield index, b'{"a":1}'

    next(pack(records(), BodyGauge(17)))

    assert taken == [0, 1, 2]


@given(st.lists(st.just(b"{}"), min_size=2, max_size=20), st.integers(0, 5))
def test_halves_are_the_chunk(records: list[bytes], first: int) -> None:
    """The halves of a chunk are neighbours, neither is empty, and together they are the chunk."""
    left, right = Chunk(first, tuple(records)).halves()

    assert (*left.records, *right.records) == tuple(records)
    assert (left.first, right.first) == (first, first + left.count)
    assert min(left.count, right.count) >= 1


def test_chunk_shows_no_record() -> None:
    """A chunk or rejected record in a log line shows no record."""
    assert "secret" not in repr(chunks_of([b'{"a":"secret"}', b'{"a":"secret and long"}'], 20))
