"""What goes wrong in the runs of a soak: a little in each, drawn at random, and always the same."""

from __future__ import annotations

import random
from typing import Any, Final

from localcloud import Fault, FaultKind

SEED: Final = 20260301
IN_A_RUN: Final = 4
"""Kinds of mishap in each run."""
MOST: Final = 3
"""Times that each of them happens, at most."""
KEYS: Final = "AWS_Access_Key_Report"

MENU: Final[tuple[dict[str, Any], ...]] = (
    {"kind": FaultKind.THROTTLE, "action": "ListAccessKeys"},
    {"kind": FaultKind.THROTTLE, "action": "POST logs", "log_type": KEYS, "retry_after": 1},
    {"kind": FaultKind.DROP_BEFORE, "action": "GetAccessKeyLastUsed"},
    {"kind": FaultKind.DROP_BEFORE, "action": "token"},
    {"kind": FaultKind.DROP_AFTER, "action": "POST logs", "log_type": KEYS},
    {"kind": FaultKind.TRUNCATE, "action": "ListAccessKeys"},
    {"kind": FaultKind.STATUS, "status": 503, "action": "GetAccountSummary"},
    {"kind": FaultKind.STATUS, "status": 503, "action": "POST logs", "log_type": KEYS},
    {"kind": FaultKind.DELAY, "seconds": 0.5, "action": "GetAccessKeyLastUsed"},
    {"kind": FaultKind.DELAY, "seconds": 0.5, "action": "POST logs"},
)
"""Throttles, resets, lost and broken answers, 503s and slow answers, of AWS and of Azure."""


def mishaps(run: int) -> list[Fault]:
    """Draw what goes wrong in a run.

    Args:
        run: Its number.
    """
    drawn = random.Random(f"{SEED} {run}")  # noqa: S311 - to draw the same again is what is wanted
    return [
        Fault(**chosen, count=drawn.randint(1, MOST), after=drawn.randint(0, MOST))
        for chosen in drawn.sample(MENU, IN_A_RUN)
    ]
