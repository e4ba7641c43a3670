"""Step 2: stage the records of one subscription's events, or of its virtual machines."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keywatch import metrics
from keywatch.azure_resources.activity_log import ActivityQuery, Condition, activity_log
from keywatch.azure_resources.records import activity_record, virtual_machine_record
from keywatch.azure_resources.resource_manager import ResourceManager
from keywatch.azure_resources.virtual_machines import virtual_machines
from keywatch.columns import iso_time
from keywatch.errors import KeywatchError, MalformedRowError, SubscriptionDeniedError, SubscriptionUnusableError
from keywatch.pipeline.azure.folder import DatasetFolder
from keywatch.pipeline.azure.manifests import IN_WORDS, Dataset, ReadDataset, Status, SubscriptionRef, window_of
from keywatch.pipeline.dead_letters import DeadLetters
from keywatch.pipeline.folders import RunFolder
from keywatch.progress import Progress
from keywatch.staging import encode, line_writer

log = logging.getLogger(__name__)

Item = dict[str, Any]
ToRecord = Callable[[Item], Mapping[str, Any]]

OF_ONE_SUBSCRIPTION = (SubscriptionDeniedError, SubscriptionUnusableError)
"""What costs that subscription alone, and no retry helps."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read, by what, and when."""

    manager: ResourceManager
    subscription: SubscriptionRef
    now: datetime


def read_activity(
    manager: ResourceManager,
    subscription: SubscriptionRef,
    run: RunFolder[Any],
    now: datetime,
    *,
    condition: Condition | None = None,
    select: Sequence[str] = (),
) -> ReadDataset:
    """Stage the records of a subscription's events in its window, each event once.

    An event that cannot become a record goes to the dead letters. A subscription that may not be read costs itself.

    Args:
        manager: Resource Manager.
        subscription: The subscription.
        run: The run's folder.
        now: UTC.
        condition: Which events; None is all.
        select: The properties to ask for; none is all.

    Raises:
        ActivityWindowError: Azure no longer keeps the window.
        StagingGoneError: The run's files have been removed.
        KeywatchError: As `ResourceManager.items`, but for what is about the subscription alone.
    """
    query = ActivityQuery(subscription["id"], window_of(subscription), condition, select)

    def to_record(event: Item) -> Mapping[str, Any]:
        return activity_record(event, subscription["id"], subscription["name"], run.run_id, now)

    reading = _Reading(manager, subscription, now)
    return _stage("activity", activity_log(manager, query, now), to_record, reading, run)


def read_virtual_machines(
    manager: ResourceManager, subscription: SubscriptionRef, run: RunFolder[Any], now: datetime
) -> ReadDataset:
    """Stage the records of a subscription's virtual machines as they are now, each once.

    Args:
        manager: Resource Manager.
        subscription: The subscription.
        run: The run's folder.
        now: UTC.

    Raises:
        StagingGoneError: The run's files have been removed.
        KeywatchError: As `read_activity`.
    """

    def to_record(machine: Item) -> Mapping[str, Any]:
        return virtual_machine_record(machine, subscription["id"], subscription["name"], run.run_id, now)

    machines = virtual_machines(manager, subscription["id"])
    return _stage("virtual_machines", machines, to_record, _Reading(manager, subscription, now), run)


def _stage(
    dataset: Dataset, items: Iterable[Item], to_record: ToRecord, reading: _Reading, run: RunFolder[Any]
) -> ReadDataset:
    subscription = reading.subscription
    folder = DatasetFolder.of(run, dataset, subscription["id"])
    folder.write_outcome(None)
    failure: KeywatchError | None = None
    progress = Progress(log, f"Subscription {subscription['id']}, {IN_WORDS[dataset]}")
    with (
        run.dead_letters(f"{dataset}-{subscription['id']}-read") as rejected,
        line_writer(folder.records) as lines,
    ):
        try:
            for record in _records(items, to_record, subscription["id"], rejected):
                lines.write(record)
                progress.tick(records=lines.count, pages=reading.manager.counts.pages)
        except OF_ONE_SUBSCRIPTION as error:
            log.error("%s", error)  # noqa: TRY400 - the message says it all
            failure = error
    malformed = sum(rejected.by_subject.values())
    metrics.count(metrics.RECORDS_EXTRACTED, lines.count)
    metrics.count(metrics.RECORDS_MALFORMED, malformed)
    counts = reading.manager.counts
    progress.done(records=lines.count, malformed=malformed, pages=counts.pages, empty_pages=counts.empty)
    outcome = ReadDataset(
        dataset=dataset,
        subscription=subscription,
        status=_status(failure, lines.count),
        action=failure.action if failure else None,
        reason=str(failure) if failure else None,
        count=lines.count,
        malformed=malformed,
        pages=counts.pages,
        sha256=lines.sha256,
        snapshot_time=iso_time(reading.now),
    )
    folder.write_outcome(outcome)
    return outcome


def _records(items: Iterable[Item], to_record: ToRecord, subject: str, rejected: DeadLetters) -> Iterator[bytes]:
    for item in items:
        try:
            yield encode(to_record(item))
        except MalformedRowError as error:
            rejected.add(subject, str(error), encode(item).decode("utf-8"))


def _status(failure: KeywatchError | None, count: int) -> Status:
    if failure is None:
        return "ok"
    if count:
        return "partial"
    return "denied" if isinstance(failure, SubscriptionDeniedError) else "failed"
