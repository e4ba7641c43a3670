"""Staged files: newline-delimited JSON in a folder that every worker reaches.

The library takes any path that behaves like `pathlib.Path`: a local one, or Airflow's `ObjectStoragePath`
over S3 or Azure Blob.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final, Protocol, Self, TypeVar, cast

from keywatch.errors import StagingDamagedError, StagingGoneError


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

    def exists(self) -> bool:
        """Tell whether something is there."""
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

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self.count = 0

    def write(self, line: bytes) -> None:
        """Append one encoded record and a line break."""
        self._buffer += line
        self._buffer += b"\n"
        self.count += 1
        if len(self._buffer) >= WRITE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand on what has been gathered."""
        self._digest.update(self._buffer)
        self._file.write(bytes(self._buffer))
        self._buffer.clear()

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of all bytes handed on so far."""
        return self._digest.hexdigest()


@contextlib.contextmanager
def line_writer(path: StagingPath) -> Iterator[LineWriter]:
    """Open a staged file for writing, in place of whatever was there. What was written stays if an error follows."""
    with path.open("wb") as file:
        writer = LineWriter(file)
        try:
            yield writer
        finally:
            writer.flush()


def read_lines(path: StagingPath) -> Iterator[bytes]:
    """Yield a staged file's lines, without their line breaks.

    Raises:
        StagingGoneError: The file is not there.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise gone(path) from error
    with file:
        begun = b""
        while data := file.read(READ_BYTES):
            *lines, begun = (begun + data).split(b"\n")
            yield from lines
        if begun:
            yield begun


def check_file(path: StagingPath, sha256: str) -> None:
    """See that a staged file is still what was written.

    Raises:
        StagingGoneError: The file is not there.
        StagingDamagedError: Its digest differs.
    """
    digest = hashlib.sha256()
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise gone(path) from error
    with file:
        while block := file.read(WRITE_BYTES):
            digest.update(block)
    if digest.hexdigest() != sha256:
        raise StagingDamagedError(
            f"{path} is not what was written: cut short, or altered. Clear the whole run, so that it is made anew."
        )


def write_json(path: StagingPath, value: object) -> None:
    """Write one small JSON document."""
    with path.open("wb") as file:
        file.write(encode(value))


def read_json(path: StagingPath) -> dict[str, Any]:
    """Read one small JSON document.

    Raises:
        StagingGoneError: The file is not there.
        ValueError: The file is cut short or not JSON.
    """
    return cast("dict[str, Any]", json.loads(b"".join(read_lines(path))))


def gone(path: StagingPath) -> StagingGoneError:
    """Say that a staged file is missing, and what to do about it."""
    return StagingGoneError(
        f"{path} is gone: staging keeps a run's files for a limited time. Clear the whole run, "
        "not only this task, so that its accounts are read again."
    )


def make_folder(path: StagingPath) -> None:
    """Make a folder and those above it, unless they are there."""
    path.mkdir(parents=True, exist_ok=True)


def list_folder(path: P) -> list[P]:
    """List a folder; one that is not there is empty, for an object store has no empty folders."""
    try:
        return list(path.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def remove_tree(path: StagingPath) -> None:
    """Remove a folder and everything below it."""
    for child in list_folder(path):
        if child.is_dir() and not child.is_symlink():
            remove_tree(child)
        else:
            child.unlink()
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # on an object store it ends with its last object
        path.rmdir()
