"""A recording from its beginning to its end: its file, its failures, threads and processes."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import stat
import tracemalloc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from upath import UPath
from urllib3.connectionpool import HTTPConnectionPool

from keywatch.trace import TracedTask, har_files, merge_hars, record, recording, trace_folder, traffic
from keywatch.trace import recorder as recorder_module
from keywatch.trace.exchange import request_of
from keywatch.trace.known import REMOVED
from keywatch.trace.record import Recording
from keywatch.trace.recorder import Recorder
from keywatch.trace.tap import SeenResponse, Tap
from tests.keywatch.trace.exchanges import exchange
from tests.keywatch.trace.har_schema import read_har
from tests.keywatch.trace.recorded import DIRECT, JSON, TASK, TEXT, recorded
from tests.keywatch.trace.server import Server, answer, serving


def test_secret_is_in_no_file(tmp_path: Path) -> None:
    """What is given, what is told later, and what is removed for its name is nowhere in what is written."""
    with serving(answer(b"given-1 told-7 opaque-123456"), answer(JSON)) as server:

        def use() -> None:
            with recording(tmp_path, TASK, secrets=["given-1"]) as going_on:
                requests.get(server.url, timeout=5)
                requests.get(server.url, timeout=5)
                going_on.hide("told-7")

        use()

    (path,) = tmp_path.glob("*.har")
    text = path.read_text()
    assert not any(secret in text for secret in ("given-1", "told-7", "opaque-123456"))
    assert read_har(path)[0]["response"]["content"]["text"] == f"{REMOVED} {REMOVED} {REMOVED}"


def test_recording_is_written_though_the_task_fails(tmp_path: Path) -> None:
    """The error goes on as it was, and the file is there."""

    def fail() -> None:
        with serving(answer()) as server, recording(tmp_path, TASK):
            requests.get(server.url, timeout=5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    (path,) = tmp_path.glob("*.har")
    assert len(read_har(path)) == 1


def test_recording_without_requests_is_a_file_too(tmp_path: Path) -> None:
    """A task that asks nobody has an empty trace."""
    assert recorded(tmp_path, lambda: None) == []


def test_page_is_the_task(tmp_path: Path) -> None:
    """A trace's one page is called as its task is."""
    recorded(tmp_path, lambda: None)
    (path,) = tmp_path.glob("*.har")

    (page,) = json.loads(path.read_text())["log"]["pages"]
    assert page["title"] == "access_key_report / audit.extract[3] / try 1"


def test_urllib3_is_as_it_was_afterwards(tmp_path: Path) -> None:
    """What was there before is there again, whatever happens."""
    before = HTTPConnectionPool.urlopen

    def fail() -> None:
        with recording(tmp_path, TASK):
            assert HTTPConnectionPool.urlopen is not before
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()

    assert HTTPConnectionPool.urlopen is before


def test_what_somebody_else_has_put_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another tool may begin to see requests while a recording goes on, and still sees them when that has ended."""
    seen: list[str] = []
    monkeypatch.setattr(HTTPConnectionPool, "urlopen", HTTPConnectionPool.urlopen)  # what is put back at the end

    with serving(answer(), answer()) as server:
        with recording(tmp_path, TASK):
            inner = HTTPConnectionPool.urlopen

            def outer(pool: HTTPConnectionPool, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - handed on
                seen.append("request")
                return inner(pool, *args, **options)

            monkeypatch.setattr(HTTPConnectionPool, "urlopen", outer)
            requests.get(server.url, timeout=5)
        requests.get(server.url, timeout=5)

    assert seen == ["request", "request"]
    (path,) = tmp_path.glob("*.har")
    assert len(read_har(path)) == 1


def test_second_recording_joins_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """There is one recording of a process: another one adds its requests and secrets to it, and says so."""
    other = TracedTask("access_key_report", "audit.load")
    with serving(answer(b"hush-7"), answer(b"there")) as server, recording(tmp_path, TASK) as first:
        with recording(tmp_path / "other", other, secrets=["hush-7"]) as second:
            requests.get(server.url, timeout=5)
        requests.get(server.url, timeout=5)

    assert second is first
    (path,) = tmp_path.glob("*.har")
    assert [entry["response"]["content"]["text"] for entry in read_har(path)] == [REMOVED, "there"]
    assert not (tmp_path / "other").exists()
    assert "access_key_report / audit.load / try 1 is traced together with" in caplog.text


def test_warning_says_where_the_trace_will_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads the task's log knows that it was traced, where to, and what the file holds."""
    recorded(tmp_path, lambda: None)

    (path,) = tmp_path.glob("*.har")
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert str(path) in warning.getMessage()
    assert "names, ARNs, addresses" in warning.getMessage()


