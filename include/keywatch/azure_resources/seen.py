"""Which ids have been met, in memory that does not grow with their number."""

from __future__ import annotations

import sqlite3
from types import TracebackType
from typing import Final, Self

from keywatch.errors import StagingUnavailableError

CACHE_KIB: Final = 1_024


class Seen:
    """A set of ids in a temporary database, which SQLite keeps in a file of its own once it outgrows its cache.

    To be used as a context manager, from one thread.

    Raises:
        StagingUnavailableError: There is no room for temporary files.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (id BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")  # one transaction, never committed: nothing of it is to last

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, identifier: str) -> bool:
        """Add an id.

        Returns:
            Whether it is new.

        Raises:
            StagingUnavailableError: There is no room for temporary files.
        """
        try:
            return (
                self._database.execute(
                    "INSERT OR IGNORE INTO seen VALUES (?)", (identifier.encode("utf-8", "surrogatepass"),)
                ).rowcount
                == 1
            )
        except sqlite3.OperationalError as error:
            raise StagingUnavailableError(
                f"The ids of what has been read cannot be kept: {error}. See that the worker's temporary folder "
                "(TMPDIR) has room. Another try follows."
            ) from error
