"""Where entries lie until they are written: a file on this machine's disk that has no name."""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from typing import Final

PREFIX: Final = "keywatch-trace-"


class Spool:
    """Keeps lines, in whatever order they come, and gives them back in order of their keys.

    The file is its owner's alone, and gone with the process, however that ends. In memory are the places of the lines.

    Raises:
        OSError: There is no room for a file.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix=PREFIX)  # noqa: SIM115 - closed by `close`
        self._places: list[tuple[str, int, int]] = []
        self._end = 0
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._writing = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, key: str, line: bytes) -> None:
        """Add a line.

        Whoever finds another one writing leaves the line to that one. So nobody waits for the disk behind anybody else,
        and a line that Python's garbage collector adds, in the middle of the writing of another one, does no harm.

        Args:
            key: Where it belongs.
            line: Without a line break.

        Raises:
            OSError: It cannot be written.
        """
        self._waiting.append((key, line))
        self._write_waiting()

    def in_order(self) -> Iterator[bytes]:
        """Yield the lines by their keys; of equal ones, the first added comes first.

        Raises:
            OSError: They cannot be read.
        """
        self._write_waiting()
        self._file.flush()
        for _, start, length in sorted(self._places):
            self._file.seek(start)
            yield self._file.read(length)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _write_waiting(self) -> None:
        while self._waiting and self._writing.acquire(blocking=False):
            try:
                self._write(*self._waiting.popleft())
            except IndexError:  # another thread was faster
                return
            finally:
                self._writing.release()

    def _write(self, key: str, line: bytes) -> None:
        self._file.seek(self._end)
        self._file.write(line)
        self._places.append((key, self._end, len(line)))
        self._end += len(line)
