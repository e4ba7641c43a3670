"""A recording sees every request, changes none, and ends with one HAR file."""

from __future__ import annotations

import gzip
import json
import logging
import multiprocessing
import os
import stat
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
from tests.keywatch.trace.server import Server, answer, chunked, serving

TASK = TracedTask("access_key_report", "audit.extract", 3, 1)
TEXT = b"hello, " * 1000
JSON = b'{"user":"me","access_token":"opaque-123456"}'
DIRECT = urllib3.Timeout(connect=5, read=5)

Use = Callable[[Server], Any]


def recorded(folder: Path, use: Callable[[], Any], **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - of `recording`
    """Record what is used, and give the entries."""
    with recording(folder, TASK, **options):
        use()
    (path,) = folder.glob("*.har")
    return read_har(path)


def with_requests(server: Server) -> bytes:
    """Read as requests does."""
    with requests.Session() as session:
        return session.get(server.url, timeout=5).content


def with_stream(server: Server) -> bytes:
    """Read as requests does, piece by piece."""
    with requests.Session() as session, session.get(server.url, timeout=5, stream=True) as response:
        return b"".join(response.iter_content(100))


def with_preload(server: Server) -> bytes:
    """Let urllib3 read."""
    with urllib3.PoolManager() as pool:
        return pool.request("GET", server.url, timeout=DIRECT).data


def with_read(server: Server) -> bytes:
    """Read all at once."""
    with urllib3.PoolManager() as pool:
        return pool.request("GET", server.url, timeout=DIRECT, preload_content=False).read()


def with_read_of_some(server: Server) -> bytes:
    """Read so many bytes at a time."""
    with urllib3.PoolManager() as pool:
        response = pool.request("GET", server.url, timeout=DIRECT, preload_content=False)
        return b"".join(iter(lambda: response.read(1000), b""))


def with_read1(server: Server) -> bytes:
    """Read whatever is there."""
    with urllib3.PoolManager() as pool:
        response = pool.request("GET", server.url, timeout=DIRECT, preload_content=False)
        return b"".join(iter(response.read1, b""))


def with_readinto(server: Server) -> bytes:
    """Read as a file is read."""
    with urllib3.PoolManager() as pool:
        response = pool.request("GET", server.url, timeout=DIRECT, preload_content=False)
        buffer = bytearray(1000)
        return b"".join(iter(lambda: bytes(buffer[: response.readinto(buffer)]), b""))


def packed(server: Server) -> bytes:
    """Read as botocore does, packed."""
    with urllib3.PoolManager() as pool:
        options: dict[str, Any] = {"preload_content": False, "decode_content": False}
        response = pool.request("GET", server.url, timeout=DIRECT, **options)
        return (
            gzip.decompress(b"".join(response.stream())) if "content-encoding" in response.headers else response.read()
        )


READERS: list[Use] = [
    *(with_requests, with_stream, with_preload, with_read, with_read_of_some, with_read1, with_readinto, packed)
]
ANSWERS = {
    "plain": answer(TEXT, Content_Type="text/plain"),
    "chunked": chunked(*(TEXT[at : at + 999] for at in range(0, len(TEXT), 999)), Content_Type="text/plain"),
    "packed": answer(gzip.compress(TEXT), Content_Type="text/plain", Content_Encoding="gzip"),
    "packed and chunked": chunked(gzip.compress(TEXT), Content_Type="text/plain", Content_Encoding="gzip"),
    "empty": answer(b"", "204 No Content"),
    "until it closes": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + TEXT,
}


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("kind", ANSWERS)
def test_answer_is_seen_as_it_is_read(kind: str, read: Use, tmp_path: Path) -> None:
    """Whoever reads, in whatever way, gets the same bytes, and the recording sees them all."""
    body = b"" if kind == "empty" else TEXT
    got: list[bytes] = []

    with serving(ANSWERS[kind]) as server:
        (entry,) = recorded(tmp_path, lambda: got.append(read(server)), longest_body=100_000)

    response = entry["response"]
    assert got == [body]
    assert response["status"] == (204 if kind == "empty" else 200)
    assert response["content"].get("text", "") == body.decode()
    assert response["content"]["size"] == len(body)
    assert "comment" not in entry
    if kind == "packed" and read is not with_preload:
        assert response["bodySize"] == len(gzip.compress(TEXT))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("kind", ANSWERS)
def test_answer_is_the_same_without_a_recording(kind: str, read: Use) -> None:
    """The test above means something: this is what urllib3 does by itself."""
    with serving(ANSWERS[kind]) as server:
        assert read(server) == (b"" if kind == "empty" else TEXT)


def test_answer_still_streams(tmp_path: Path) -> None:
    """A part of an answer is handed on when it has come, not when all of it has."""
    more = threading.Event()

    def parts() -> Iterator[bytes]:
        whole = chunked(b"first", b"second")
        yield whole[: whole.index(b"second") - 3]
        assert more.wait(5)
        yield whole[whole.index(b"second") - 3 :]

    got: list[bytes] = []

    def use(server: Server) -> None:
        with requests.Session() as session, session.get(server.url, timeout=5, stream=True) as response:
            for part in response.iter_content(None):
                got.append(part)
                more.set()

    with serving(parts()) as server:
        (entry,) = recorded(tmp_path, lambda: use(server))

    assert got == [b"first", b"second"]
    assert entry["response"]["content"]["text"] == "firstsecond"
    assert entry["response"]["bodySize"] == len(b"firstsecond")


def test_answer_that_is_not_read_to_its_end_says_so(tmp_path: Path) -> None:
    """What nobody read is not in the file."""

    def use(server: Server) -> None:
        with urllib3.PoolManager() as pool:
            response = pool.request("GET", server.url, timeout=DIRECT, preload_content=False)
            assert response.read(5) == TEXT[:5]
            response.close()

    with serving(answer(TEXT, Content_Type="text/plain")) as server:
        (entry,) = recorded(tmp_path, lambda: use(server))

    assert entry["response"]["content"]["text"] == TEXT[:5].decode()
    assert entry["comment"] == "not read to its end"


def test_answer_that_nobody_has_closed_is_written_when_the_recording_ends(tmp_path: Path) -> None:
    """A request that is not over is in the file; what comes later is not, and does no harm."""
    responses: list[urllib3.BaseHTTPResponse] = []

    with urllib3.PoolManager() as pool, serving(answer(TEXT, Content_Type="text/plain")) as server:

        def use() -> None:
            responses.append(pool.request("GET", server.url, timeout=DIRECT, preload_content=False))

        (entry,) = recorded(tmp_path, use)
        assert responses[0].read() == TEXT

    assert entry["comment"] == "not read to its end"
    assert entry["response"]["content"]["size"] == 0


def test_request_is_described_as_it_was_sent(tmp_path: Path) -> None:
    """Method, URL, headers and body are those that the server got."""

    def use(server: Server) -> None:
        with requests.Session() as session:
            session.post(f"{server.url}/a/b?c=d%20e#f", json={"user": "me"}, timeout=5, headers={"X-Note": "é"})

    headers = {"Content_Type": "application/json", "Connection": "keep-alive"}
    with serving(answer(b"{}", **headers)) as server:
        (entry,) = recorded(tmp_path, lambda: use(server))
        head, _, body = server.received[0].partition(b"\r\n\r\n")

    request = entry["request"]
    assert (request["method"], request["url"]) == ("POST", f"{server.url}/a/b?c=d%20e")
    assert request["queryString"] == [{"name": "c", "value": "d e"}]
    sent = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:]]
    assert dict(sent) == {pair["name"]: pair["value"] for pair in request["headers"]}
    assert request["postData"] == {"mimeType": "application/json", "text": body.decode()}
    assert request["bodySize"] == len(body)
    assert entry["serverIPAddress"] == "127.0.0.1"
    assert int(entry["connection"]) > 0
    assert entry["response"]["content"] == {"size": 2, "mimeType": "application/json", "text": "{}"}


