"""What a record's field is, where its Python type does not say it."""

from __future__ import annotations

from typing import Annotated, TypeAlias

DATE_AND_TIME = "datetime"

Timestamp: TypeAlias = Annotated[str, DATE_AND_TIME]
"""A moment: ISO 8601, UTC, with Z."""
