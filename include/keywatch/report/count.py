"""Everything that the page counts, counted once when a run is written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, case, func, select

from keywatch.report.model import CREATED_DAYS, NOT_READ, OLD_DAYS, OTHER, READ, UNUSED_DAYS
from keywatch.report.predicates import DAY, active, exists, never_used, of_root, older_than, unused_for
from keywatch.report.schema import FIGURES, UNKNOWN, accounts, bars, days, keys
from keywatch.report.upsert import upsert

AGES: Final = (
    (30, "up to 30 days"),
    (90, "31-90 days"),
    (180, "91-180 days"),
    (365, "181-365 days"),
    (730, "1-2 years"),
    (1826, "2-5 years"),
    (None, "over 5 years"),
)
"""Ranges of age: the most whole days, and the label."""

LARGEST: Final = 10
"""Services and regions that have a bar of their own."""


def count_everything(connection: Connection, now: int) -> None:
    """Mark users with two active keys, and write the figures of accounts, of the day, and every chart.

    Args:
        connection: In the transaction that wrote the run.
        now: When the newest run listed its accounts, in seconds: ages are of that moment.
    """
    _mark_two_active(connection)
    _count_accounts(connection, now)
    _count_day(connection, now)
    connection.execute(bars.delete())
    _count_ages(connection, now)
    _count_created(connection, now)
    _count_largest(connection, "service", keys.c.service)
    _count_largest(connection, "region", keys.c.region)


def _mark_two_active(connection: Connection) -> None:
    two = select(keys.c.user_arn).where(active).group_by(keys.c.user_arn).having(func.count() > 1)
    is_one = and_(exists, keys.c.user_arn.in_(two))
    connection.execute(keys.update().where(is_one, keys.c.two_active.is_(False)).values(two_active=True))
    connection.execute(keys.update().where(~is_one, keys.c.two_active.is_(True)).values(two_active=False))


def _count_accounts(connection: Connection, now: int) -> None:
    connection.execute(accounts.update().values(dict.fromkeys(FIGURES, 0)))
    figures = _figures(now)
    counted = connection.execute(
        select(keys.c.account_id.label("account"), *figures).where(exists).group_by(keys.c.account_id)
    )
    update = accounts.update().where(accounts.c.account_id == bindparam("account"))
    update = update.values({name: bindparam(f"new_{name}") for name in FIGURES})
    for some in counted.partitions(1_000):
        connection.execute(update, [_renamed(row) for row in some])


def _renamed(row: Row[Any]) -> dict[str, Any]:
    values = row._asdict()
    return {"account": values["account"], **{f"new_{name}": values[name] for name in FIGURES}}


def _figures(now: int) -> list[ColumnElement[int]]:
    """Count what exists, in the order of `FIGURES`."""
    old, unused = older_than(OLD_DAYS, now), unused_for(UNUSED_DAYS, now)
    conditions = {
        "active": active,
        "old": old,
        "old_active": and_(old, active),
        "unused": unused,
        "unused_active": and_(unused, active),
        "never_used": never_used,
        "never_used_active": and_(never_used, active),
        "root": of_root,
    }
    counts: dict[str, ColumnElement[int]] = {
        name: func.sum(case((condition, 1), else_=0)) for name, condition in conditions.items()
    }
    counts |= {
        "keys": func.count(),
        "users": func.count(keys.c.user_name.distinct()),
        "users_with_two_active": func.count(case((keys.c.two_active, keys.c.user_name)).distinct()),
    }
    return [counts[name].label(name) for name in FIGURES]


def _count_day(connection: Connection, now: int) -> None:
    status = accounts.c.status

    def of_status(*names: str) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((status.in_(names), 1), else_=0)), 0)

    sums = [func.coalesce(func.sum(accounts.c[name]), 0).label(name) for name in FIGURES]
    row = connection.execute(
        select(
            *sums,
            of_status(*READ).label("accounts_read"),
            of_status(*NOT_READ).label("accounts_not_read"),
            of_status("skipped").label("accounts_skipped"),
        )
    ).one()
    upsert(connection, days, [{"day": _day(now), **row._asdict()}], key=["day"])


def _count_ages(connection: Connection, now: int) -> None:
    whole_days = (now - keys.c.created) // DAY
    place = case(*((whole_days <= most, number) for number, (most, _) in enumerate(AGES) if most), else_=len(AGES) - 1)
    counted = connection.execute(select(place, func.count()).where(exists, keys.c.created < UNKNOWN).group_by(place))
    counts = {int(number): int(count) for number, count in counted}
    _write(connection, "age", ((label, counts.get(number, 0)) for number, (_, label) in enumerate(AGES)))


def _count_created(connection: Connection, now: int) -> None:
    """Count those that are gone too: a spike remains one."""
    today = now // DAY
    day = keys.c.created // DAY
    since = keys.c.created.between((today - CREATED_DAYS + 1) * DAY, (today + 1) * DAY - 1)
    counted = connection.execute(select(day, func.count()).where(since).group_by(day))
    counts = {int(number): int(count) for number, count in counted}
    shown = range(today - CREATED_DAYS + 1, today + 1)
    _write(connection, "created", ((_day(number * DAY).isoformat(), counts.get(number, 0)) for number in shown))


def _count_largest(connection: Connection, chart: str, column: ColumnElement[str | None]) -> None:
    used = and_(exists, keys.c.last_used > 0)
    counted = connection.execute(
        select(column, func.count())
        .where(used, column.is_not(None))
        .group_by(column)
        .order_by(func.count().desc(), column)
    )
    pairs = [(str(label), int(count)) for label, count in counted]
    rest = sum(count for _, count in pairs[LARGEST:])
    _write(connection, chart, [*pairs[:LARGEST], *[(OTHER, rest)] * bool(rest)])
    _write(connection, f"all_{chart}s", pairs)


def _write(connection: Connection, chart: str, counted: Iterable[tuple[str, int]]) -> None:
    rows = [
        {"chart": chart, "position": position, "label": label, "count": count}
        for position, (label, count) in enumerate(counted)
    ]
    if rows:
        connection.execute(bars.insert(), rows)


def _day(now: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=now)).date()
