"""HAR 1.2 files, written and read without ever holding a whole one.

Source: Jan Odvarko, "HAR 1.2 Spec". A file is one JSON document, and laid out so that it can be read line by line: the
first line has everything but the entries, each further one an entry, and the last one the end.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import Any, Final

from keywatch.errors import TraceUnreadableError
from keywatch.staging import StagingPath, encode, line_writer, read_lines

CREATOR: Final = "Keywatch"
SUFFIX: Final = ".har"
COMMENT: Final = (
    "Secrets have been removed; an entry's comment says which. The time of `wait` is all that came before an answer: "
    "waiting for a connection, connecting, TLS and sending."
)
TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
END: Final = b"]}}"


def page(page_id: str, title: str, started: str) -> dict[str, Any]:
    """Make a page: what the entries of one task belong to.

    Args:
        page_id: Unique in its file.
        title: What is shown.
        started: ISO 8601, UTC.
    """
    return {"startedDateTime": started, "id": page_id, "title": title, "pageTimings": {}}


def write_har(path: StagingPath, pages: Sequence[dict[str, Any]], entries: Iterable[bytes]) -> int:
    """Write a HAR file, in place of whatever was there.

    Args:
        path: Where to.
        pages: Its pages.
        entries: Each as compact JSON, in order of their start.

    Returns:
        How many entries there are.

    Raises:
        StagingUnavailableError: It cannot be written; what is there then is damaged.
    """
    log = {
        "version": "1.2",
        "creator": {"name": CREATOR, "version": _version()},
        "pages": list(pages),
        "comment": COMMENT,
        "entries": [],
    }
    count = 0
    with line_writer(path) as writer:
        writer.write(encode({"log": log}).removesuffix(END))
        for entry in entries:
            writer.write(entry if count == 0 else b"," + entry)
            count += 1
        writer.write(END)
    return count


def read_pages(path: StagingPath) -> list[dict[str, Any]]:
    """Read the pages of a HAR file.

    Raises:
        TraceUnreadableError: It is damaged, or not a HAR file of Keywatch's.
        StagingGoneError: It is not there.
        StagingUnavailableError: It cannot be read at the moment.
    """
    lines = read_lines(path)
    first = next(lines, b"")
    try:
        pages = _json(first.removeprefix(b"\xef\xbb\xbf") + END)["log"]["pages"]
        if any(not isinstance(each[name], str) for each in pages for name in ("id", "title", "startedDateTime")):
            raise TypeError  # noqa: TRY301 - as whatever else is wrong with it
    except (KeyError, TypeError, ValueError, RecursionError):
        raise _unreadable(path, 1) from None
    return list(pages)


def read_entries(path: StagingPath) -> Iterator[dict[str, Any]]:
    """Read the entries of a HAR file, one after the other.

    Raises:
        TraceUnreadableError: It is damaged, or not a HAR file of Keywatch's.
        StagingGoneError: It is not there.
        StagingUnavailableError: It cannot be read at the moment.
    """
    lines = read_lines(path)
    next(lines, b"")
    for number, line in enumerate(chain(lines, [b""]), start=2):
        if line == END:
            return
        yield _entry(path, number, line)


def _entry(path: StagingPath, number: int, line: bytes) -> dict[str, Any]:
    try:
        entry = _json(line.removeprefix(b","))
        is_ours = (
            TIME.fullmatch(entry["startedDateTime"])
            and isinstance(entry["pageref"], str)
            and all(isinstance(entry[name], dict) for name in ("request", "response"))
        )
        if not is_ours:
            raise TypeError  # noqa: TRY301 - as whatever else is wrong with it
    except (KeyError, TypeError, ValueError, RecursionError):
        raise _unreadable(path, number) from None
    return dict(entry)


def _json(text: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Read JSON in which every number is one: infinity, or none, could be read and not be written again."""
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(number)
    return value


def _unreadable(path: StagingPath, number: int) -> TraceUnreadableError:
    return TraceUnreadableError(
        f"{path} is damaged, or not a trace that Keywatch has written (line {number}). Leave it out, or record its "
        "task anew: clear it while tracing is on."
    )


def _version() -> str:
    try:
        return version("keywatch")
    except PackageNotFoundError:  # used from its sources alone
        return "unknown"
