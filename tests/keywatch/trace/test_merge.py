"""Traces of several tasks become one, in order, and without holding any in memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keywatch.errors import StagingGoneError, StagingUnavailableError
from keywatch.staging import encode
from keywatch.trace import HostTraffic, TraceUnreadableError, merge_hars, traffic
from keywatch.trace import merge as merge_module
from keywatch.trace.har import page, write_har
from tests.keywatch.trace.exchanges import entry, exchange
from tests.keywatch.trace.har_schema import read_har

START = "2026-11-25T10:28:00.000Z"


def moment(number: int) -> str:
    """Give a moment, so many milliseconds after the start."""
    return f"2026-11-25T10:{28 + number // 60_000:02d}:{number // 1000 % 60:02d}.{number % 1000:03d}Z"


def made(number: int, task: str, url: str = "https://a.example/", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - of `exchange`
    """Make an entry."""
    return entry(exchange(url, **fields)) | {"pageref": task, "startedDateTime": moment(number)}


def written(path: Path, task: str, entries: Iterable[dict[str, Any]], title: str | None = None) -> Path:
    """Write a trace."""
    write_har(path, [page(task, title or f"dag / {task} / try 1", START)], map(encode, entries))
    return path


def test_traces_become_one_in_order(tmp_path: Path) -> None:
    """Entries of all tasks are in order of their start, each still of its own task's page."""
    first = written(tmp_path / "a.har", "extract", [made(number, "extract") for number in (1, 5, 9)])
    second = written(tmp_path / "b.har", "load", [made(number, "load") for number in (2, 5, 7)])

    assert merge_hars([first, second], tmp_path / "all.har") == 6

    entries = read_har(tmp_path / "all.har")
    assert [(each["startedDateTime"][-4:-1], each["pageref"]) for each in entries] == [
        *(("001", "extract"), ("002", "load"), ("005", "extract"), ("005", "load"), ("007", "load"), ("009", "extract"))
    ]
    pages = json.loads((tmp_path / "all.har").read_text())["log"]["pages"]
    assert [each["title"] for each in pages] == ["dag / extract / try 1", "dag / load / try 1"]


def test_pages_of_the_same_name_stay_apart(tmp_path: Path) -> None:
    """A task that was recorded twice has two pages; a joined trace can be joined again."""
    paths = [written(tmp_path / f"{number}.har", "task", [made(number, "task")]) for number in range(3)]
    merge_hars(paths[:2], tmp_path / "two.har")

    assert merge_hars([tmp_path / "two.har", paths[2]], tmp_path / "three.har") == 3

    assert [each["pageref"] for each in read_har(tmp_path / "three.har")] == ["task", "task-2", "task-3"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.lists(st.integers(0, 9999), max_size=8).map(sorted), max_size=12))
def test_any_traces_are_joined_though_few_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: list[list[int]]
) -> None:
    """However many there are, and in whatever order, the entries are all there, in order."""
    monkeypatch.setattr(merge_module, "AT_ONCE", 3)
    entries = [[made(start, str(number)) for start in each] for number, each in enumerate(starts)]
    paths = [written(tmp_path / f"{number}.har", str(number), each) for number, each in enumerate(entries)]

    assert merge_hars(paths, tmp_path / "all.har") == sum(map(len, starts))

    expected = sorted((start, number) for number, each in enumerate(starts) for start in each)
    assert [(each["startedDateTime"], each["pageref"]) for each in read_har(tmp_path / "all.har")] == [
        (moment(start), str(number)) for start, number in expected
    ]


def test_no_traces_are_an_empty_one(tmp_path: Path) -> None:
    """A run without traces has a joined one, with nothing in it."""
    assert merge_hars([], tmp_path / "all.har") == 0
    assert read_har(tmp_path / "all.har") == []


