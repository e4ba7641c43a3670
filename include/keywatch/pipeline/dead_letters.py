"""Rejected rows, each kept with its reason."""

from __future__ import annotations

import contextlib
import logging

from keywatch.staging import LineWriter, StagingPath, encode, line_writer, make_folder, remove

log = logging.getLogger(__name__)


class DeadLetters(contextlib.ExitStack):
    """A file of rejected rows, each with its reason. It appears with its first letter, in place of an earlier try's.

    Attributes:
        by_subject: Letters so far, by whom they belong to.
    """

    def __init__(self, folder: StagingPath, name: str) -> None:
        super().__init__()
        self._folder = folder
        self._path = folder / f"{name}.ndjson"
        self._writer: LineWriter | None = None
        self.by_subject: dict[str, int] = {}
        remove(self._path)

    def add(self, subject: str, reason: str, row: str) -> None:
        """Keep one rejected row.

        Args:
            subject: Whom it belongs to: an account, a subscription, a connection.
            reason: For a person.
            row: The row as it was staged.
        """
        if self._writer is None:
            make_folder(self._folder)
            self._writer = self.enter_context(line_writer(self._path))
        self._writer.write(encode({"subject": subject, "reason": reason, "row": row}))
        self.by_subject[subject] = self.by_subject.get(subject, 0) + 1
        if self.by_subject[subject] == 1:
            log.error("Rows of %s are rejected, the first one for: %s See %s", subject, reason, self._path)
