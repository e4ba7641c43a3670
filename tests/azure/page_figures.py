"""What each query about keys and accounts has to answer, as the page says it: rows by the query's own columns.

The page counts ages to when the newest run listed its accounts, the queries to when the last of them was read. So an
age in whole days, beside a key, is worked out anew for that moment; counts are the page's own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from keywatch.report.model import NOT_READ, AccountState, Bar, KeyRow, Overview
from keywatch.report.query import KeyQuery
from keywatch.report.read import ReportReader

Row = dict[str, Any]

LISTS: Final = {
    "keys": KeyQuery(),
    "keys_over_90_days": KeyQuery(older_than=90),
    "keys_unused_for_45_days": KeyQuery(unused_for=45),
    "keys_never_used": KeyQuery(never_used=True),
    "keys_of_root": KeyQuery(root=True),
    "keys_deleted": KeyQuery(deleted=True),
    "keys_without_owner": KeyQuery(),
}
"""Queries that list keys, and the page's list of the same; nobody is told who the demo's owners are."""


@dataclass(frozen=True)
class Page:
    """What the page says at one moment.

    Attributes:
        as_of: To which the queries count ages.
        overview: Figures and charts.
        accounts: All of them.
        lists: By the queries that list the same.
        two_active: Active keys of users who have two.
    """

    as_of: datetime
    overview: Overview
    accounts: tuple[AccountState, ...]
    lists: Mapping[str, tuple[KeyRow, ...]]
    two_active: tuple[KeyRow, ...]

    @classmethod
    def of(cls, page: ReportReader, as_of: datetime) -> Page:
        """Read all of it."""
        overview = page.overview()
        assert overview is not None
        first = page.accounts()
        return cls(
            as_of,
            overview,
            tuple(each for number in range(1, first.pages + 1) for each in page.accounts(page=number).rows),
            {name: tuple(page.export(query)) for name, query in LISTS.items()},
            tuple(page.export(KeyQuery(two_active=True, status="Active"))),
        )

    def rows(self, query: str) -> list[Row]:
        """Return what a query has to answer; of a list of keys, everything that the page knows of each."""
        if query in LISTS:
            return [self.key_columns(each) for each in self.lists[query]]
        return [each for each in ANSWERS[query](self) if each]

    def key_columns(self, key: KeyRow) -> Row:
        """Give a key by the names of the tables' columns."""
        age, idle = (None if since is None else self.days_since(since) for since in (key.created, key.last_used))
        return {
            "KeyAgeDays_d": age,
            "IdleDays_d": idle,
            "UnusedDays_d": age if idle is None else idle,
            "AccessKeyId_s": key.access_key_id or "",
            "Status_s": key.status or "",
            "account_number_s": key.account_id,
            "AccountName_s": key.account_name or "",
            "user_s": key.user_name,
            "ServiceName_s": key.service or "",
            "Region_s": key.region or "",
            "CreateDate_t": written(key.created),
            "LastUsedDate_t": written(key.last_used),
            "SnapshotTime_t": written(key.last_seen),
            "LastSeen_t": written(key.last_seen),
        }

    def days_since(self, moment: datetime) -> int:
        """Count whole days, as the queries do: none for what happened since."""
        return max((self.as_of - moment).days, 0)


