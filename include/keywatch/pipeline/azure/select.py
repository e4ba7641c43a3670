"""Step 1: which subscriptions a run reads, and when."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from keywatch.azure_resources.subscriptions import Subscription
from keywatch.azure_resources.windows import Window
from keywatch.columns import iso_time
from keywatch.errors import NoSubscriptionsError
from keywatch.pipeline.azure.manifests import SubscriptionRef
from keywatch.pipeline.folders import RunFolder

log = logging.getLogger(__name__)


def select_subscriptions(
    visible: Iterable[Subscription], wanted: Sequence[str], window: Window, run: RunFolder[Any], now: datetime
) -> list[SubscriptionRef]:
    """List what a run reads, and begin its staging.

    A subscription that is named is read whether the credential can see it or not: if it cannot, that is to be told.

    Args:
        visible: What the credential can see.
        wanted: Ids of those to read; none means all.
        window: Of the activity log.
        run: The run's folder.
        now: UTC.

    Raises:
        ConfigurationError: What is named is not the id of a subscription.
        NoSubscriptionsError: There is none.
        ActivityWindowError: Azure no longer keeps the window.
    """
    window.check_kept(now)
    known = {each.id: each for each in visible}
    chosen = [known.get(identifier) or Subscription(identifier) for identifier in dict.fromkeys(map(str.lower, wanted))]
    chosen = chosen or sorted(known.values(), key=lambda each: each.id)
    if not chosen:
        raise NoSubscriptionsError(
            "The certificate connection's application can see no subscription. Assign it a role on each that is to be "
            "read, such as the custom role of docs/azure-setup.md. A new assignment takes some minutes to work."
        )
    run.start(iso_time(now))
    machines = window.ends_on(now)
    log.info("%d subscriptions, window %s to %s", len(chosen), iso_time(window.start), iso_time(window.end))
    return [
        SubscriptionRef(
            number=number,
            id=each.id,
            name=each.name,
            window_start=window.start.isoformat(),
            window_end=window.end.isoformat(),
            reads_machines=machines,
        )
        for number, each in enumerate(chosen)
    ]