def test_trace_that_cannot_be_written_fails_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A task has done its work, whether its trace can be written or not."""
    (tmp_path / "file").write_bytes(b"")

    with recording(tmp_path / "file" / "below", TASK):
        pass

    assert "The trace could not be written to" in caplog.text
    assert "Another try follows" not in caplog.text


def test_half_a_trace_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that could not be written to its end is removed: nobody could read it."""

    def broken(_: Recorder) -> Iterator[bytes]:
        yield b"{}"
        raise OSError

    monkeypatch.setattr(Recorder, "entries", broken)

    with recording(tmp_path, TASK):
        pass

    assert list(tmp_path.iterdir()) == []
    assert "The trace could not be written to" in caplog.text


def test_machine_without_room_is_not_traced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a temporary file there is no recording, and the task goes on."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    before = HTTPConnectionPool.urlopen

    with recording(tmp_path, TASK) as going_on:
        going_on.hide("secret")
        assert HTTPConnectionPool.urlopen is before

    assert "nothing is recorded" in caplog.text


@pytest.mark.parametrize("broken", ["request_of", "answer_of", "entry_of"])
def test_failure_of_the_recording_is_not_the_request_s(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong in recording, the request is made; the log says so once, and the entry too."""

    def fail(*_: object, **__: object) -> None:
        raise LookupError("opaque-123456")

    monkeypatch.setattr(recorder_module, broken, fail)

    with serving(answer(JSON), answer(JSON)) as server:

        def use() -> None:
            for _ in range(2):
                assert requests.post(server.url, data=JSON, timeout=5).content == JSON

        entries = recorded(tmp_path, use)

    assert caplog.text.count("could not be recorded in full (LookupError") == 1
    assert "opaque-123456" not in caplog.text
    assert len(entries) == (0 if broken == "request_of" else 2)
    for entry in entries:
        assert "LookupError" in entry["comment"]
        assert "opaque-123456" not in json.dumps(entry)


def test_temporary_file_is_its_owner_s_and_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a recording goes on, nobody else can read it; it holds no secret, and is gone with the process."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    recorder = Recorder("page", 1000)
    tap = Tap(recorder)
    try:
        with serving(answer(JSON)) as server:
            requests.get(server.url, timeout=5)
    finally:
        tap.close()
    file = recorder._spool._file

    state = os.fstat(file.fileno())
    assert (stat.S_IMODE(state.st_mode), state.st_nlink) == (0o600, 0)
    assert list(tmp_path.iterdir()) == []
    file.seek(0)
    kept = file.read()
    assert b"access_token" in kept
    assert b"opaque-123456" not in kept
    recorder.close()
    assert file.closed


def test_memory_does_not_grow_with_the_requests() -> None:
    """What has been recorded lies on the disk: ten times as many requests take little more memory."""

    def peak(count: int) -> int:
        recorder = Recorder("page", 65_536)
        tracemalloc.start()
        for number in range(count):
            signed = f"AWS4-HMAC-SHA256 Credential=x, SignedHeaders=y, Signature={number:064x}"
            made = exchange(headers={"Authorization": signed}, body=b"x" * 5_000)
            recorder._open[made] = None
            recorder.ended(made, is_whole=True)
        assert sum(1 for _ in recorder.entries()) == count
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        recorder.close()
        return found

    few, many = peak(50), peak(500)

    assert many - few < 450 * 500


def ask_from_a_child(url: str) -> None:
    """Ask, in a process of its own."""
    requests.get(url, timeout=5)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # which is the point of the test
def test_process_that_is_forked_is_not_recorded(tmp_path: Path) -> None:
    """A child has a file of its parent's at hand, and leaves it alone."""
    with serving(answer(), answer()) as server:

        def use() -> None:
            child = multiprocessing.get_context("fork").Process(target=ask_from_a_child, args=(server.url,))
            child.start()
            child.join()
            assert child.exitcode == 0
            requests.get(server.url, timeout=5)

        assert len(recorded(tmp_path, use)) == 1


def test_recording_of_a_parent_does_not_go_on_in_its_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that records has a recording of its own."""
    monkeypatch.setattr(record, "_going_on", Recording(_process=os.getpid() + 1))

    assert recorded(tmp_path, lambda: None) == []


def test_answer_of_another_class_is_left_alone(tmp_path: Path) -> None:
    """Whose answers are not urllib3's own gets them as they are."""

    class Own(urllib3.HTTPResponse):
        pass

    class OwnConnection(urllib3.connection.HTTPConnection):
        def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override] # as urllib3 itself
            response: urllib3.HTTPResponse = super().getresponse()
            response.__class__ = Own
            return response

    def use(server: Server) -> None:
        pool = urllib3.HTTPConnectionPool("127.0.0.1", server.port, timeout=5)
        with pool:
            pool.ConnectionCls = OwnConnection
            response = pool.urlopen("GET", "/", preload_content=False)
            assert type(response) is Own
            assert response.read() == TEXT

    with serving(answer(TEXT)) as server:
        (entry,) = recorded(tmp_path, lambda: use(server))

    assert (entry["response"]["status"], entry["response"]["content"]["comment"]) == (200, "not seen")


