"""`Seen`: ids that were met, in memory that does not grow."""

from __future__ import annotations

import tracemalloc
import uuid

from hypothesis import given
from hypothesis import strategies as st

from keywatch.azure_resources.seen import Seen


@given(st.lists(st.text()))
def test_each_id_is_new_once(ids: list[str]) -> None:
    """An id is new when it is met first."""
    with Seen() as seen:
        new = [each for each in ids if seen.add(each)]

    assert new == list(dict.fromkeys(ids))


def test_memory_does_not_grow_with_the_ids() -> None:
    """Fifty thousand ids take no more of Python's memory than five thousand."""

    def peak(count: int) -> int:
        tracemalloc.start()
        with Seen() as seen:
            for _ in range(count):
                seen.add(str(uuid.uuid4()))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(50_000) < peak(5_000) + 50_000