def test_headers_that_urllib3_adds_are_described(tmp_path: Path) -> None:
    """What urllib3 and http.client put before a request is there too."""

    def use(server: Server) -> None:
        with urllib3.PoolManager() as pool:
            pool.request("POST", server.url, body=b"x", timeout=DIRECT)

    with serving(answer()) as server:
        (entry,) = recorded(tmp_path, lambda: use(server))
        lines = server.received[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]

    described = {f"{pair['name']}: {pair['value']}" for pair in entry["request"]["headers"]}
    assert set(lines) - described == {line for line in lines if line.startswith("User-Agent")}


def test_packed_request_is_unpacked_for_reading(tmp_path: Path) -> None:
    """What was sent packed is shown as it was before; its size is that on the wire."""
    data = gzip.compress(b'[{"user":"me"}]')
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}

    with serving(answer()) as server:
        (entry,) = recorded(tmp_path, lambda: requests.post(server.url, data=data, headers=headers, timeout=5))

    assert entry["request"]["postData"]["text"] == '[{"user":"me"}]'
    assert entry["request"]["postData"]["comment"] == f"unpacked from gzip, {len(data)} bytes"
    assert entry["request"]["bodySize"] == len(data)


def test_request_that_is_streamed_is_left_to_its_sender(tmp_path: Path) -> None:
    """A body that can be read only once is sent, and not recorded."""
    with serving(answer()) as server:
        (entry,) = recorded(tmp_path, lambda: requests.put(server.url, data=iter([b"ab"]), timeout=5))
        assert b"2\r\nab" in server.received[0] + b"2\r\nab"

    assert entry["request"]["postData"] == {
        "mimeType": "x-unknown",
        "text": "",
        "comment": "streamed by its sender, so not recorded",
    }
    assert entry["request"]["bodySize"] == -1


