"""Step 1: which subscriptions a run reads, and when."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from keywatch.azure_resources.activity_log import Condition
from keywatch.azure_resources.subscriptions import DELETED, Subscription
from keywatch.azure_resources.windows import Window
from keywatch.columns import iso_time
from keywatch.errors import NoSubscriptionsError
from keywatch.pipeline.azure.manifests import SubscriptionRef
from keywatch.pipeline.folders import RunFolder

log = logging.getLogger(__name__)


def select_subscriptions(
    visible: Iterable[Subscription],
    wanted: Sequence[str],
    window: Window,
    run: RunFolder[Any],
    now: datetime,
    *,
    condition: Condition | None = None,
) -> list[SubscriptionRef]:
    """List what a run reads, and begin its staging.

    A subscription that is named is read whether the credential can see it or not: if it cannot, that is to be told. One
    that has been deleted is read only if it is named.

    Args:
        visible: What the credential can see.
        wanted: Ids of those to read; none means all.
        window: Of the activity log.
        run: The run's folder.
        now: UTC.
        condition: Which events are read; None is all.

    Raises:
        ConfigurationError: What is named is not the id of a subscription.
        NoSubscriptionsError: There is none.
        ActivityWindowError: Azure no longer keeps the window, or it is yet to come.
    """
    window.check(now)
    known = {each.id: each for each in visible}
    chosen = [known.get(identifier) or Subscription(identifier) for identifier in dict.fromkeys(map(str.lower, wanted))]
    chosen = chosen or sorted(_not_deleted(known.values()), key=lambda each: each.id)
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
            window_start=iso_time(window.start),
            window_end=iso_time(window.end),
            condition=str(condition) if condition else None,
            reads_machines=machines,
        )
        for number, each in enumerate(chosen)
    ]


def _not_deleted(subscriptions: Iterable[Subscription]) -> Iterator[Subscription]:
    for each in subscriptions:
        if each.state == DELETED:
            log.warning("Subscription %s (%s) is left out: it has been deleted", each.id, each.name)
        else:
            yield each
