"""What is counted already when the page opens: figures, charts and the newest run."""

from __future__ import annotations

from datetime import date
from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select

from keywatch.report.model import (
    NOT_READ,
    AccountFigures,
    Bar,
    Charts,
    Choices,
    DayCount,
    Overview,
    RunSummary,
    TrendDay,
)
from keywatch.report.read_accounts import figures_of, not_read
from keywatch.report.schema import accounts, bars, days, known_moment, runs

TREND_DAYS: Final = 366
NOT_READ_SHOWN: Final = 5


def read_overview(connection: Connection) -> Overview | None:
    """Return the page at a glance; None if no run has been written yet."""
    run = connection.execute(select(runs).order_by(runs.c.listed_at.desc()).limit(1)).mappings().first()
    newest = connection.execute(select(days).order_by(days.c.day.desc()).limit(TREND_DAYS)).mappings().all()
    if run is None or not newest:
        return None
    today = newest[0]
    return Overview(
        as_of=known_moment(run["listed_at"]),
        run=_run(connection, run),
        accounts=AccountFigures(today["accounts_read"], today["accounts_not_read"], today["accounts_skipped"]),
        figures=figures_of(today),
        charts=_charts(connection, tuple(_trend_day(each) for each in reversed(newest))),
        not_read=not_read(connection, NOT_READ_SHOWN),
        partly_read=_count_of(connection, accounts.c.status == "partial"),
        never_read=_count_of(connection, accounts.c.status.in_(NOT_READ) & (accounts.c.read_at == 0)),
    )


def read_choices(connection: Connection) -> Choices:
    """Return what a list can be filtered by, the most frequent first."""
    drawn = _bars(connection)
    return Choices(*(tuple(bar.label for bar in drawn.get(chart, ())) for chart in ("all_services", "all_regions")))


def _run(connection: Connection, run: RowMapping) -> RunSummary:
    had = _count_of(connection, accounts.c.run_id == run["run_id"])
    return RunSummary(run["run_id"], known_moment(run["listed_at"]), run["complete"], had)


def _count_of(connection: Connection, condition: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(accounts).where(condition)) or 0


def _trend_day(row: RowMapping) -> TrendDay:
    return TrendDay(row["day"], row["keys"], row["active"], row["old"], row["unused"])


def _charts(connection: Connection, trend: tuple[TrendDay, ...]) -> Charts:
    drawn = _bars(connection)
    return Charts(
        ages=drawn.get("age", ()),
        created_per_day=tuple(DayCount(date.fromisoformat(bar.label), bar.count) for bar in drawn.get("created", ())),
        services=drawn.get("service", ()),
        regions=drawn.get("region", ()),
        trend=trend,
    )


def _bars(connection: Connection) -> dict[str, tuple[Bar, ...]]:
    drawn: dict[str, tuple[Bar, ...]] = {}
    for row in connection.execute(select(bars).order_by(bars.c.chart, bars.c.position)).mappings():
        drawn[row["chart"]] = (*drawn.get(row["chart"], ()), Bar(row["label"], row["count"]))
    return drawn
