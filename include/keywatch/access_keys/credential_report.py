"""IAM's credential report, and what it says for certain about an access key's last use. Pure: no clock, no network.

The report is a CSV file with a row for each user and two slots for access keys in a row. It shows no access key id, so
that a key listed elsewhere can be told only by when it was created. Columns and sentinels: IAM user guide, "Get
credential reports for your AWS account".
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Final, NamedTuple

from keywatch.errors import AwsServiceError

SLOTS: Final = (1, 2)
SLOT_COLUMNS: Final = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
COLUMNS: Final = (
    "arn",
    "user_creation_time",
    *(f"access_key_{slot}_{column}" for slot in SLOTS for column in SLOT_COLUMNS),
)
"""The columns that are read. A report may have others, in any order."""

NOT_AVAILABLE: Final = "n/a"
"""No such key, a key that is not active, a key never used, or a service without regions; in lower case here."""

UNREADABLE: Final = frozenset({"", "no_information", "not_supported"})
"""What may stand for a region or a service without saying anything about it."""

MARGIN: Final = timedelta(hours=1)
"""Keys younger than this when the report was generated are not looked up in it.

IAM does not say whether a report's time is when making it began or ended, and what has just changed is not at once
seen everywhere.
"""


class ListedKey(NamedTuple):
    """An access key as `ListAccessKeys` gives it.

    Attributes:
        create_date: When it was created, with its time zone.
        status: `Active`, `Inactive` or `Expired`.
    """

    create_date: datetime
    status: str


@dataclass(frozen=True, slots=True)
class ReportedUse:
    """What the report says of a key's last use.

    Attributes:
        last_used: When, UTC; None of a key that was never used.
        region: In which region; None of a key that was never used, or in a service without regions.
        service: Of which service; None of a key that was never used.
    """

    last_used: datetime | None
    region: str | None
    service: str | None


NEVER_USED: Final = ReportedUse(None, None, None)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A slot with a key: when that was created or last changed, and its last use unless that is uncertain."""

    last_rotated: datetime
    use: ReportedUse | None


@dataclass(frozen=True, slots=True)
class _User:
    """A row: when the user was created, if that can be read, and the slots that show a key."""

    created: datetime | None
    slots: tuple[_Slot, ...]


class CredentialReport:
    """A credential report, kept as far as the join with listed keys needs it.

    Args:
        generated: When IAM generated it, with its time zone.
        users: Its rows, by the users' ARNs.
    """

    def __init__(self, generated: datetime, users: Mapping[str, _User]) -> None:
        self._generated = generated.astimezone(UTC)
        self._users = users

    @property
    def generated(self) -> datetime:
        """When IAM generated the report, UTC."""
        return self._generated

    def last_uses(
        self, user_arn: str, user_created: datetime, keys: Sequence[ListedKey]
    ) -> tuple[ReportedUse | None, ...]:
        """Tell each key's last use as of when the report was generated; None where IAM has to be asked.

        A last use is told of a key that is active now, was active and at least `MARGIN` old then, and is the only one,
        both of the user's keys and of the row's slots, to have been created in its second. A report shows inactive
        keys as it shows none, and not more than two. So two things cannot be seen: that of two keys created in the
        same second, the one that was inactive has been activated and the other deleted since; and that one of three
        such keys was never shown.

        Args:
            user_arn: The user.
            user_created: When the user was created, which tells them from an earlier user of the same name.
            keys: All of the user's keys.
        """
        user = self._users.get(user_arn)
        if user is None or user.created != _to_the_second(user_created) or len(keys) > len(SLOTS):
            return (None,) * len(keys)
        alike = Counter(_to_the_second(key.create_date) for key in keys)
        return tuple(self._last_use(user, key) if alike[_to_the_second(key.create_date)] == 1 else None for key in keys)

    def _last_use(self, user: _User, key: ListedKey) -> ReportedUse | None:
        if key.status != "Active" or key.create_date > self._generated - MARGIN:
            return None
        created = _to_the_second(key.create_date)
        matching = [slot for slot in user.slots if slot.last_rotated == created]
        return matching[0].use if len(matching) == 1 else None


def parse_report(content: bytes, generated: datetime) -> CredentialReport:
    """Read a credential report.

    Args:
        content: The CSV file.
        generated: When IAM generated it, with its time zone.

    Raises:
        AwsServiceError: It is not CSV in UTF-8, lacks a column or a field, or has a column or a user twice.
    """
    users: dict[str, _User] = {}
    try:
        for line, arn, user in _rows(content):
            if arn in users:
                raise _unreadable(f"line {line} is about a user who had a line already")
            users[arn] = user
    except UnicodeDecodeError as error:
        raise _unreadable("it is not UTF-8") from error
    except csv.Error as error:
        raise _unreadable(f"it is not CSV ({error})") from error
    return CredentialReport(generated, users)


def _rows(content: bytes) -> Iterator[tuple[int, str, _User]]:
    """Yield where each row ends, whom it is about, and what it says."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline=""), strict=True)
    header = next(reader, [])
    if wrong := [name for name in COLUMNS if header.count(name) != 1]:
        raise _unreadable(f"{', '.join(wrong)}: each of these columns should be there once")
    needed = itemgetter(*map(header.index, COLUMNS))
    for row in reader:
        if row and len(row) != len(header):
            raise _unreadable(f"line {reader.line_num} has {len(row)} fields instead of {len(header)}")
        if row:
            arn, created, *keys = needed(row)
            yield reader.line_num, arn, _User(_time(created), _slots([field.strip() for field in keys]))


def _slots(fields: list[str]) -> tuple[_Slot, ...]:
    """Read a row's slots. If one cannot be told from another, none is certain."""
    slots = []
    for start in range(0, len(fields), len(SLOT_COLUMNS)):
        active, last_rotated, used, region, service = fields[start : start + len(SLOT_COLUMNS)]
        if _available(last_rotated) is None:
            continue
        moment = _time(last_rotated)
        if moment is None:
            return ()
        slots.append(_Slot(moment, _use(active, used, region, service)))
    return tuple(slots)


def _use(active: str, used: str, region: str, service: str) -> ReportedUse | None:
    if active.lower() != "true" or {region.lower(), service.lower()} & UNREADABLE:
        return None
    where, what = _available(region), _available(service)
    if _available(used) is None:
        return NEVER_USED if where is None and what is None else None
    moment = _time(used)
    return None if moment is None else ReportedUse(moment, where, what)


def _available(text: str) -> str | None:
    return None if text.lower() == NOT_AVAILABLE else text


def _time(text: str) -> datetime | None:
    """Read a time, such as `2014-09-01T22:28:48+00:00`; None if it cannot be read, or names no time zone."""
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else _to_the_second(moment)
    except (OverflowError, ValueError):
        return None


def _to_the_second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _unreadable(what: str) -> AwsServiceError:
    return AwsServiceError(
        f'The credential report cannot be read: {what}. If this goes on, set `lookup` to "exact", which needs none.'
    )