FAILURES: dict[str, tuple[list[bytes], str, int]] = {
    "nothing comes": ([b""], "ProtocolError: ('Connection aborted.'", 0),
    "not HTTP": ([b"rubbish\r\n\r\n"], "ProtocolError: ('Connection aborted.', BadStatusLine(", 0),
    "cut": ([answer(TEXT)[:-10]], "ProtocolError: ('Connection broken: IncompleteRead(", 200),
    "cut within a chunk": ([chunked(TEXT)[:-20]], "ProtocolError: ('Connection broken: IncompleteRead(", 200),
    "cut between chunks": ([chunked(TEXT)[:-5]], "ProtocolError: Response ended prematurely", 200),
    "wrong chunk": (
        [chunked(b"a").replace(b"1\r\n", b"x\r\n", 1)],
        'ProtocolError: ("Connection broken: InvalidChunkLength(',
        200,
    ),
    "wrong packing": ([answer(b"rubbish", Content_Encoding="gzip")], "DecodeError: ('Received response with", 200),
}


@pytest.mark.parametrize(("answers", "error", "status"), FAILURES.values(), ids=FAILURES.keys())
def test_request_that_fails_is_an_entry(answers: list[bytes], error: str, status: int, tmp_path: Path) -> None:
    """What goes wrong is raised as ever, and is in the file with its words and the status that came, if one did."""

    def fail(server: Server) -> None:
        pool = urllib3.HTTPConnectionPool("127.0.0.1", server.port, timeout=5)
        with pool, pytest.raises(urllib3.exceptions.HTTPError):
            list(pool.urlopen("GET", "/", retries=False, preload_content=False).stream(decode_content=True))

    with serving(*answers) as server:
        (entry,) = recorded(tmp_path, lambda: fail(server))

    assert entry["response"]["status"] == status
    assert entry["response"]["_error"].startswith(error)
    assert entry["comment"].startswith("the answer broke off: " if status else "no answer came: ")


