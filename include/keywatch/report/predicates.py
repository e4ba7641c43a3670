"""What is said of a key, in SQL: the same where figures are counted and where lists are read."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, and_

from keywatch.access_keys.record import ROOT_USER
from keywatch.report.schema import UNKNOWN, keys

DAY: Final = 86_400
"""Seconds."""

exists: Final = keys.c.deleted == 0
active: Final = and_(exists, keys.c.status == "Active")


def older_than(whole_days: int, now: int) -> ColumnElement[bool]:
    """Say that a key's age in whole days is above a number, at a moment in seconds."""
    return keys.c.created <= now - (whole_days + 1) * DAY


def unused_for(whole_days: int, now: int) -> ColumnElement[bool]:
    """Say that a key has not been used for whole days or more; of one never used, its creation counts."""
    return keys.c.last_activity <= now - whole_days * DAY


of_root: Final = keys.c.user_name == ROOT_USER

never_used: Final = and_(keys.c.last_used == 0, keys.c.created < UNKNOWN)
"""A key of root, of which IAM tells neither creation nor use, is not called never used."""
