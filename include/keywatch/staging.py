"""Staged files: newline-delimited JSON in a folder that every worker reaches.

The library takes any path that behaves like `pathlib.Path`: a local one, or Airflow's `ObjectStoragePath`
over S3 or Azure Blob.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final, Protocol, Self, TypeVar

from keywatch.errors import KeywatchError, StagingDamagedError, StagingGoneError, StagingUnavailableError


class StagingPath(Protocol):
    """The part of `pathlib.Path` that staging needs."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        ...

    def __truediv__(self, key: str, /) -> Self: ...

    def open(self, mode: str) -> Any:  # noqa: ANN401 - text or binary, as the mode says
        """Open the file."""
        ...

    def iterdir(self) -> Iterable[Self]:
        """List a folder."""
        ...

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - pathlib's signature
        """Make a folder."""
        ...

    def is_dir(self) -> bool:
        """Tell a folder from a file."""
        ...

    def is_symlink(self) -> bool:
        """Tell a link to somewhere else."""
        ...

    def unlink(self) -> None:
        """Remove a file."""
        ...

    def rmdir(self) -> None:
        """Remove an empty folder."""
        ...


def encode(record: object) -> bytes:
    r"""Encode one record as compact UTF-8 JSON, without a line break.

    A lone surrogate, which UTF-8 cannot hold, becomes its JSON escape (`\\ud800`).
    """
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


P = TypeVar("P", bound=StagingPath)

READ_BYTES: Final = 262_144
"""Every read lets other threads have the interpreter, which then takes its time to come back."""

WRITE_BYTES: Final = 65_536
"""An object store's file does work at every write, so lines are gathered to about this many bytes."""


