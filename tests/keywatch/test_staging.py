"""Staged files: what is written is what is read, or it is said to be damaged."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.errors import StagingDamagedError, StagingGoneError, StagingUnavailableError
from keywatch.staging import (
    WRITE_BYTES,
    check_file,
    encode,
    line_writer,
    list_folder,
    make_folder,
    mark,
    read_json,
    read_lines,
    remove_tree,
    write_json,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()))
ANY_RECORD = st.dictionaries(ANY_TEXT, ANY_TEXT | st.integers() | st.booleans() | st.none(), max_size=4)


def test_encode_is_compact_utf8() -> None:
    """Records take no more bytes than they need."""
    assert encode({"a": 1, "b": "Zoë 🔑"}) == '{"a":1,"b":"Zoë 🔑"}'.encode()


def test_encode_escapes_a_lone_surrogate() -> None:
    """What UTF-8 cannot hold becomes an escape that JSON can."""
    assert encode({"a": "\ud800x\udcff"}) == b'{"a":"\\ud800x\\udcff"}'


def test_encode_refuses_what_json_does_not_have() -> None:
    """NaN is no JSON, whatever Python's parser accepts."""
    with pytest.raises(ValueError, match="JSON"):
        encode({"a": float("nan")})


@given(ANY_RECORD)
def test_encode_fits_one_line_and_comes_back(record: dict[str, object]) -> None:
    """Any record is one line of valid UTF-8, which reads back as it was."""
    line = encode(record)

    assert b"\n" not in line
    assert json.loads(line.decode("utf-8")) == json.loads(json.dumps(record))


@given(st.lists(ANY_RECORD, max_size=20))
def test_lines_come_back_as_written(records: list[dict[str, object]]) -> None:
    """A staged file gives back its lines, knows their number, and its digest is that of its bytes."""
    lines = [encode(record) for record in records]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.ndjson"
        with line_writer(path) as writer:
            for line in lines:
                writer.write(line)

        assert list(read_lines(path)) == lines
        assert writer.count == len(lines)
        assert writer.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        check_file(path, writer.sha256)


def test_line_writer_gathers_lines(tmp_path: Path) -> None:
    """The file is written in large pieces, and completely in the end."""
    path = tmp_path / "rows.ndjson"
    line = b"x" * 999
    with line_writer(path) as writer:
        for _ in range(60):
            writer.write(line)
        early = path.stat().st_size
        for _ in range(20):
            writer.write(line)
        assert path.stat().st_size >= WRITE_BYTES

    assert early == 0
    assert path.stat().st_size == 80_000
    check_file(path, writer.sha256)


def test_line_writer_replaces_an_earlier_file(tmp_path: Path) -> None:
    """A second try begins anew."""
    path = tmp_path / "rows.ndjson"
    path.write_bytes(b"old\n" * 100)
    with line_writer(path) as writer:
        writer.write(b"new")

    assert path.read_bytes() == b"new\n"


def test_line_writer_keeps_what_was_written_before_an_error(tmp_path: Path) -> None:
    """Lines written before an error are in the file."""
    path = tmp_path / "rows.ndjson"

    def fail_midway() -> None:
        with line_writer(path) as writer:
            writer.write(b"before")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_midway()

    assert path.read_bytes() == b"before\n"


@pytest.mark.parametrize("content", [b"", b"one\n", b"one\ntwo", b"one\ntwo\nthree\n", b"two\none\n", b"one\ntwo\r\n"])
def test_check_file_finds_what_is_not_as_written(content: bytes, tmp_path: Path) -> None:
    """A file cut short, altered, or grown is damaged, and the message says what to clear."""
    path = tmp_path / "rows.ndjson"
    with line_writer(path) as writer:
        writer.write(b"one")
        writer.write(b"two")
    path.write_bytes(content)

    with pytest.raises(StagingDamagedError, match=r"rows\.ndjson.*Clear the whole run"):
        check_file(path, writer.sha256)


def test_file_that_is_gone_says_what_to_clear(tmp_path: Path) -> None:
    """A staged file removed too early is its own error, wherever it is met."""
    path = tmp_path / "gone.ndjson"

    with pytest.raises(StagingGoneError, match="Clear the whole run"):
        list(read_lines(path))
    with pytest.raises(StagingGoneError):
        check_file(path, "")
    with pytest.raises(StagingGoneError):
        read_json(path)


def test_json_comes_back(tmp_path: Path) -> None:
    """A small document reads back as written."""
    write_json(tmp_path / "run.json", {"a": ["Zoë", None, 1]})

    assert read_json(tmp_path / "run.json") == {"a": ["Zoë", None, 1]}


@pytest.mark.parametrize("content", [b"", b'{"a":', b"[]", b"null", b"\xff\xfe"])
def test_json_cut_short_is_damaged(content: bytes, tmp_path: Path) -> None:
    """A document cut short in writing, or something else in its place, is not taken for another."""
    (tmp_path / "run.json").write_bytes(content)

    with pytest.raises(StagingDamagedError, match=r"run\.json.*Clear the whole run"):
        read_json(tmp_path / "run.json")


def test_what_the_storage_says_is_told_in_our_words(tmp_path: Path) -> None:
    """Whatever cannot be done with a staged file, and whoever said so, is one error, which another try may not meet."""
    blocked = tmp_path / "file" / "below.json"
    (tmp_path / "file").write_bytes(b"")

    for use in (
        lambda: write_json(blocked, {}),
        lambda: mark(blocked),
        lambda: make_folder(blocked),
        lambda: list(read_lines(tmp_path)),
        lambda: list_folder(Broken()),
    ):
        with pytest.raises(StagingUnavailableError, match=r"cannot be read or written: .*Another try follows"):
            use()


class Broken(type(Path())):  # type: ignore[misc]
    """A path whose storage has an error of its own."""

    def iterdir(self) -> Any:  # noqa: ANN401 - never returns
        """Fail as a client does that cannot reach its object store."""
        raise RuntimeError("endpoint")


def test_error_of_the_code_around_is_its_own(tmp_path: Path) -> None:
    """What is raised while a staged file is open is nothing of the storage's."""

    def fail() -> None:
        with line_writer(tmp_path / "rows.ndjson") as writer:
            writer.write(b"one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (tmp_path / "rows.ndjson").read_bytes() == b"one\n"


def test_remove_tree_takes_everything_below(tmp_path: Path) -> None:
    """A folder goes with all that is in it, and nothing beside it."""
    make_folder(tmp_path / "run" / "batch" / "raw")
    make_folder(tmp_path / "run" / "batch" / "raw")
    (tmp_path / "run" / "batch" / "raw" / "1.ndjson").touch()
    (tmp_path / "run" / "run.json").touch()
    (tmp_path / "other").touch()

    remove_tree(tmp_path / "run")

    assert [path.name for path in tmp_path.iterdir()] == ["other"]
