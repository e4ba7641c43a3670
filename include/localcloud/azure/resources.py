"""What there is in the home tenant's subscriptions, and how Resource Manager hands it out."""

from __future__ import annotations

from datetime import datetime

from localcloud.azure.activity_log import ActivityLogs
from localcloud.azure.machines import Machines
from localcloud.azure.paging import Pages
from localcloud.azure.rate_limit import RateLimits
from localcloud.azure.subscriptions import Subscriptions
from localcloud.model import Seed


class Resources:
    """Subscriptions with virtual machines and activity logs, pages and rate limits. Use it from one thread.

    Args:
        seed: how much there is from the start.
        now: the moment that ages count from.
    """

    def __init__(self, seed: Seed, now: datetime) -> None:
        self.subscriptions = Subscriptions()
        self.machines = Machines(seed, now, self.subscriptions)
        self.logs = ActivityLogs(seed, now, self.subscriptions)
        self.pages = Pages()
        self.limits = RateLimits()

    def reset(self) -> None:
        """Bring everything back to the start; the seeded subscriptions keep their ids."""
        self.subscriptions.reset()
        self.machines.reset()
        self.logs.reset()
        self.pages.reset()
        self.limits.reset()
