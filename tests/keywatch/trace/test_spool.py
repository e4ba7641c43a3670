"""Lines come back in order, whoever wrote them and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.trace.spool import Spool


@given(st.lists(st.tuples(st.text(max_size=3), st.binary(max_size=30)), max_size=30))
def test_lines_come_back_by_their_keys(lines: list[tuple[str, bytes]]) -> None:
    """Lines are in order of their keys; of equal ones, the first added comes first."""
    spool = Spool()
    for key, line in lines:
        spool.add(key, line)

    assert list(spool.in_order()) == [line for _, line in sorted(lines, key=lambda each: each[0])]
    assert len(spool) == len(lines)
    spool.close()


def test_threads_lose_no_line() -> None:
    """Whoever finds another thread writing leaves the line to it."""
    spool = Spool()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: spool.add(f"{number:05d}", str(number).encode() * 50), range(2000)))

    assert list(spool.in_order()) == [str(number).encode() * 50 for number in range(2000)]
    spool.close()


def test_line_that_comes_while_another_is_written_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that the garbage collector adds in the middle of the writing of another one is written after it."""
    spool = Spool()
    write = spool._write

    def interrupted(key: str, line: bytes) -> None:
        if key == "a":
            spool.add("b", b"collected")
        write(key, line)

    monkeypatch.setattr(spool, "_write", interrupted)
    spool.add("a", b"first")

    assert list(spool.in_order()) == [b"first", b"collected"]
    spool.close()
