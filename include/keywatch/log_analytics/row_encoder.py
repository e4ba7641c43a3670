"""Staged records as rows of a table, without a Python object for each of their values' names."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import Any

import msgspec

from keywatch.log_analytics.tables import Table
from keywatch.staging import encode


class RowEncoder:
    """Renames a staged record's fields to a table's columns, without taking the record apart into a dictionary.

    Values stay as they are; fields that have no column, and those that are null, stay away, as in `Table.row`.

    Args:
        table: The table.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        fields = dict.fromkeys(column.field for column in table.columns)
        record = msgspec.defstruct("Record", [(field, Any, None) for field in fields], gc=False)
        self._decode = msgspec.json.Decoder(record).decode
        self._values = attrgetter(*(column.field for column in table.columns))
        columns = [(column.name, Any, None) for column in table.columns]
        self._row = msgspec.defstruct("Row", columns, omit_defaults=True, gc=False)
        self._encode = msgspec.json.Encoder().encode

    def __call__(self, line: bytes) -> bytes:
        """Return the row of one staged record, as compact UTF-8 JSON.

        Raises:
            ValueError: The line is no JSON object.
        """
        try:
            return self._encode(self._row(*self._values(self._decode(line))))
        except (ValueError, msgspec.MsgspecError):  # among others, of a lone surrogate, which JSON can hold
            return encode(self._table.row(json.loads(line)))
