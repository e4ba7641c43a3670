"""Staged records as rows of a table."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.log_analytics.row_encoder import RowEncoder
from keywatch.pipeline.tables import TABLES
from keywatch.staging import encode

TABLE = TABLES["keys"]
FIELDS = sorted({column.field for column in TABLE.columns})
TEXTS = st.text(st.characters(codec=None, exclude_categories=()))
VALUES = (
    TEXTS | st.integers(-(2**53), 2**53) | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False)
)
RECORDS = st.dictionaries(st.sampled_from([*FIELDS, "unknown", ""]), VALUES)

as_row = RowEncoder(TABLE)


@given(RECORDS)
def test_row_holds_the_values_under_the_columns_names(record: dict[str, Any]) -> None:
    """Whatever the values are, lone surrogates included, the row is that of the table, and one line of UTF-8 JSON."""
    line = as_row(encode(record))

    assert json.loads(line) == TABLE.row(record)
    assert b"\n" not in line


@given(RECORDS)
def test_row_of_the_same_record_has_the_same_bytes(record: dict[str, Any]) -> None:
    """A record is encoded alike each time, so that a retry packs as the first try did."""
    assert as_row(encode(record)) == RowEncoder(TABLE)(encode(record))


@pytest.mark.parametrize("line", [b"", b"{", b"nothing", b'{"user": "x"', b"\xff\xfe"])
def test_line_that_is_no_record_is_refused(line: bytes) -> None:
    """What is not JSON becomes no row."""
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        as_row(line)
