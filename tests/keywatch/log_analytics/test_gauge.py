"""Gauges: what they let through fits, on the wire too, and little room is wasted."""

from __future__ import annotations

import gzip
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.log_analytics.chunk import Chunk, Rejected, pack
from keywatch.log_analytics.destination import Limits
from keywatch.log_analytics.gauge import GZIP_LEVEL, BodyGauge, WireGauge
from keywatch.staging import encode

RECORDS = st.lists(
    st.dictionaries(st.text(max_size=8), st.text(max_size=200) | st.integers() | st.none(), max_size=4).map(encode),
    max_size=60,
)


def on_the_wire(chunk: Chunk) -> int:
    """Count the bytes of a chunk as it is sent."""
    return len(gzip.compress(chunk.body(), GZIP_LEVEL, mtime=0))


def rows(count: int, seed: int = 1) -> list[bytes]:
    """Make rows like those of access keys."""
    choose = random.Random(seed)  # noqa: S311 - test data
    return [
        encode(
            {
                "user_s": f"user-{choose.randrange(10**6)}",
                "account_number_s": f"{choose.randrange(10**12):012d}",
                "KeyId_s": f"k{choose.randrange(10**20):026d}",
                "Status_s": choose.choice(["Active", "Inactive"]),
                "SnapshotTime_t": "2026-10-01T00:00:00Z",
            }
        )
        for _ in range(count)
    ]


@given(RECORDS, st.integers(150, 3000), st.integers(200, 2000))
def test_every_chunk_fits_both_limits_and_nothing_is_lost(records: list[bytes], most: int, wire: int) -> None:
    """Whatever the records, each chunk is within the limits before and after compression, and order is kept."""
    packed = list(pack(enumerate(records), WireGauge(most, wire)))

    for item in packed:
        assert isinstance(item, Rejected) or (item.size <= most and on_the_wire(item) <= wire)
    found = [
        pair
        for item in packed
        for pair in (
            [(item.index, item.record)] if isinstance(item, Rejected) else enumerate(item.records, start=item.first)
        )
    ]
    assert found == list(enumerate(records))


def test_wire_packing_fills_to_90_percent_and_holds_several_times_as_many_rows() -> None:
    """Rows compress well: a request by the wire's limit holds a multiple of one by the body's, and is nearly full."""
    records = rows(30_000)
    by_wire = [each for each in pack(enumerate(records), WireGauge(10_000_000, 100_000)) if isinstance(each, Chunk)]
    by_body = [each for each in pack(enumerate(records), BodyGauge(100_000)) if isinstance(each, Chunk)]

    assert all(on_the_wire(each) >= 90_000 for each in by_wire[:-1])
    assert len(by_body) > 3 * len(by_wire)


def test_wire_packing_of_noise_is_packing_by_the_body() -> None:
    """What does not compress at all still fits."""
    choose = random.Random(1)  # noqa: S311 - test data
    records = [encode({"a": "".join(choose.choices("0123456789abcdefXYZ", k=500))}) for _ in range(300)]

    packed = list(pack(enumerate(records), WireGauge(10_000_000, 20_000)))

    assert all(isinstance(each, Chunk) and on_the_wire(each) <= 20_000 for each in packed)


def test_record_too_large_for_the_wire_names_both_limits() -> None:
    """A record that cannot be known to fit alone is rejected, with its size and both limits."""
    (rejected,) = pack([(0, encode({"a": "x" * 5000}))], WireGauge(10_000, 4_000))

    assert isinstance(rejected, Rejected)
    assert "10000" in rejected.reason
    assert "4000 after gzip" in rejected.reason


@pytest.mark.parametrize(("most", "wire"), [(3, 1000), (1000, 20)])
def test_limits_for_no_record_at_all_are_refused(most: int, wire: int) -> None:
    """A limit that cannot hold the smallest record is a mistake of the caller's."""
    with pytest.raises(ValueError, match="cannot hold a record"):
        WireGauge(most, wire)


def test_limits_choose_the_gauge() -> None:
    """A destination with a limit on the wire is packed by it; the user's own limit only lowers the body's."""
    plain, wired = Limits(body=100, usual=50), Limits(body=100, usual=100, wire=1000)

    assert (plain.gauge().limit, plain.gauge(80).limit, plain.gauge(800).limit) == (
        "the limit is 50",
        "the limit is 80",
        "the limit is 100",
    )
    assert "1000 after gzip" in wired.gauge().limit


def test_encoded_records_are_what_is_sent_and_lines_what_is_kept() -> None:
    """A destination's own form of a record goes into the body; receipts and dead letters hold the staged one."""
    lines = [encode({"a": number}) for number in range(3)]

    def renamed(line: bytes) -> bytes:
        return encode({f"{name}_d": value for name, value in json.loads(line).items()})

    (chunk,) = pack(enumerate(lines), BodyGauge(1000), renamed)

    assert isinstance(chunk, Chunk)
    assert json.loads(chunk.body()) == [{"a_d": 0}, {"a_d": 1}, {"a_d": 2}]
    assert chunk.lines == tuple(lines)
    left, right = chunk.halves()
    assert (left.lines, json.loads(left.body())) == ((lines[0],), [{"a_d": 0}])
    assert (right.first, json.loads(right.body())) == (1, [{"a_d": 1}, {"a_d": 2}])