def test_seen_answer_is_urllib3_s_to_everybody(tmp_path: Path) -> None:
    """An answer is the same object, of a class below its own."""
    with serving(answer(TEXT)) as server, urllib3.PoolManager() as pool, recording(tmp_path, TASK):
        response = pool.request("GET", server.url, timeout=DIRECT, preload_content=False)
        assert isinstance(response, urllib3.HTTPResponse)
        assert isinstance(response, SeenResponse)
        response.drain_conn()


def test_answer_that_is_dropped_is_closed_at_once(tmp_path: Path) -> None:
    """Nothing of the recording keeps an answer alive that nobody wants any more."""
    with serving(answer(TEXT, Connection="keep-alive")) as server, urllib3.PoolManager() as pool:

        def use() -> None:
            response = pool.request("GET", server.url, timeout=DIRECT, preload_content=False)
            assert response.read(5) == TEXT[:5]
            gone = weakref.ref(response)
            del response
            assert gone() is None

        (entry,) = recorded(tmp_path, use)

    assert entry["comment"] == "not read to its end"


def test_request_through_a_proxy_without_a_tunnel_is_of_its_own_host() -> None:
    """Plain HTTP goes to the proxy with the whole URL; what was asked is the host in it."""
    with urllib3.ProxyManager("http://me:hunter%32@proxy.example:8080") as manager:
        pool = manager.connection_from_url("http://api.example:81/a")
        request = request_of(pool, "GET", "http://api.example:81/a?b=c", None, {"Accept": "x"})

    assert (request.scheme, request.host, request.url) == ("http", "api.example", "http://api.example:81/a?b=c")
    assert request.headers == (("Host", "api.example:81"), ("Accept-Encoding", "identity"), ("Accept", "x"))
    assert (request.proxy, request.proxy_password) == ("proxy.example:8080", "hunter2")


@pytest.mark.parametrize(
    ("pool", "url"),
    [
        (urllib3.HTTPSConnectionPool("a.example"), "https://a.example/x?u=http://b"),
        (urllib3.HTTPSConnectionPool("a.example", 443), "https://a.example/x?u=http://b"),
        (urllib3.HTTPSConnectionPool("a.example", 8443), "https://a.example:8443/x?u=http://b"),
        (urllib3.HTTPConnectionPool("::1", 81), "http://[::1]:81/x?u=http://b"),
    ],
)
def test_url_is_whole(pool: HTTPConnectionPool, url: str) -> None:
    """Scheme, host and port come from the pool."""
    assert request_of(pool, "GET", "/x?u=http://b", None, {}).url == url


def test_trace_is_written_to_an_object_store() -> None:
    """A trace may lie wherever staging does, and be joined there."""
    run: Any = UPath("memory://bucket/staging/runs/run")

    with serving(answer(b"hello", Content_Type="text/plain")) as server, recording(trace_folder(run), TASK):
        requests.get(server.url, timeout=5)

    (path,) = har_files(run)
    assert merge_hars([path], run / "all.har") == 1
    assert [each.requests for each in traffic([run / "all.har"])] == [1]


def test_names_of_traces_are_safe_and_their_own(tmp_path: Path) -> None:
    """Every attempt has a file of its own, which any store takes."""
    odd = TracedTask("dag", "group.täsk/../x" + "y" * 200, -1, 12)
    names = {odd.file_name() for _ in range(10)}

    assert len(names) == 10
    assert all(len(name) < 120 and "/" not in name and name.isascii() for name in names)
    assert TASK.file_name().startswith("audit.extract-3-1-")
    assert TracedTask("dag", "verdict", try_number=2).file_name().startswith("verdict-x-2-")
    folder = trace_folder(tmp_path)
    with recording(folder, TASK):
        pass
    (folder / "notes.txt").write_bytes(b"")
    assert [path.parent.name for path in har_files(tmp_path)] == ["trace"]
    assert har_files(tmp_path / "elsewhere") == []
