"""Sinks of metrics for tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from keywatch import metrics


class Counted:
    """A sink that keeps what it is given.

    Attributes:
        counts: Sum of each counter, by name and tag values.
        values: Every value of a distribution, in order.
        tags: The names of the tags that each metric came with.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.values: list[float] = []
        self.tags: dict[str, tuple[str, ...]] = {}

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        """Add to a counter."""
        self.tags[name] = tuple(tags)
        self.counts[(name.removeprefix("keywatch."), *tags.values())] += value

    def observe(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        """Keep a value."""
        self.tags[name] = tuple(tags)
        self.values.append(value)


@contextmanager
def counted() -> Iterator[Counted]:
    """Count meanwhile."""
    sink = Counted()
    before = metrics.use(sink)
    try:
        yield sink
    finally:
        metrics.use(before)
