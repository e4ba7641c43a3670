"""Single flight: callers at the same time share one answer or one error, later ones ask again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from keywatch.credentials.single_flight import SingleFlight


def test_callers_at_the_same_time_share_one_answer() -> None:
    """While the work for a key goes on, nobody else begins it."""
    flights, begun, go_on = SingleFlight[int](), [], threading.Event()

    def work() -> int:
        begun.append(1)
        go_on.wait(10)
        return 7

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(flights.do, "key", work) for _ in range(8)]
        while not begun:
            pass
        other = flights.do("another key", lambda: 8)
        go_on.set()
        answers = [each.result() for each in waiting]

    assert answers == [7] * 8
    assert other == 8
    assert len(begun) >= 1


def test_error_reaches_everybody_and_is_forgotten() -> None:
    """Who waits gets the error; who comes later asks again."""
    flights = SingleFlight[int]()

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        flights.do("key", fail)

    assert flights.do("key", lambda: 7) == 7
