"""What the pages show: the answers of the report store, plain and immutable. Every moment is UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

OLD_DAYS: Final = 90
"""A key is old when its age in whole days is above this."""

UNUSED_DAYS: Final = 45
"""A key is unused when it has not been used for this many whole days or more, or was never used and is that old."""

LEFT_AFTER: Final = timedelta(days=30)
"""An account that no run has listed for so long has left: its keys count as deleted."""

KEPT: Final = timedelta(days=400)
"""How long runs and deleted keys are remembered."""

ENDINGS_KEPT: Final = timedelta(days=90)
"""How long it is remembered how each account ended in each run."""

CREATED_DAYS: Final = 90
"""Days of which it is counted how many keys were made."""

OTHER: Final = "Other"
"""The bar of what has none of its own."""

READ: Final = ("ok", "partial")
"""The statuses of accounts that were read."""

NOT_READ: Final = ("denied", "failed")
"""The statuses of accounts that were not read."""


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """Counts of keys that exist, of everything or of one account.

    Attributes:
        keys: All of them.
        active: With status Active.
        old: Older than `OLD_DAYS`.
        old_active: Of the old ones, those active.
        unused: Not used for `UNUSED_DAYS`.
        unused_active: Of the unused ones, those active.
        never_used: Never used at all, whatever their age.
        never_used_active: Of those, the active ones.
        root: Of root users.
        users: Users who have a key, root users included.
        users_with_two_active: Users with two active keys or more.
    """

    keys: int = 0
    active: int = 0
    old: int = 0
    old_active: int = 0
    unused: int = 0
    unused_active: int = 0
    never_used: int = 0
    never_used_active: int = 0
    root: int = 0
    users: int = 0
    users_with_two_active: int = 0


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """How many accounts were read when they were last listed.

    Attributes:
        read: With status ok or partial.
        not_read: With status denied or failed.
        skipped: Left out on purpose, such as suspended ones.
    """

    read: int = 0
    not_read: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: what it stands for, and how many keys."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class DayCount:
    """Keys of one day."""

    day: date
    count: int


@dataclass(frozen=True, slots=True)
class TrendDay:
    """What there was at the end of one day's last run."""

    day: date
    keys: int
    active: int
    old: int
    unused: int


@dataclass(frozen=True, slots=True)
class Charts:
    """Everything the overview draws.

    Attributes:
        ages: Keys by age, youngest first; the labels are ranges such as `31-90 days`.
        created_per_day: Keys by the day they were made, for the last 90 days, days without one included.
        services: Keys by the service they were last used for, most first; the rest as `Other`.
        regions: Keys by the region they were last used in, most first; the rest as `Other`.
        trend: One entry for each day with a run, oldest first, a year at most.
    """

    ages: tuple[Bar, ...] = ()
    created_per_day: tuple[DayCount, ...] = ()
    services: tuple[Bar, ...] = ()
    regions: tuple[Bar, ...] = ()
    trend: tuple[TrendDay, ...] = ()


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run of the report.

    Attributes:
        run_id: Airflow's run id.
        listed_at: When it listed its accounts.
        complete: Whether nothing is missing of what it set out to read.
        accounts: How many accounts it had; a run may be of a few.
    """

    run_id: str
    listed_at: datetime
    complete: bool
    accounts: int


@dataclass(frozen=True, slots=True)
class AccountState:
    """What is known of an account.

    Attributes:
        id: 12 digits.
        name: Its name in the organisation, if known.
        status: How it ended in the last run that had it: ok, denied, partial, failed or skipped; left, if none has
            had it for a month.
        action: What AWS was asked when it denied or failed, as IAM policies name it.
        reason: Why it is not ok.
        listed_at: When the last run that had it listed its accounts.
        run_id: That run.
        read_at: When its keys were last read; None if never.
        figures: Of its keys as they were then; ages are of the store's `as_of`.
    """

    id: str
    name: str | None
    status: str
    action: str | None
    reason: str | None
    listed_at: datetime
    run_id: str
    read_at: datetime | None
    figures: KeyFigures


@dataclass(frozen=True, slots=True)
class AccountRun:
    """How an account ended in one run."""

    run_id: str
    listed_at: datetime
    status: str
    action: str | None
    reason: str | None
    users: int
    keys: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The page at a glance.

    Attributes:
        as_of: The moment to which ages are counted: when the newest run listed its accounts.
        run: The newest run.
        accounts: Accounts by how they ended.
        figures: Of all keys that exist.
        charts: Everything that is drawn.
        not_read: The first few accounts that were not read.
        partly_read: How many accounts were read in part, whichever run had them last.
        never_read: How many of those not read no run has ever read: their keys are in no figure.
    """

    as_of: datetime
    run: RunSummary
    accounts: AccountFigures
    figures: KeyFigures
    charts: Charts
    not_read: tuple[AccountState, ...] = ()
    partly_read: int = 0
    never_read: int = 0


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One access key, as it was last seen.

    Attributes:
        key_id: KeyId: the same key over the days.
        access_key_id: First and last four characters; None for root, whose ids no API shows.
        account_id: 12 digits.
        account_name: Its name in the organisation, if known.
        user_name: `<root_account>` for root.
        user_arn: Of the user, or of root.
        status: Active, Inactive or Expired, if known.
        created: None if no API tells.
        last_used: None if never.
        service: What it was last used for.
        region: Where it was last used.
        source: `exact` or `report`: who said when it was last used.
        age_days: Whole days from `created` to the store's `as_of`.
        idle_days: Whole days from `last_used` to the store's `as_of`.
        first_seen: When a run first saw it.
        last_seen: When a run last saw it.
        deleted: When a run first found it gone; None while it exists.
        unseen_days: Whole days from `last_seen` to the store's `as_of`.
        owner: Who answers for it; None if nobody is known.
        owner_source: `table`, `tag` or `pattern`: who says so.
    """

    key_id: str
    access_key_id: str | None
    account_id: str
    account_name: str | None
    user_name: str
    user_arn: str
    status: str | None
    created: datetime | None
    last_used: datetime | None
    service: str | None
    region: str | None
    source: str
    age_days: int | None
    idle_days: int | None
    first_seen: datetime
    last_seen: datetime
    deleted: datetime | None
    unseen_days: int
    owner: str | None = None
    owner_source: str | None = None


@dataclass(frozen=True, slots=True)
class KeyPage:
    """One page of a list of keys; `before` and `after` lead to the pages around it, None where there is none."""

    rows: tuple[KeyRow, ...]
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One page of the list of accounts."""

    rows: tuple[AccountState, ...]
    number: int
    pages: int
    total: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What a filter can be set to."""

    services: tuple[str, ...] = field(default=())
    regions: tuple[str, ...] = field(default=())
