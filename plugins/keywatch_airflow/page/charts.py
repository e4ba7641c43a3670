"""What the overview draws. Each chart is a table first, and the browser draws what the table says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from typing import Final

from keywatch.report.model import (
    CREATED_DAYS,
    OLD_DAYS,
    OTHER,
    UNUSED_DAYS,
    Bar,
    Charts,
    DayCount,
    KeyFigures,
    TrendDay,
)
from keywatch_airflow.page.presentation import age_range, counted, day, number

COMPARED: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a chart's table.

    Attributes:
        label: For people.
        key: What the browser places it by: the label, or an ISO date.
        values: One for each column but the first.
        filters: The list of keys that it stands for, as query parameters; none if there is no such list.
    """

    label: str
    key: str
    values: tuple[int, ...]
    filters: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Attributes:
        name: In ids.
        kind: How it is drawn: `lines`, `days` or `bars`.
        finding: What it says, in a sentence.
        subject: What it shows.
        columns: Headings of the table.
        rows: Of the table.
        empty: What is said in place of the drawing, if there is nothing to draw yet.
    """

    name: str
    kind: str
    finding: str
    subject: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    empty: str | None = None


def draw(charts: Charts, figures: KeyFigures) -> tuple[Chart, ...]:
    """Return the charts of the overview, the trend first."""
    return (
        _trend(charts.trend, figures),
        _created(charts.created_per_day),
        _ages(charts.ages, figures.keys),
        _largest("service", "Keys by the service they were last used for", "Service", charts.services),
        _largest("region", "Keys by the region they were last used in", "Region", charts.regions),
    )


def _trend(trend: tuple[TrendDay, ...], figures: KeyFigures) -> Chart:
    rows = tuple(Row(day(each.day), each.day.isoformat(), (each.keys, each.old, each.unused)) for each in trend)
    empty = "The trend begins with this report. Every daily run adds a point." if len(trend) < 2 else None  # noqa: PLR2004 - a line has two ends
    columns = ("Day", "All keys", f"Over {OLD_DAYS} days old", f"Unused for {UNUSED_DAYS} days")
    return Chart("trend", "lines", _trend_finding(trend, figures), "Keys by day", columns, rows, empty)


def _trend_finding(trend: tuple[TrendDay, ...], figures: KeyFigures) -> str:
    now = f"{number(figures.old)} of {counted(figures.keys, 'key')} {_is(figures.old)} older than {OLD_DAYS} days"
    if len(trend) < 2:  # noqa: PLR2004 - a line has two ends
        return now
    last = trend[-1]
    then = [trend[0], *takewhile(lambda each: each.day <= last.day - COMPARED, trend)][-1]
    since = f"{counted((last.day - then.day).days, 'day')} ago"
    change = last.old - then.old
    if not change:
        return f"{now}, as many as {since}"
    return f"{now}, {number(abs(change))} {'more' if change > 0 else 'fewer'} than {since}"


def _created(days: tuple[DayCount, ...]) -> Chart:
    total = sum(each.count for each in days)
    finding, empty = f"No key was created in the last {CREATED_DAYS} days", None
    if total:
        most = max(days, key=lambda each: each.count)
        finding = (
            f"{counted(total, 'key')} created in {CREATED_DAYS} days, most on {day(most.day)}: {number(most.count)}"
        )
    else:
        empty = "No key was created."
    rows = tuple(Row(day(each.day), each.day.isoformat(), (each.count,)) for each in days)
    subject = f"Keys created by day, last {CREATED_DAYS} days"
    return Chart("created", "days", finding, subject, ("Day", "Keys created"), rows, empty)


def _ages(bars: tuple[Bar, ...], keys: int) -> Chart:
    total = sum(bar.count for bar in bars)
    finding, empty = "No key has a known age", None
    if total:
        most = max(bars, key=lambda bar: bar.count)
        finding = f"The largest group is {age_range(most.label)} old: {number(most.count)} of {counted(keys, 'key')}"
    else:
        empty = "No key has a known age."
    rows = tuple(Row(age_range(bar.label), bar.label, (bar.count,)) for bar in bars)
    subject = f"Keys by age; of {counted(keys - total, 'key')}, no API tells it" if keys > total else "Keys by age"
    return Chart("age", "bars", finding, subject, ("Age", "Keys"), rows, empty)


def _largest(parameter: str, subject: str, column: str, bars: tuple[Bar, ...]) -> Chart:
    preposition = "for" if parameter == "service" else "in"
    finding, empty = f"No key has been used {preposition} any {parameter}", None
    named = [bar for bar in bars if bar.label != OTHER]
    if named:
        finding = f"Most often last used {preposition} {named[0].label}: {counted(named[0].count, 'key')}"
    else:
        empty = "No key has been used."
    rows = tuple(
        Row(bar.label, bar.label, (bar.count,), {parameter: bar.label} if bar in named else None) for bar in bars
    )
    return Chart(parameter, "bars", finding, subject, (column, "Keys"), rows, empty)


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
