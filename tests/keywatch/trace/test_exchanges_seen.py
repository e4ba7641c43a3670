"""What a recording sees of requests and answers, however they are read, and that it changes none of them."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from keywatch.trace.known import REMOVED
from tests.keywatch.trace.recorded import DIRECT, TEXT, Use, recorded
from tests.keywatch.trace.server import Server, answer, chunked, serving


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
