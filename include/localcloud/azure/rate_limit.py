"""How Resource Manager throttles: a bucket of tokens for each caller and subscription, which fills by the second.

Source: Microsoft Learn, "Understand how Azure Resource Manager throttles requests".
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Final

READS: Final = 250
"""Reads that a full bucket holds."""
READS_PER_SECOND: Final = 25.0
COMPUTE_POLICIES: Final = {"HighCostGet3Min": (320, 180), "HighCostGet30Min": (1_600, 1_800)}
"""Unverified: how many costly reads Microsoft.Compute grants a caller in a subscription, in how many seconds."""


class ThrottledError(Exception):
    """A bucket is empty: of a subscription, or of the tenant; the next token comes in so many whole `seconds`."""

    def __init__(self, caller: str, subscription: str | None, seconds: int) -> None:
        where = f"subscription '{subscription}'" if subscription else "the tenant"
        super().__init__(
            f"Number of 'read' requests for {where} actor '{caller}' exceeded. Please try again after '{seconds}' "
            "seconds after additional tokens are available."
        )
        self.subscription = subscription
        self.seconds = seconds


@dataclass
class Bucket:
    """Tokens that were there at a moment of the monotonic clock."""

    size: float
    per_second: float
    tokens: float
    at: float

    def fill(self) -> None:
        """Add what has come since."""
        now = time.monotonic()
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.per_second)
        self.at = now


class RateLimits:
    """The buckets of all callers."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Go back to the service's own rate, with all buckets full."""
        self.change(READS, READS_PER_SECOND)

    def change(self, size: int, per_second: float) -> None:
        """Go to another rate, with all buckets full.

        Raises:
            ValueError: nothing could ever be read at such a rate.
        """
        if size < 1 or per_second <= 0:
            raise ValueError("A rate limit lets through at least one read at a time, and more than none a second")
        self._size, self._per_second = size, per_second
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def take(self, caller: str, subscription: str | None) -> int:
        """Take a token, and tell how many are left.

        Args:
            caller: who reads.
            subscription: what is read; None is the tenant.

        Raises:
            ThrottledError: there is none.
        """
        bucket = self._bucket(caller, subscription or "", self._size, self._per_second)
        if bucket.tokens < 1:
            raise ThrottledError(caller, subscription, math.ceil((1 - bucket.tokens) / bucket.per_second))
        bucket.tokens -= 1
        return int(bucket.tokens)

    def compute(self, caller: str, subscription: str) -> str:
        """Count a costly read of Microsoft.Compute, and write what is left as its own header does.

        This is told and never enforced: Resource Manager's own limit comes first for whoever reads page by page.
        """
        left = []
        for policy, (size, seconds) in COMPUTE_POLICIES.items():
            bucket = self._bucket(caller, f"{subscription}/{policy}", size, size / seconds)
            bucket.tokens = max(0.0, bucket.tokens - 1)
            left.append(f"Microsoft.Compute/{policy};{int(bucket.tokens)}")
        return ",".join(left)

    def _bucket(self, caller: str, where: str, size: float, per_second: float) -> Bucket:
        full = Bucket(size, per_second, size, time.monotonic())
        bucket = self._buckets.setdefault((caller, where), full)
        bucket.fill()
        return bucket
