"""Transactions that read the store, if there is one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine

from keywatch.report.engine import speaking_of
from keywatch.report.migrate import check_schema


class ReadingTransactions:
    """Opens transactions that read; no file is made where there is none.

    Args:
        engine: For reading.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._file: tuple[int, int] | None = None

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection | None]:
        """Open a transaction; None if there is no store yet.

        Raises:
            StoreSchemaError: The store has another schema than this version needs.
            StoreUnavailableError: It cannot be read.
        """
        with speaking_of(self._engine):
            if not self._is_there():
                yield None
                return
            with self._engine.begin() as connection:
                yield connection if check_schema(connection) else None

    def _is_there(self) -> bool:
        """Tell whether there is a store to connect to; connections to a file that was there before it are let go."""
        if self._engine.dialect.name != "sqlite":
            return True
        try:
            found = Path(self._engine.url.database or "").stat()
        except FileNotFoundError:
            return False
        if self._file != (found.st_dev, found.st_ino):
            self._engine.dispose()
            self._file = (found.st_dev, found.st_ino)
        return True
