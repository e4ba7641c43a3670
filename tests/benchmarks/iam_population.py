"""A generated population of IAM users and keys. The same numbers always give the same shape; key ids are random."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

ACCOUNT: Final = "123456789012"
KEYS_OF_TWENTY: Final = (1, 2, 0, 2, 1, 1, 2, 1, 0, 2, 1, 2, 1, 2, 1, 0, 2, 1, 2, 1)
"""Of 20 users, 3 have no key, 9 one and 8 two: 1.25 on average."""
INACTIVE_OF: Final = 10
"""One key of so many is inactive."""
CREATED_TODAY_OF: Final = 100
NEVER_USED_OF: Final = 8


@dataclass(frozen=True, slots=True)
class SampleKey:
    """One access key; `last_used` is None if it never was."""

    id: str
    active: bool
    created: datetime
    last_used: datetime | None


@dataclass(frozen=True, slots=True)
class SampleUser:
    """One user."""

    name: str
    id: str
    created: datetime
    keys: tuple[SampleKey, ...]

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return f"arn:aws:iam::{ACCOUNT}:user/engineering/{self.name}"


def population(users: int, now: datetime) -> list[SampleUser]:
    """Generate users.

    Args:
        users: How many.
        now: UTC, whole seconds. No key is younger than a minute; those of today are younger than an hour.
    """
    made: list[SampleUser] = []
    number = 0
    for place in range(users):
        count = KEYS_OF_TWENTY[place % len(KEYS_OF_TWENTY)]
        keys = tuple(_key(number + slot, now) for slot in range(count))
        number += count
        name = f"{'juergen' if place % 7 == 0 else 'service'}.{place:05d}@example.com"
        made.append(SampleUser(name, f"AIDA{_random()}", now - timedelta(days=900, minutes=place), keys))
    return made


def _key(number: int, now: datetime) -> SampleKey:
    today = number % CREATED_TODAY_OF == 42
    created = now - (timedelta(minutes=1 + number % 59) if today else timedelta(hours=30 + number % 20_000))
    used = not today and number % NEVER_USED_OF != 5
    return SampleKey(
        id=f"AKIA{_random()}",
        active=number % INACTIVE_OF != 3,
        created=created,
        last_used=now - timedelta(minutes=15 * (1 + number % 100)) if used else None,
    )


def _random() -> str:
    return base64.b32encode(secrets.token_bytes(10)).decode("ascii")


def described(users: list[SampleUser]) -> str:
    """Say in one line what the population is."""
    keys = [key for user in users for key in user.keys]
    inactive = sum(not key.active for key in keys)
    newest = max((key.created for key in keys), default=None)
    today = sum(newest is not None and key.created > newest - timedelta(hours=1) for key in keys)
    return f"{len(users):,} users, {len(keys):,} keys, {inactive:,} of them inactive, {today:,} created today"
