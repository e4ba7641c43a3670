"""A data flow's `transformKql`: what becomes of each row between its stream and its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from localcloud import kql
from localcloud.declared_columns import DefinitionError

SOURCE: Final = "source"
"""The rows as they were sent, and the transformation that leaves them so."""


class Transformation:
    """A checked transformation.

    Attributes:
        output: the columns that come out, with their Kusto types.

    Args:
        text: KQL that looks at one row at a time.
        columns: the stream's columns and Kusto types.

    Raises:
        DefinitionError: it is none that is played here.
    """

    def __init__(self, text: object, columns: Mapping[str, str]) -> None:
        if not isinstance(text, str):
            raise DefinitionError(f"InvalidTransformQuery: transformKql is {text!r}, not a text")
        self._text = text
        self._columns = columns
        try:
            self.output = self._run([]).columns
        except kql.KqlError as error:
            raise DefinitionError(f"InvalidTransformQuery: {error}") from error

    def apply(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Transform rows that hold every column of the stream."""
        return list(rows) if self._text.strip() == SOURCE else self._run(rows).dump()

    def _run(self, rows: Iterable[Mapping[str, Any]]) -> kql.Data:
        return kql.transform(self._text, kql.Data.load(self._columns, rows))
