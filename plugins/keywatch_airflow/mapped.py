"""What Airflow hands on of mapped tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast


def results_of(handed_on: object) -> list[Any]:
    """Return a mapped task's results as a list.

    Airflow hands on a sequence of several, the bare value of a single one in a mapped task group, and None of none;
    what failed is not in it. A result is taken to be a mapping.
    """
    results: list[Any] = [handed_on] if isinstance(handed_on, Mapping) else list(cast("Iterable[Any]", handed_on or []))
    return [result for result in results if result is not None]
