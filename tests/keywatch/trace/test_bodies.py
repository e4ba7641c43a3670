"""Bodies are seen without being taken away, and read whatever they are packed in."""

from __future__ import annotations

import gzip
import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.trace.bodies import MOST_BYTES, Body, body_of_a_request, content_of, text_of

RAW_DEFLATE = zlib.compressobj(wbits=-15)
PACKED = {
    "gzip": gzip.compress(b"hello"),
    "x-gzip": gzip.compress(b"hello"),
    "GZIP": gzip.compress(b"hel") + gzip.compress(b"lo"),
    "deflate": zlib.compress(b"hello"),
    " Deflate ": RAW_DEFLATE.compress(b"hello") + RAW_DEFLATE.flush(),
    "gzip, deflate": zlib.compress(gzip.compress(b"hello")),
    "identity": b"hello",
}


def body_of(data: bytes) -> Body:
    """Make a body that has been seen as it was sent."""
    body = Body()
    body.add(data)
    return body


@pytest.mark.parametrize("encoding", PACKED)
def test_what_is_packed_is_unpacked(encoding: str) -> None:
    """Every encoding that requests asks for can be read, and it is said how it was packed."""
    content = content_of(body_of(PACKED[encoding]), encoding)

    assert content is not None
    assert (content.data, content.size, content.is_whole) == (b"hello", 5, True)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip", "gzip, br"])
def test_what_cannot_be_unpacked_is_no_content(encoding: str) -> None:
    """What is packed in another way, or not at all, cannot be read."""
    assert content_of(body_of(b"\x00\x01\x02\x03 hello"), encoding) is None


def test_what_is_cut_is_unpacked_as_far_as_it_goes() -> None:
    """Half a body is better than none."""
    content = content_of(body_of(gzip.compress(b"hello" * 1000, 0)[:2000]), "gzip")

    assert content is not None
    assert content.data.startswith(b"hellohello")
    assert not content.is_whole


def test_what_follows_a_packed_body_is_not_part_of_it() -> None:
    """A body with something behind it is not whole."""
    content = content_of(body_of(gzip.compress(b"hello") + b"rubbish"), "gzip")

    assert content is not None
    assert (content.data, content.is_whole) == (b"hello", False)


def test_what_unpacks_to_very_much_is_cut() -> None:
    """A body of a few bytes does not fill the memory."""
    content = content_of(body_of(gzip.compress(bytes(50 * MOST_BYTES))), "gzip")

    assert content is not None
    assert (len(content.data), content.is_whole) == (MOST_BYTES, False)


def test_body_that_is_read_in_two_ways_cannot_be_read() -> None:
    """Of a body that was read half packed and half unpacked, no text can be made."""
    body = Body()
    body.read(b"packed", 6, is_unpacked=False)
    body.read(b"unpacked", 10, is_unpacked=True)

    assert not body.is_seen


def test_large_body_is_kept_in_part_and_counted_in_full() -> None:
    """What is beyond the bound is counted."""
    body = Body()
    for _ in range(5):
        body.add(bytes(MOST_BYTES // 2))
    content = content_of(body, "")

    assert content is not None
    assert (len(content.data), content.size, content.is_whole) == (MOST_BYTES, 5 * MOST_BYTES // 2, False)


@pytest.mark.parametrize("body", [b"hello", "hello", bytearray(b"hello"), memoryview(b"hello"), io.BytesIO(b"hello")])
def test_body_of_a_request_is_seen(body: object) -> None:
    """Whatever requests are sent with is seen."""
    assert body_of_a_request(body).start == b"hello"


def test_body_that_is_half_sent_is_seen_from_there() -> None:
    """A file is sent from where it stands, and stays there."""
    file = io.BytesIO(b"hello")
    file.seek(3)

    assert body_of_a_request(file).start == b"lo"
    assert file.tell() == 3


def test_body_that_can_be_read_once_is_left_to_its_sender() -> None:
    """What is streamed is not taken away from who streams it."""
    parts = iter([b"a", b"b"])

    assert not body_of_a_request(parts).is_seen
    assert list(parts) == [b"a", b"b"]


@given(st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc"))))
def test_text_is_read_in_its_character_set(text: str) -> None:
    """UTF-8, unless the type names another one."""
    assert text_of(text.encode(), "application/json") == text.removeprefix("\ufeff")
    assert text_of(text.encode("utf-16-le"), "text/plain; charset=utf-16le") == text.removeprefix("\ufeff")


@pytest.mark.parametrize("charset", ["zlib", "rot13", "hex", "idna", "no-such-thing", '"utf-8"'])
def test_character_set_that_is_none_is_utf_8(charset: str) -> None:
    """Python knows codecs that unpack or disguise; none is used."""
    assert text_of("Zoë".encode(), f"text/plain; charset={charset}") == "Zoë"


def test_text_that_is_cut_within_a_character_is_read() -> None:
    """A cut character at the end is left out."""
    assert text_of("Zoë".encode()[:-1], "text/plain", is_whole=False) == "Zo"


def test_text_in_an_old_character_set_is_read() -> None:
    """What says that it is text is read as such."""
    assert text_of("Zoë".encode("latin-1"), "text/html") == "Zoë"


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\x00", b"\xff\xfe\xfd", b"PK\x03\x04"])
def test_what_is_no_text_is_not_read_as_text(data: bytes) -> None:
    """Bytes stay bytes."""
    assert text_of(data, "application/octet-stream") is None
