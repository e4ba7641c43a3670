"""A few thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of so many items, the last one of fewer, as they come."""
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some