class LineWriter:
    """Writes encoded records to a staged file, counting and digesting them.

    Attributes:
        count: Records written so far.
    """

    def __init__(self, path: StagingPath, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self.count = 0

    def write(self, line: bytes) -> None:
        """Append one encoded record and a line break.

        Raises:
            StagingUnavailableError: The file cannot be written.
        """
        self._buffer += line
        self._buffer += b"\n"
        self.count += 1
        if len(self._buffer) >= WRITE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand on what has been gathered.

        Raises:
            StagingUnavailableError: The file cannot be written.
        """
        data = bytes(self._buffer)
        self._buffer.clear()
        with _storing(self._path):
            self._file.write(data)
        self._digest.update(data)

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of all bytes handed on so far."""
        return self._digest.hexdigest()


@contextlib.contextmanager
def line_writer(path: StagingPath) -> Iterator[LineWriter]:
    """Open a staged file for writing, in place of whatever was there. What was written stays if an error follows.

    Raises:
        StagingUnavailableError: The file cannot be written.
    """
    with _storing(path):
        file = path.open("wb")
    writer = LineWriter(path, file)
    try:
        yield writer
    finally:
        try:
            writer.flush()
        finally:
            with _storing(path):
                file.close()


def read_lines(path: StagingPath) -> Iterator[bytes]:
    """Yield a staged file's lines, without their line breaks.

    Raises:
        StagingGoneError: The file is not there.
        StagingUnavailableError: It cannot be read at the moment.
    """
    begun = b""
    for data in _blocks(path):
        *lines, begun = (begun + data).split(b"\n")
        yield from lines
    if begun:
        yield begun


def check_file(path: StagingPath, sha256: str) -> None:
    """See that a staged file is still what was written.

    Raises:
        StagingGoneError: The file is not there.
        StagingDamagedError: Its digest differs.
        StagingUnavailableError: It cannot be read at the moment.
    """
    digest = hashlib.sha256()
    for data in _blocks(path):
        digest.update(data)
    if digest.hexdigest() != sha256:
        raise _damaged(path)


def write_json(path: StagingPath, value: object) -> None:
    """Write one small JSON document.

    Raises:
        StagingUnavailableError: The file cannot be written.
    """
    _write(path, encode(value))


def read_json(path: StagingPath) -> dict[str, Any]:
    """Read one small JSON object.

    Raises:
        StagingGoneError: The file is not there.
        StagingDamagedError: The file is cut short, or holds something else.
        StagingUnavailableError: It cannot be read at the moment.
    """
    try:
        value = json.loads(b"".join(_blocks(path)))
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(value, dict):
        raise _damaged(path)
    return value


def write_file(path: StagingPath, data: bytes) -> None:
    """Write one small file.

    Raises:
        StagingUnavailableError: The file cannot be written.
    """
    _write(path, data)


def read_file(path: StagingPath) -> bytes:
    """Read one small file.

    Raises:
        StagingGoneError: The file is not there.
        StagingUnavailableError: It cannot be read at the moment.
    """
    return b"".join(_blocks(path))


def mark(path: StagingPath) -> None:
    """Make an empty file, whose name says it all.

    Raises:
        StagingUnavailableError: The file cannot be made.
    """
    _write(path, b"")


def remove(path: StagingPath) -> None:
    """Remove a file, if it is there.

    Raises:
        StagingUnavailableError: It cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError), _storing(path, FileNotFoundError):
        path.unlink()


def _write(path: StagingPath, data: bytes) -> None:
    with _storing(path), path.open("wb") as file:
        file.write(data)


def _blocks(path: StagingPath) -> Iterator[bytes]:
    """Read a file in blocks, and nothing but the file: what is done with a block between two reads is not guarded."""
    try:
        with _storing(path, FileNotFoundError):
            file = path.open("rb")
    except FileNotFoundError as error:
        raise gone(path) from error
    with file:
        while True:
            with _storing(path):
                data = file.read(READ_BYTES)
            if not data:
                return
            yield data


@contextlib.contextmanager
def _storing(path: StagingPath, *passing: type[Exception]) -> Iterator[None]:
    """Say in our words what the storage says in its own: the file system, or the client of an object store."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (KeywatchError, *passing)):
            raise
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number else type(error).__name__
        raise StagingUnavailableError(
            f"{path} cannot be read or written: {reason}. See that the staging area has room, and that this worker "
            "may use it. Another try follows."
        ) from error


def _damaged(path: StagingPath) -> StagingDamagedError:
    return StagingDamagedError(
        f"{path} is not what was written: cut short, or altered. Clear the whole run, so that it is made anew."
    )


def gone(path: StagingPath) -> StagingGoneError:
    """Say that a staged file is missing, and what to do about it."""
    return StagingGoneError(
        f"{path} is gone: staging keeps a run's files for a limited time. Clear the whole run, "
        "not only this task, so that its accounts are read again."
    )


def make_folder(path: StagingPath) -> None:
    """Make a folder and those above it, unless they are there.

    Raises:
        StagingUnavailableError: It cannot be made.
    """
    with _storing(path):
        path.mkdir(parents=True, exist_ok=True)


def list_folder(path: P) -> list[P]:
    """List a folder as it is now; one that is not there is empty, for an object store has no empty folders.

    Raises:
        StagingUnavailableError: It cannot be listed at the moment.
    """
    if file_system := getattr(path, "fs", None):  # an object store's client remembers lists, which others outdate
        file_system.invalidate_cache(path.path)  # type: ignore[attr-defined]
    try:
        with _storing(path, FileNotFoundError, NotADirectoryError):
            return list(path.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def remove_tree(path: StagingPath) -> None:
    """Remove a folder and everything below it.

    Raises:
        StagingUnavailableError: Something in it cannot be removed.
    """
    for child in list_folder(path):
        if child.is_dir() and not child.is_symlink():
            remove_tree(child)
        else:
            remove(child)
    ended = (FileNotFoundError, NotADirectoryError)  # on an object store it ends with its last object
    with contextlib.suppress(*ended), _storing(path, *ended):
        path.rmdir()
