"""A data flow's `transformKql`: what becomes of each row between its stream and its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from localcloud.declared_columns import DefinitionError

SOURCE: Final = "source"
"""The rows as they were sent, and the transformation that leaves them so."""


class Transformation:
    """A checked transformation.

    Attributes:
        output: the columns that come out, with their Kusto types.

    Args:
        kql: the text.
        columns: the stream's columns and Kusto types.

    Raises:
        DefinitionError: it is none that is played here.
    """

    def __init__(self, kql: object, columns: Mapping[str, str]) -> None:
        if not isinstance(kql, str) or kql.strip() != SOURCE:
            raise DefinitionError(f"InvalidTransformQuery: only {SOURCE!r} is played here, not {kql!r}")
        self.output = dict(columns)

    def apply(self, rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        """Transform rows that hold every column of the stream."""
        return rows
