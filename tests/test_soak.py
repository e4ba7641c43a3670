"""What a soak takes for growth."""

from __future__ import annotations

import pytest

from tests.soak.figures import Figures
from tests.soak.growth import growths

RUNS = range(1, 31)


@pytest.mark.parametrize(
    ("name", "leak"), [("workers MB", 0.4), ("scheduler files", 0.4), ("staging runs", 1), ("store kB", 8)]
)
def test_leak_in_every_run_is_growth(name: str, leak: float) -> None:
    """A little more after every run is found, though each step is small."""
    [found] = growths([{name: 100 + leak * run} for run in RUNS])

    assert found.grows


def test_one_step_and_what_comes_and_goes_are_no_growth() -> None:
    """What Airflow loads once, early, and files that are open in one run and not in the next, are let pass."""
    figures: list[Figures] = [
        {"scheduler MB": 170 + 45 * (run >= 10), "workers files": 57 + run % 3 * 3, "store kB": 500 + 2 * run}
        for run in RUNS
    ]

    assert not any(found.grows for found in growths(figures))
