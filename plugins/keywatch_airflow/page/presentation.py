"""How numbers, moments and statuses are put into words."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, date, datetime, timedelta
from typing import Final

from markupsafe import Markup

from keywatch.report.proposals import Result, State

STALE_AFTER: Final = timedelta(hours=36)
"""A daily report that is older has missed a day."""

STEPS: Final = ((60, "minute"), (3_600, "hour"), (86_400, "day"))

STATUS_WORDS: Final = {
    "ok": "Read",
    "partial": "Partly read",
    "not_read": "Not read",
    "denied": "Access denied",
    "failed": "Failed",
    "skipped": "Skipped",
    "left": "No longer listed",
}

OWNER_SOURCES: Final = {
    "table": "by the table of owners",
    "tag": "by a tag of the user",
    "pattern": "by a pattern of the policy",
}

STATE_WORDS: Final[dict[State, str]] = {
    "open": "Waiting for an answer",
    "approved": "Approved",
    "rejected": "Rejected",
    "timed_out": "Timed out",
    "superseded": "Superseded",
    "altered": "Altered",
    "refused": "Approval refused",
    "failed": "Failed",
}

STATE_MEANINGS: Final[dict[State, str]] = {
    "open": "Those whom the policy names may answer in Airflow. Until then, nothing is changed.",
    "approved": "Each key was looked at once more before anything was changed.",
    "rejected": "Nothing was changed.",
    "timed_out": "Nobody answered in time, so nothing was changed. The next run proposes anew.",
    "superseded": "A newer run has looked at the keys, so nothing was changed.",
    "altered": "Its file was no longer the one that was asked about, so nothing was changed. See who may write to the "
    "staging area.",
    "refused": "The approval did not count, so nothing was changed. The log of task `deactivate` says why.",
    "failed": "The request, or what follows it, failed, so nothing was changed. The logs of tasks `approve` and "
    "`deactivate` say why.",
}

RESULT_WORDS: Final[dict[Result | None, str]] = {
    "deactivated": "Deactivated",
    "would_deactivate": "Would be deactivated",
    "refused": "Left unchanged",
    "failed": "Failed",
    "unknown": "Not known",
    "not_attempted": "Not tried",
    None: "Not tried",
}


def number(value: int) -> str:
    """Write a number with separators."""
    return f"{value:,}"


def counted(value: int, noun: str, nouns: str | None = None) -> str:
    """Write a number and what it counts."""
    return f"{value:,} {noun if value == 1 else nouns or noun + 's'}"


def percent(part: int, whole: int) -> str:
    """Write a share, which is 0% or 100% only if it is exactly that."""
    if not whole or not part:
        return "0%"
    rounded = round(100 * part / whole)
    if rounded == 0:
        return "<1%"
    if rounded == 100 and part != whole:  # noqa: PLR2004 - per cent
        return ">99%"
    return f"{rounded}%"


def ago(moment: datetime, now: datetime) -> str:
    """Say how long ago a moment was, by its largest unit."""
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds < STEPS[0][0]:
        return "just now"
    size, unit = next((size, unit) for size, unit in reversed(STEPS) if seconds >= size)
    return f"{counted(seconds // size, unit)} ago"


def days_ago(days: int | None) -> str:
    """Say how long before the report a key was last used."""
    if days is None:
        return "never"
    if days == 0:
        return "<1 day ago"
    return f"{counted(days, 'day')} ago"


def utc(moment: datetime) -> str:
    """Write a moment in full."""
    return f"{day(moment.astimezone(UTC).date())}, {moment.astimezone(UTC):%H:%M} UTC"


def day(value: date) -> str:
    """Write a day."""
    return f"{value.day} {value:%b %Y}"


def iso(moment: datetime) -> str:
    """Write a moment for machines."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_stale(moment: datetime, now: datetime) -> bool:
    """Tell whether a report is too old for a daily one."""
    return now - moment > STALE_AFTER


def with_code(text: str) -> Markup:
    """Write a message of ours with what it has in backticks as code."""
    pieces = re.split("`([^`]+)`", text)
    return Markup().join(  # which escapes what is no markup yet
        Markup("<code>{}</code>").format(piece) if number % 2 else piece for number, piece in enumerate(pieces)
    )


def quoted(text: str) -> str:
    """Write a text for a command line, where none of it is more than text."""
    return shlex.quote(text)


def age_range(label: str) -> str:
    """Write a range of ages as print does, with an en dash."""
    return label.replace("-", "\N{EN DASH}")
