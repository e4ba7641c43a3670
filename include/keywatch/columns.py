"""What the fields of records are made of, whatever they are about: moments, and ids that outlive a run."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

DATE_AND_TIME = "datetime"

Timestamp: TypeAlias = Annotated[str, DATE_AND_TIME]
"""A moment: ISO 8601, UTC, with Z."""


def stable_id(prefix: str, *parts: str) -> str:
    """Make an id of a letter and 26 base32 characters, 130 bits of SHA-256 over the parts.

    Not hexadecimal: the Data Collector takes 32 hexadecimal characters for a GUID and renames the column.
    """
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "backslashreplace")).digest()
    return prefix + base64.b32encode(digest)[:26].decode("ascii")


def iso_time(moment: datetime) -> str:
    """Write a moment as ISO 8601 in UTC, to the second, with Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
