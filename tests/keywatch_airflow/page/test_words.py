"""How the page puts things."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from keywatch.report.model import Bar, Charts, DayCount, KeyFigures, TrendDay
from keywatch_airflow.page.charts import draw
from keywatch_airflow.page.presentation import ago, counted, days_ago, percent, with_code
from tests.keywatch.report.found import NOW

TODAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7_199, "1 hour ago"),
        (86_400, "1 day ago"),
        (86_400 * 1_000, "1,000 days ago"),
    ],
)
def test_age_is_told_by_its_largest_unit(seconds: int, words: str) -> None:
    """A moment's age is rounded down, and one that a wrong clock puts into the future is now."""
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize(("days", "words"), [(None, "never"), (0, "<1 day ago"), (1, "1 day ago"), (45, "45 days ago")])
def test_last_use_is_told_in_days(days: int | None, words: str) -> None:
    """Last use is told in whole days before the report."""
    assert days_ago(days) == words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(0, 0, "0%"), (0, 5, "0%"), (1, 1_000, "<1%"), (1, 2, "50%"), (999, 1_000, ">99%"), (5, 5, "100%")],
)
def test_share_is_all_or_nothing_only_if_it_is(part: int, whole: int, words: str) -> None:
    """A share that is nearly all, or nearly nothing, is not called that."""
    assert percent(part, whole) == words


def test_number_has_its_noun() -> None:
    """One of a thing is one, and thousands are set apart."""
    assert [counted(value, "key") for value in (0, 1, 1_234_567)] == ["0 keys", "1 key", "1,234,567 keys"]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Create `x`.", "Create <code>x</code>."),
        ("a ` b", "a ` b"),
        ("`<b>` & <i>", "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"),
    ],
)
def test_code_in_a_message_is_set_as_code(text: str, html: str) -> None:
    """What a message has in backticks is code, and all of it is escaped."""
    assert str(with_code(text)) == html


def trend(*old: int) -> tuple[TrendDay, ...]:
    """Make a trend of one day after the other, up to today."""
    days = [TODAY - timedelta(days=back) for back in reversed(range(len(old)))]
    return tuple(TrendDay(day, 100, 90, count, 5) for day, count in zip(days, old, strict=True))


@pytest.mark.parametrize(
    ("days", "finding"),
    [
        (trend(40), "40 of 100 keys are older than 90 days"),
        (trend(40, 42), "42 of 100 keys are older than 90 days, 2 more than 1 day ago"),
        (trend(*[50] * 10, 40, *[45] * 30), "45 of 100 keys are older than 90 days, 5 more than 30 days ago"),
        (trend(7, 7, 7), "7 of 100 keys are older than 90 days, as many as 2 days ago"),
        (trend(3, 1), "1 of 100 keys is older than 90 days, 2 fewer than 1 day ago"),
    ],
)
def test_trend_says_what_has_changed(days: tuple[TrendDay, ...], finding: str) -> None:
    """The trend is compared with a month ago, or with its first day if it is younger."""
    assert draw(Charts(trend=days), KeyFigures(keys=100, old=days[-1].old))[0].finding == finding


def test_drawings_say_what_they_show() -> None:
    """Each drawing has a finding for a heading, and what leads to a list says to which."""
    charts = Charts(
        ages=(Bar("up to 30 days", 1), Bar("31-90 days", 4)),
        created_per_day=(DayCount(TODAY, 2), DayCount(TODAY - timedelta(days=1), 1)),
        services=(Bar("s3", 3), Bar("Other", 9)),
        regions=(),
        trend=trend(1),
    )

    _, created, ages, services, regions = draw(charts, KeyFigures(keys=5))
    assert created.finding == "3 keys created in 90 days, most on 27 Nov 2026: 2"
    assert ages.finding == "The largest group is 31\N{EN DASH}90 days old: 4 of 5 keys"
    assert services.finding == "Most often last used for s3: 3 keys"
    assert [row.filters for row in services.rows] == [{"service": "s3"}, None]
    assert (regions.finding, regions.empty) == ("No key has been used in any region", "No key has been used.")
