"""What the steps hand to one another through XCom: small and without records."""

from __future__ import annotations

from typing import Literal, TypedDict

Status = Literal["ok", "denied", "partial", "failed", "skipped"]


class AccountRef(TypedDict):
    """An account to audit: 12 digits, and its name if known."""

    id: str
    name: str | None


class Batch(TypedDict):
    """Accounts that one mapped task group handles.

    `listed_at` is when the run's accounts were listed, ISO 8601 UTC.
    """

    number: int
    accounts: list[AccountRef]
    listed_at: str


class ExtractedBatch(TypedDict):
    """A batch whose raw rows are staged."""

    batch: Batch
    keys: int


class TransformedBatch(TypedDict):
    """A batch whose records are staged in one file: its path, count, SHA-256, and rows left out, by account."""

    number: int
    path: str
    count: int
    sha256: str
    rejected: dict[str, int]


class LoadedBatch(TypedDict):
    """A batch whose records were all accepted or rejected, with the rejected by account."""

    number: int
    accepted: int
    rejected: dict[str, int]
    perhaps_twice: int
    chunks: int
    sent_bytes: int
    largest: int


class Published(TypedDict):
    """How a run ended: accounts by status, totals, the first problems by name, and whether it had a destination."""

    run_id: str
    complete: bool
    delivered: bool
    accounts: dict[str, int]
    keys: int
    accepted: int
    rejected: int
    perhaps_twice: int
    problems: list[str]
    more_problems: int


class SkippedAccount(TypedDict):
    """An account that is not to be audited, and why; staged when the accounts are listed."""

    id: str
    name: str | None
    reason: str


class AccountOutcome(TypedDict):
    """How the reading of one account ended; staged beside its raw rows, whose SHA-256 it holds.

    `action` is what AWS was asked when it ended early, as IAM policies name it.
    """

    id: str
    name: str | None
    status: Status
    action: str | None
    reason: str | None
    users: int
    keys: int
    gone: int
    snapshot_time: str
    sha256: str