GOOD = '{"log":{"version":"1.2","creator":{"name":"x","version":"1"},"pages":[],"entries":['
PAGES = GOOD.replace("[]", '[{"id":"p","title":"t","startedDateTime":"x","pageTimings":{}}]')
ENTRY = encode(made(1, "p")).decode()
DAMAGED = {
    "empty": "",
    "not JSON": "hello",
    "other JSON": "[1, 2, 3]",
    "without pages": '{"log":{"entries":[\n]}}',
    "odd pages": GOOD.replace("[]", "[1]") + "\n]}}",
    "pages of odd names": GOOD.replace("[]", '[{"id":1,"title":"t","startedDateTime":"x"}]') + "\n]}}",
    "in one line": GOOD + "]}}",
    "cut after the first line": PAGES,
    "cut between two lines": f"{PAGES}\n{ENTRY}\n",
    "cut within a line": f"{PAGES}\n{ENTRY[:-20]}",
    "an entry that is none": f"{PAGES}\n[]\n]}}}}",
    "an entry of no page": GOOD + f"\n{ENTRY}\n]}}}}",
    "an odd moment": PAGES + f"\n{ENTRY.replace('Z', '+01:00', 1)}\n]}}}}",
    "not UTF-8": PAGES + "\n\udcff",
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED.keys())
def test_file_that_is_no_trace_is_named(text: str, tmp_path: Path) -> None:
    """A file that is damaged, or something else, is named, and no half of a joined one is left."""
    good = written(tmp_path / "good.har", "p", [made(0, "p")])
    (tmp_path / "bad.har").write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(TraceUnreadableError, match=r"bad\.har is damaged, or not a trace.*Leave it out"):
        merge_hars([good, tmp_path / "bad.har"], tmp_path / "all.har")

    assert not (tmp_path / "all.har").exists()
    if "of no page" not in text and text != DAMAGED["an entry of no page"]:
        with pytest.raises(TraceUnreadableError, match=r"bad\.har"):
            traffic([tmp_path / "bad.har"])


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    """A trace with a byte order mark, which the specification allows, is read."""
    path = written(tmp_path / "a.har", "p", [made(0, "p")])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert merge_hars([path], tmp_path / "all.har") == 1


def test_file_that_is_gone_says_so(tmp_path: Path) -> None:
    """A file that is missing is another error than one that is damaged."""
    with pytest.raises(StagingGoneError, match=r"gone\.har"):
        merge_hars([tmp_path / "gone.har"], tmp_path / "all.har")


def test_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """What cannot be written is no matter of the traces."""
    path = written(tmp_path / "a.har", "p", [made(0, "p")])

    with pytest.raises(StagingUnavailableError, match="nowhere"):
        merge_hars([path], tmp_path / "nowhere" / "all.har")


def test_memory_does_not_grow_with_the_traces(tmp_path: Path) -> None:
    """Ten times as many entries take no more memory."""

    def peak(count: int) -> int:
        like = made(0, "p", body=b"x" * 4000)
        entries = [like | {"startedDateTime": moment(number)} for number in range(count)]
        paths = [written(tmp_path / f"{count}-{each}.har", "p", entries) for each in range(4)]
        del entries
        tracemalloc.start()
        assert merge_hars(paths, tmp_path / "all.har") == 4 * count
        traffic(paths)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = peak(150), peak(1500)

    assert many < 1.3 * few


def test_traffic_is_counted_by_host(tmp_path: Path) -> None:
    """What was asked of each host, what it answered, and how much: those that were asked most come first."""
    first = [
        made(0, "p", "https://a.example/x", body=b"12345", answer=b"123"),
        made(1, "p", "https://a.example/y", status=404, answer=b"1"),
        made(2, "p", "http://b.example:8080/", status=0, error="OSError: gone"),
    ]
    second = [made(3, "q", "https://a.example/z", status=0, error="OSError: gone")]
    paths = [written(tmp_path / "a.har", "p", first), written(tmp_path / "b.har", "q", second)]

    a, b = traffic(paths)

    assert (a.host, a.requests, a.failed, a.statuses, a.sent, a.received) == (
        "a.example",
        3,
        1,
        ((200, 1), (404, 1)),
        5,
        4,
    )
    assert (b.host, b.requests, b.failed, b.statuses, b.sent, b.received) == ("b.example:8080", 1, 1, (), 0, 0)
    assert a.seconds >= 0
    assert traffic([]) == []
    assert isinstance(a, HostTraffic)


def test_traffic_reads_what_other_tools_left_out(tmp_path: Path) -> None:
    """Sizes that are not known, or not there, count for nothing, but for what was unpacked."""
    odd = made(0, "p")
    odd["response"] |= {"bodySize": -1, "content": {"size": 7}}
    del odd["request"]["bodySize"], odd["time"]
    other = made(1, "p") | {"request": {"url": 1, "bodySize": "many"}, "response": {"content": None}}

    found = {each.host: each for each in traffic([written(tmp_path / "a.har", "p", [odd, other])])}

    assert (found["a.example"].received, found["a.example"].sent) == (7, 0)
    assert (found[""].received, found[""].failed) == (0, 1)
