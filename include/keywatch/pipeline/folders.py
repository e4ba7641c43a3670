"""Where a run's files lie in the staging area, and how long.

<staging>/runs/<run>/run.json                          when the run listed its accounts, and which it leaves out
<staging>/runs/<run>/batch-0003/owners.json            who answers for the users of its accounts, if anybody is known
<staging>/runs/<run>/batch-0003/raw/<account>.ndjson   raw rows of one account
<staging>/runs/<run>/batch-0003/raw/<account>.json     how its reading ended
<staging>/runs/<run>/batch-0003/records.ndjson         the batch's records
<staging>/runs/<run>/batch-0003/records.json           that they are all there, and their SHA-256
<staging>/runs/<run>/batch-0003/receipts/<id>/        what one destination has accepted of them
<staging>/dead-letters/<run>/                          rejected records with reasons; kept until you remove them
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from keywatch.access_keys.owners import OwnerBook
from keywatch.access_keys.policy.model import OwnerPattern
from keywatch.errors import StagingDamagedError, StagingGoneError, StagingUnavailableError
from keywatch.pipeline.dead_letters import DeadLetters
from keywatch.pipeline.manifests import AccountOutcome, SkippedAccount, TransformedBatch
from keywatch.staging import (
    StagingPath,
    list_folder,
    make_folder,
    read_json,
    remove,
    remove_tree,
    write_json,
)

log = logging.getLogger(__name__)

P = TypeVar("P", bound=StagingPath)


@dataclass(frozen=True, slots=True)
class BatchFolder(Generic[P]):
    """The files of one batch."""

    folder: P

    def raw(self, account_id: str) -> P:
        """Raw rows of one account."""
        return self.folder / "raw" / f"{account_id}.ndjson"

    def outcome(self, account_id: str) -> AccountOutcome | None:
        """How the reading of an account ended; None if it has not, or its file cannot be read."""
        try:
            return AccountOutcome(**read_json(self._outcome_path(account_id)))  # type: ignore[typeddict-item,no-any-return]
        except (StagingDamagedError, StagingGoneError):
            return None

    def write_outcome(self, outcome: AccountOutcome) -> None:
        """Keep how the reading of an account ended."""
        write_json(self._outcome_path(outcome["id"]), outcome)

    def _outcome_path(self, account_id: str) -> P:
        return self.folder / "raw" / f"{account_id}.json"

    def owners(self) -> OwnerBook:
        """Return who answers for the users of the batch's accounts, as it was when the run listed them.

        Raises:
            StagingDamagedError: The file is not what was written.
        """
        try:
            kept = read_json(self.folder / "owners.json")
        except StagingGoneError:
            return OwnerBook()
        table = {(account, user): owner for account, user, owner in kept["table"]}
        return OwnerBook(table, [OwnerPattern.model_validate(each) for each in kept["patterns"]])

    def write_owners(self, owners: OwnerBook) -> None:
        """Keep who answers for the users of the accounts, if anybody is known to, in place of what was there."""
        path = self.folder / "owners.json"
        if not owners.table and not owners.patterns:
            remove(path)
            return
        table = [[account, user, owner] for (account, user), owner in owners.table.items()]
        patterns = [each.model_dump(mode="json") for each in owners.patterns]
        write_json(path, {"table": table, "patterns": patterns})

    @property
    def records(self) -> P:
        """The batch's records."""
        return self.folder / "records.ndjson"

    def transformed(self) -> TransformedBatch | None:
        """Return what was made of the batch's raw rows; None if that has not ended.

        Raises:
            StagingDamagedError: Its file is not what was written.
        """
        try:
            return TransformedBatch(**read_json(self._transformed_path))  # type: ignore[typeddict-item,no-any-return]
        except StagingGoneError:
            return None

    def write_transformed(self, transformed: TransformedBatch | None) -> None:
        """Keep what was made of the batch's raw rows; None before they are made anew."""
        if transformed is None:
            remove(self._transformed_path)
        else:
            write_json(self._transformed_path, transformed)

    @property
    def _transformed_path(self) -> P:
        return self.folder / "records.json"

    @property
    def receipts(self) -> P:
        """Where the receipts for the batch's records lie."""
        return self.folder / "receipts"


@dataclass(frozen=True, slots=True)
class RunFolder(Generic[P]):
    """The files of one run.

    Attributes:
        staging: The staging area.
        run_id: Airflow's run id.
    """

    staging: P
    run_id: str

    @property
    def name(self) -> str:
        """The run id as a folder name: readable, safe on every store, unique."""
        readable = re.sub(r"[^A-Za-z0-9._-]+", "-", self.run_id)[:80]
        return f"{readable}-{hashlib.sha256(self.run_id.encode()).hexdigest()[:8]}"

    @property
    def folder(self) -> P:
        """Everything of the run that is removed in time."""
        return self.staging / "runs" / self.name

    def start(self, listed_at: str, skipped: Sequence[SkippedAccount] = ()) -> None:
        """Make the folder and note when the run began, ISO 8601 UTC, and which accounts it leaves out."""
        make_folder(self.folder)
        note = {"run_id": self.run_id, "listed_at": listed_at, "skipped": list(skipped)}
        write_json(self.folder / "run.json", note)

    def listed_at(self) -> str:
        """Return when the run listed its accounts, ISO 8601 UTC.

        Raises:
            StagingGoneError: The run has not, or its files have been removed since.
        """
        return str(read_json(self.folder / "run.json")["listed_at"])

    def skipped(self) -> list[SkippedAccount]:
        """Return the accounts that the run leaves out.

        Raises:
            StagingGoneError: The run has not listed its accounts, or its files have been removed since.
        """
        skipped = read_json(self.folder / "run.json").get("skipped", [])
        return [SkippedAccount(id=each["id"], name=each["name"], reason=each["reason"]) for each in skipped]

    def batch(self, number: int) -> BatchFolder[P]:
        """Return, and make if needed, the folder of one batch.

        Raises:
            StagingGoneError: The run's files have been removed.
        """
        self.listed_at()
        folder = self.folder / f"batch-{number:04d}"
        make_folder(folder / "raw")
        return BatchFolder(folder)

    def dead_letters(self, name: str) -> DeadLetters:
        """Return a dead-letter file of the run, to be used as a context manager."""
        return DeadLetters(self.staging / "dead-letters" / self.name, name)


def remove_expired_runs(run: RunFolder[Any], older_than: timedelta, now: datetime) -> list[str]:
    """Remove the folders of other runs that began longer ago; dead letters stay.

    Args:
        run: The run that goes on, whose own folder stays however old it is.
        older_than: How long a run's files are kept.
        now: UTC.

    Returns:
        The names of the folders removed.
    """
    others = (folder for folder in list_folder(run.staging / "runs") if folder.name != run.name)
    expired = [folder for folder in others if _began(folder, now) < now - older_than]
    return [folder.name for folder in expired if _removed(folder)]


def _removed(folder: StagingPath) -> bool:
    """Remove a folder; what stands in the way is for the next run, and no reason to fail this one."""
    try:
        remove_tree(folder)
    except StagingUnavailableError as error:
        log.warning("%s could not be removed: %s", folder, error)
        return False
    return True


def _began(folder: StagingPath, now: datetime) -> datetime:
    """Return when a run began; now if that cannot be told, so that it is kept."""
    try:
        return datetime.fromisoformat(read_json(folder / "run.json")["listed_at"]).astimezone(UTC)
    except Exception:  # noqa: BLE001 - whatever is wrong with a run's note, its files are not removed
        log.warning("%s has no readable run.json and is kept: remove it by hand if it is not a run's.", folder)
        return now
