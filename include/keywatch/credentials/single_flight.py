"""One request at a time for the same thing, whoever asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Lets callers that ask for the same thing at the same time share one answer, or one error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Hashable, Future[T]] = {}

    def do(self, key: Hashable, work: Callable[[], T]) -> T:
        """Do the work, or wait for the caller who is doing it.

        Raises:
            BaseException: What the work raised.
        """
        with self._lock:
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if not leads:
            return flight.result()
        try:
            flight.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever waits must not wait for ever
            flight.set_exception(error)
        finally:
            with self._lock:
                del self._flights[key]
        return flight.result()
