"""What the steps of a run over subscriptions hand to one another through XCom: small and without records."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, TypedDict

from keywatch.azure_resources.windows import Window

Dataset = Literal["activity", "virtual_machines"]
Status = Literal["ok", "denied", "partial", "failed", "skipped"]

IN_WORDS: Final[dict[Dataset, str]] = {"activity": "events", "virtual_machines": "virtual machines"}


class SubscriptionRef(TypedDict):
    """A subscription to read, and the window of its activity log, ISO 8601 UTC with Z.

    `condition` says which of the window's events are read, if not all are. `number` is its place in the run: the map
    index of its tasks. `reads_machines` says whether the run takes a snapshot of virtual machines too.
    """

    number: int
    id: str
    name: str | None
    window_start: str
    window_end: str
    condition: str | None
    reads_machines: bool


class ReadDataset(TypedDict):
    """How the reading of one subscription's events, or of its machines, ended; staged beside the records.

    `count` records are staged, whose file has that SHA-256; `malformed` rows went to the dead letters. `action` is what
    Azure was asked when it refused, as a role names it.
    """

    dataset: Dataset
    subscription: SubscriptionRef
    status: Status
    action: str | None
    reason: str | None
    count: int
    malformed: int
    pages: int
    sha256: str
    snapshot_time: str


class LoadedDataset(TypedDict):
    """A dataset of one subscription whose records were all accepted or rejected."""

    dataset: Dataset
    subscription_id: str
    accepted: int
    rejected: int
    perhaps_twice: int
    chunks: int
    sent_bytes: int
    largest: int


class PublishedActivity(TypedDict):
    """How a run ended: subscriptions by status, totals by dataset, and the first problems by name."""

    run_id: str
    complete: bool
    window_start: str
    window_end: str
    statuses: dict[str, int]
    events: int
    virtual_machines: int
    accepted: int
    rejected: int
    perhaps_twice: int
    problems: list[str]
    more_problems: int


def window_of(subscription: SubscriptionRef) -> Window:
    """Return the window of a subscription's activity log.

    Raises:
        ActivityWindowError: It is none.
    """
    return Window(
        datetime.fromisoformat(subscription["window_start"]), datetime.fromisoformat(subscription["window_end"])
    )
