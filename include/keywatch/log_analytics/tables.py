"""The tables that Keywatch fills, by the log types that make them. Log Analytics appends `_CL`."""

from __future__ import annotations

from typing import Final, Literal

Table = Literal["keys", "audit"]

LOG_TYPES: Final[dict[Table, str]] = {
    "keys": "AWS_Access_Key_Report",
    "audit": "AWS_Access_Key_Audit",
}
