"""Several traces as one, and what a trace amounts to."""

from __future__ import annotations

import contextlib
import heapq
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from keywatch.errors import KeywatchError, TraceUnreadableError
from keywatch.staging import StagingPath, encode, remove
from keywatch.trace.har import read_entries, read_pages, write_har

AT_ONCE: Final = 64
"""Files that are read at once. More are merged by so many first: each takes memory, and a process may open few."""

LARGEST: Final = 2**53
"""A number beyond this counts for nothing: it is no size, and no time."""

Source = Callable[[], Iterator[bytes]]
"""Yields the lines of a file in order: when the entry began, a space, and the entry."""


def merge_hars(paths: Sequence[StagingPath], out: StagingPath) -> int:
    """Join the traces of a run's tasks into one: each task's page stays, and the entries are in order of their start.

    Memory is constant in the number of entries.

    Args:
        paths: HAR files that Keywatch has written, or this function.
        out: None of them. Nothing is left there if a file cannot be read.

    Returns:
        How many entries there are.

    Raises:
        TraceUnreadableError: A file is damaged, or not a trace; it is named.
        StagingGoneError: A file is not there.
        StagingUnavailableError: A file cannot be read, or the joined one not written, at the moment.
        OSError: There is no room for temporary files.
    """
    pages: dict[str, dict[str, Any]] = {}
    numbers: Counter[str] = Counter()
    sources = [partial(_lines, path, _join_pages(path, pages, numbers)) for path in paths]
    with contextlib.ExitStack() as stack:
        try:
            return write_har(out, list(pages.values()), map(_entry, _merged(sources, stack)))
        except (KeywatchError, OSError):
            with contextlib.suppress(KeywatchError):
                remove(out)
            raise


@dataclass(frozen=True, slots=True)
class HostTraffic:
    """What was asked of one host.

    Attributes:
        host: Its name, with the port if it is not the usual one.
        requests: How many.
        failed: How many of them were not answered.
        statuses: How often each status was answered, by status.
        sent: Bytes of requests' bodies.
        received: Bytes of answers' bodies, as they came over the network or, where that is not known, unpacked.
        seconds: How long the requests took, added up.
    """

    host: str
    requests: int
    failed: int
    statuses: tuple[tuple[int, int], ...]
    sent: int
    received: int
    seconds: float


def traffic(paths: Iterable[StagingPath]) -> list[HostTraffic]:
    """Count what traces hold, host by host, those that were asked most first.

    Raises:
        TraceUnreadableError: A file is damaged, or not a trace; it is named.
        StagingGoneError: A file is not there.
        StagingUnavailableError: A file cannot be read at the moment.
    """
    hosts: dict[str, _Tally] = {}
    for path in paths:
        read_pages(path)
        for entry in read_entries(path):
            host = _host(str(entry["request"].get("url", "")))
            hosts.setdefault(host, _Tally()).add(entry)
    found = [tally.of(host) for host, tally in hosts.items()]
    return sorted(found, key=lambda each: (-each.requests, each.host))


class _Tally:
    """Counts the entries of one host."""

    def __init__(self) -> None:
        self._statuses: Counter[int] = Counter()
        self._sums: Counter[str] = Counter()
        self._milliseconds = 0.0

    def add(self, entry: dict[str, Any]) -> None:
        response = entry["response"]
        size = _number(response, "bodySize", -1)
        self._statuses[int(_number(response, "status"))] += 1
        self._sums["sent"] += int(max(0, _number(entry["request"], "bodySize")))
        self._sums["received"] += int(size if size >= 0 else _number(response.get("content"), "size"))
        self._milliseconds += _number(entry, "time")

    def of(self, host: str) -> HostTraffic:
        return HostTraffic(
            host=host,
            requests=self._statuses.total(),
            failed=self._statuses[0],
            statuses=tuple(sorted((status, count) for status, count in self._statuses.items() if status)),
            sent=self._sums["sent"],
            received=self._sums["received"],
            seconds=round(self._milliseconds / 1000, 3),
        )


def _number(values: object, name: str, default: float = 0) -> float:
    value = values.get(name) if isinstance(values, dict) else None
    return value if isinstance(value, (int, float)) and -LARGEST <= value <= LARGEST else default


def _host(url: str) -> str:
    """Return whom a URL names; nobody if it is none."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _join_pages(path: StagingPath, pages: dict[str, dict[str, Any]], numbers: Counter[str]) -> dict[str, str]:
    """Add a file's pages to all, and return by which ids its entries find them there.

    Args:
        path: The file.
        pages: All, by id.
        numbers: How often each id has been there.
    """
    ids: dict[str, str] = {}
    for each in read_pages(path):
        new = each["id"]
        numbers[new] += 1
        while new in pages:
            numbers[each["id"]] += new != each["id"]
            new = f"{each['id']}-{numbers[each['id']]}"
        ids[each["id"]] = new
        pages[new] = each | {"id": new}
    return ids


def _lines(path: StagingPath, ids: dict[str, str]) -> Iterator[bytes]:
    for entry in read_entries(path):
        if entry["pageref"] not in ids:
            raise TraceUnreadableError(
                f"{path} is damaged, or not a trace that Keywatch has written: an entry is of no page. Leave it out."
            )
        entry["pageref"] = ids[entry["pageref"]]
        yield entry["startedDateTime"].encode() + b" " + encode(entry)


def _entry(line: bytes) -> bytes:
    return line.partition(b" ")[2]


def _merged(sources: Sequence[Source], stack: contextlib.ExitStack) -> Iterator[bytes]:
    """Merge, a few files at a time."""
    while len(sources) > AT_ONCE:
        groups = [sources[first : first + AT_ONCE] for first in range(0, len(sources), AT_ONCE)]
        sources = [_kept(group, stack) for group in groups]
    return heapq.merge(*(source() for source in sources), key=lambda line: line.partition(b" ")[0])


def _kept(sources: Sequence[Source], stack: contextlib.ExitStack) -> Source:
    """Merge into a temporary file."""
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - a context of the stack's
    for line in _merged(sources, stack):
        file.write(line + b"\n")
    return partial(_from_start, file)


def _from_start(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    for line in file:
        yield line.removesuffix(b"\n")
