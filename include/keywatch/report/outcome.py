"""What a run hands to the store, besides the keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AccountOutcome:
    """How one account ended in a run.

    Attributes:
        id: 12 digits.
        name: Its name in the organisation, if known.
        status: How its reading ended, delivered or not: ok, denied, partial, failed or skipped.
        action: What AWS was asked when it denied or failed, as IAM policies name it.
        reason: What is not right with it.
        users: Users seen.
        keys: Keys read.
        rejected: Keys that were read and not delivered.
        read_at: When its keys were read, UTC; None if they were not.
    """

    id: str
    name: str | None
    status: str
    action: str | None = None
    reason: str | None = None
    users: int = 0
    keys: int = 0
    rejected: int = 0
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        run_id: Airflow's run id.
        listed_at: When it listed its accounts, UTC.
        published_at: Now, UTC.
        complete: Whether nothing is missing.
        keys: Keys that it read.
        accounts: Every account that it had.
    """

    run_id: str
    listed_at: datetime
    published_at: datetime
    complete: bool
    keys: int
    accounts: Sequence[AccountOutcome]
