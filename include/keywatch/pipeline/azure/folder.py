"""Where the files of a run over subscriptions lie.

<staging>/runs/<run>/run.json                                 when the run listed its subscriptions
<staging>/runs/<run>/activity/<subscription>.ndjson           records of its events
<staging>/runs/<run>/activity/<subscription>.json             how their reading ended
<staging>/runs/<run>/activity/<subscription>-receipts/<id>/   what one destination has accepted of them
<staging>/runs/<run>/virtual_machines/...                     the same of its machines
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from keywatch.errors import StagingDamagedError, StagingGoneError
from keywatch.pipeline.azure.manifests import Dataset, ReadDataset
from keywatch.pipeline.folders import RunFolder
from keywatch.staging import StagingPath, make_folder, read_json, remove, write_json

P = TypeVar("P", bound=StagingPath)


@dataclass(frozen=True, slots=True)
class DatasetFolder(Generic[P]):
    """The files of one dataset of one subscription.

    Attributes:
        folder: Of the dataset.
        subscription_id: The subscription.
    """

    folder: P
    subscription_id: str

    @classmethod
    def of(cls, run: RunFolder[P], dataset: Dataset, subscription_id: str) -> DatasetFolder[P]:
        """Return, and make if needed, a dataset's folder.

        Raises:
            StagingGoneError: The run's files have been removed.
        """
        run.listed_at()
        folder = run.folder / dataset
        make_folder(folder)
        return cls(folder, subscription_id)

    @property
    def records(self) -> P:
        """The records."""
        return self.folder / f"{self.subscription_id}.ndjson"

    @property
    def receipts(self) -> P:
        """Where the receipts for them lie."""
        return self.folder / f"{self.subscription_id}-receipts"

    @property
    def _outcome(self) -> P:
        return self.folder / f"{self.subscription_id}.json"

    def outcome(self) -> ReadDataset | None:
        """How the reading ended; None if it has not, or its file cannot be read."""
        try:
            return ReadDataset(**read_json(self._outcome))  # type: ignore[typeddict-item,no-any-return]
        except (StagingDamagedError, StagingGoneError):
            return None

    def write_outcome(self, outcome: ReadDataset | None) -> None:
        """Keep how the reading ended; None before it begins anew."""
        if outcome is None:
            remove(self._outcome)
        else:
            write_json(self._outcome, outcome)