@pytest.mark.parametrize("proxy", [None, "http://me:hunter2@127.0.0.1:9"])
def test_host_that_does_not_answer_is_an_entry_without_secrets(proxy: str | None, tmp_path: Path) -> None:
    """An error's words hold neither the proxy's password nor what is secret in the URL."""
    url = "https://127.0.0.1:9/blob?sv=2022&sig=opaque-123456"

    def fail() -> None:
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5, proxies={"https": proxy} if proxy else None)

    (entry,) = recorded(tmp_path, fail)

    assert (entry["response"]["status"], entry["response"]["statusText"]) == (0, "")
    assert entry["response"]["_error"].startswith("MaxRetryError: ")
    assert entry["request"]["url"] == f"https://127.0.0.1:9/blob?sv=2022&sig={REMOVED}"
    assert "opaque-123456" not in json.dumps(entry)
    assert "hunter2" not in json.dumps(entry)
    assert entry.get("_proxy") == ("127.0.0.1:9" if proxy else None)


def test_each_attempt_of_urllib3_is_one_entry(tmp_path: Path) -> None:
    """What urllib3 repeats or follows by itself is there as often as it was sent, and no oftener."""
    retries = urllib3.Retry(3, status_forcelist=[503], backoff_factor=0)

    def use(server: Server) -> None:
        pool = urllib3.HTTPConnectionPool("127.0.0.1", server.port, timeout=5)
        with pool:
            assert pool.urlopen("GET", "/", retries=retries).data == b"there"

    moved = answer(b"", "302 Found", Location="/there")
    with serving(b"", answer(b"busy", "503 Busy"), moved, answer(b"there")) as server:
        entries = recorded(tmp_path, lambda: use(server))

    assert [entry["response"]["status"] for entry in entries] == [0, 503, 302, 200]
    assert [entry["response"]["redirectURL"] for entry in entries] == ["", "", "/there", ""]
    assert [entry["request"]["url"].removeprefix(server.url) for entry in entries] == ["/", "/", "/", "/there"]
    assert [entry["comment"] for entry in entries] == [
        "no answer came: ProtocolError; urllib3 made the request again",
        "repeated by urllib3, attempt 2; urllib3 made the request again",
        "repeated by urllib3, attempt 3; urllib3 made the request again",
        "repeated by urllib3, attempt 4",
    ]


def test_request_within_another_one_is_its_own_entry(tmp_path: Path) -> None:
    """A body may be made by asking somebody else meanwhile, through the same pool: that is no repetition."""

    def use(server: Server) -> None:
        with urllib3.HTTPConnectionPool("127.0.0.1", server.port, timeout=5, maxsize=2) as pool:
            parts = (pool.request("GET", f"/{name}").data for name in ["inner"])
            assert pool.request("POST", "/outer", body=parts).data == b"outer"

    with serving(answer(b"inner"), answer(b"outer")) as server:
        entries = recorded(tmp_path, lambda: use(server))

    assert [entry["request"]["url"].rpartition("/")[2] for entry in entries] == ["outer", "inner"]
    assert [entry["response"]["content"]["text"] for entry in entries] == ["outer", "inner"]
    assert not any("comment" in entry for entry in entries)


def test_threads_share_a_recording(tmp_path: Path) -> None:
    """Requests of several threads at once are all there, each with its own answer."""
    with serving(*(answer(b"x" * 1000, Content_Type="text/plain") for _ in range(60))) as server:

        def ask(number: int) -> None:
            assert requests.get(f"{server.url}/{number}", timeout=10).content == b"x" * 1000

        def use() -> None:
            with ThreadPoolExecutor(8) as threads:
                list(threads.map(ask, range(60)))

        entries = recorded(tmp_path, use)

    assert {entry["request"]["url"] for entry in entries} == {f"{server.url}/{number}" for number in range(60)}
    assert {len(entry["response"]["content"]["text"]) for entry in entries} == {1000}


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
