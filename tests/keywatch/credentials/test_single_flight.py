"""Single flight: callers at the same time share one answer or one error, later ones ask again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from keywatch.credentials.single_flight import SingleFlight


class Work:
    """Something that takes until it is let go.

    Attributes:
        begun: How often it was begun.
    """

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = 0
        self._error = error
        self._go_on = threading.Event()

    def __call__(self) -> int:
        """Begin, and end when let go."""
        self.begun += 1
        assert self._go_on.wait(10)
        if self._error:
            raise self._error
        return 7

    def let_go(self) -> None:
        """End it."""
        self._go_on.set()


def followers(flights: SingleFlight[int], work: Work, count: int) -> list[Future[int]]:
    """Let threads ask for the same key, and wait until one works and the others have begun to wait."""
    arrived = threading.Semaphore(0)

    def ask() -> int:
        arrived.release()
        return flights.do("key", work)

    pool = ThreadPoolExecutor(count)
    asking = [pool.submit(ask) for _ in range(count)]
    for _ in range(count):
        arrived.acquire()
    time.sleep(0.2)  # from its arrival to its wait, a thread has a few instructions to go
    work.let_go()
    pool.shutdown()
    return asking


def test_callers_at_the_same_time_share_one_answer() -> None:
    """While the work for a key goes on, nobody else begins it."""
    work = Work()

    answers = [each.result() for each in followers(SingleFlight[int](), work, 8)]

    assert (answers, work.begun) == ([7] * 8, 1)


def test_callers_at_the_same_time_share_one_error() -> None:
    """Who waits gets the error of who works, and does not begin it again."""
    work = Work(ValueError("no"))

    errors = [each.exception() for each in followers(SingleFlight[int](), work, 4)]

    assert ([str(error) for error in errors], work.begun) == (["no"] * 4, 1)


def test_other_keys_do_not_wait() -> None:
    """What goes on for one key holds up no other."""
    flights, work = SingleFlight[int](), Work()

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(flights.do, "key", work)
        assert flights.do("another key", lambda: 8) == 8
        work.let_go()
        assert slow.result() == 7


def test_error_is_forgotten() -> None:
    """Who comes later asks again."""
    flights, failing = SingleFlight[int](), Work(ValueError("no"))
    failing.let_go()

    with pytest.raises(ValueError, match="no"):
        flights.do("key", failing)

    assert flights.do("key", lambda: 7) == 7