def written(moment: datetime | None) -> str | None:
    """Write a moment as queries answer it."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _figures(page: Page) -> Iterable[Row]:
    figures = page.overview.figures
    counts = {
        "Keys": figures.keys,
        "Active keys": figures.active,
        "Over 90 days old": figures.old,
        "Unused for 45 days": figures.unused,
        "Never used": figures.never_used,
        "Users with two active keys": figures.users_with_two_active,
        "Root keys": figures.root,
    }
    return ({"Figure": name, "Count": count} for name, count in counts.items())


def _accounts(page: Page) -> Iterable[Row]:
    for each in page.accounts:
        yield {
            "account_number_s": each.id,
            "AccountName_s": each.name or "",
            "Status_s": each.status,
            "Keys": each.figures.keys,
            "ActiveKeys": each.figures.active,
            "OldKeys": each.figures.old,
            "UnusedKeys": each.figures.unused,
            "RootKeys": each.figures.root,
            "WholeTime_t": written(each.read_at),
            "Action_s": each.action or "",
            "Reason_s": each.reason or "",
        }


def _accounts_by_status(page: Page) -> Iterable[Row]:
    counts = Counter(each.status for each in page.accounts)
    return ({"Status_s": status, "Accounts": count} for status, count in counts.items())


def _accounts_not_read(page: Page) -> Iterable[Row]:
    columns = ("account_number_s", "AccountName_s", "Status_s", "Action_s", "Reason_s", "WholeTime_t")
    missed = [*NOT_READ, "partial"]
    return ({name: row[name] for name in columns} for row in _accounts(page) if row["Status_s"] in missed)


def _bars(bars: Iterable[Bar], label: str) -> Iterable[Row]:
    return ({label: bar.label, "Keys": bar.count} for bar in bars if bar.count)


def _keys_by_day(page: Page) -> Iterable[Row]:
    """Keys that are gone were read on the day, too, as far as they were seen on it."""
    gone: dict[Any, list[KeyRow]] = defaultdict(list)
    for key in page.lists["keys_deleted"]:
        gone[key.last_seen.date()].append(key)
    for each in page.overview.charts.trend:
        also = gone[each.day]
        yield {
            "Day": f"{each.day.isoformat()}T00:00:00Z",
            "Keys": each.keys + len(also),
            "Active": each.active + sum(key.status == "Active" for key in also),
            "Old": each.old + sum((key.age_days or 0) > 90 for key in also),
            "Unused": each.unused
            + sum(((key.age_days if key.idle_days is None else key.idle_days) or 0) >= 45 for key in also),
        }


def _keys_created(page: Page) -> Iterable[Row]:
    days = page.overview.charts.created_per_day
    return ({"Day": f"{each.day.isoformat()}T00:00:00Z", "Keys": each.count} for each in days)


def _newest_run(page: Page) -> Iterable[Row]:
    run = page.overview.run
    states = Counter(each.status for each in page.accounts)
    yield {
        "RunId_s": run.run_id,
        "Accounts": run.accounts,
        "Read": states["ok"],
        "NotRead": states["denied"] + states["failed"] + states["partial"],
        "Skipped": states["skipped"],
    }


def _users_with_two(page: Page) -> Iterable[Row]:
    users: dict[str, list[KeyRow]] = defaultdict(list)
    for key in page.two_active:
        users[key.user_arn].append(key)
    for keys in users.values():
        ages = [page.days_since(key.created) for key in keys if key.created]
        first = page.key_columns(keys[0])
        columns = {name: first[name] for name in ("user_s", "account_number_s", "AccountName_s")}
        yield columns | {
            "ActiveKeys": len(keys),
            "OlderKeyAgeDays_d": max(ages),
            "YoungerKeyAgeDays_d": min(ages),
        }


ANSWERS: Final[dict[str, Callable[[Page], Iterable[Row]]]] = {
    "accounts": _accounts,
    "accounts_by_status": _accounts_by_status,
    "accounts_not_read": _accounts_not_read,
    "key_figures": _figures,
    "keys_by_age": lambda page: _bars(page.overview.charts.ages, "Age"),
    "keys_by_day": _keys_by_day,
    "keys_by_region": lambda page: _bars(page.overview.charts.regions, "Label"),
    "keys_by_service": lambda page: _bars(page.overview.charts.services, "Label"),
    "keys_created_per_day": _keys_created,
    "no_report_for_26_hours": lambda _: (),
    "runs": _newest_run,
    "users_with_two_active_keys": _users_with_two,
}
"""Every other query."""
