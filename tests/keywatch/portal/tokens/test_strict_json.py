"""JSON that is read strictly."""

from __future__ import annotations

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given

from keywatch.portal.tokens.strict_json import DEEPEST, read_object

REFUSED = {
    "nothing": b"",
    "list": b"[]",
    "text": b'"a"',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "number without end": b'{"a":1e999}',
    "name twice": b'{"a":1,"a":1}',
    "name twice by an escape": b'{"a":1,"\\u0061":1}',
    "name twice inside": b'{"a":[{"b":1,"b":2}]}',
    "too many digits": b'{"a":' + b"9" * 5_000 + b"}",
    "too deep": b'{"a":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
    "without bottom": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no UTF-8": b'{"a":"\xff"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "half a character": b'{"a":"\\ud800"}',
    "half a character in a name": b'{"\\udfff":1}',
    "more behind it": b"{} {}",
    "comma at the end": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "line break in a text": b'{"a":"\n"}',
}


@pytest.mark.parametrize("encoded", REFUSED.values(), ids=REFUSED)
def test_what_readers_may_differ_on_is_refused(encoded: bytes) -> None:
    """JSON that is ambiguous, endless or none is refused, in words that hold nothing of it."""
    with pytest.raises(ValueError, match=r"^it (is|has) [A-Za-z0-9 ,-]+$"):
        read_object(encoded)


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text()))))
def test_plain_objects_are_read(value: dict[str, object]) -> None:
    """What a JSON writer writes is read as it was."""
    assert read_object(json.dumps(value).encode()) == value


def test_as_deep_as_may_be_is_read() -> None:
    """The object, and 15 lists in one another."""
    lists = DEEPEST - 1

    assert read_object(b'{"a":' + b"[" * lists + b"]" * lists + b"}")
