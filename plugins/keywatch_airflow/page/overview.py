"""The overview: numbers, then the trend, then the keys that are oldest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response

from keywatch.report.model import KeyFigures, Overview
from keywatch.report.query import KeyQuery
from keywatch_airflow.page.charts import draw
from keywatch_airflow.page.presentation import counted, percent
from keywatch_airflow.page.rendering import render
from keywatch_airflow.page.store import Reader

router = APIRouter()

OLDEST: Final = 10


@dataclass(frozen=True, slots=True)
class Tile:
    """One number.

    Attributes:
        label: What it counts.
        count: The number.
        path: Where the list of it is.
        filters: Of that list.
        note: One thing more about it.
        note_filters: Of the list that the note speaks of; None if it is no list.
        alarming: Whether one is too many.
    """

    label: str
    count: int
    path: str
    filters: dict[str, str]
    note: str
    note_filters: dict[str, str] | None = None
    alarming: bool = False


@router.api_route("/", methods=["GET", "HEAD"])
def overview(request: Request, reader: Reader) -> Response:
    """Show the page at a glance."""
    found = reader.overview()
    if found is None:
        return render(request, "no_report.html")
    return render(
        request,
        "overview.html",
        overview=found,
        accounts=_account_tile(found),
        tiles=key_tiles(found.figures),
        charts=draw(found.charts, found.figures),
        oldest=reader.keys(KeyQuery(status="Active"), limit=OLDEST).rows,
    )


def key_tiles(figures: KeyFigures, **scope: str) -> tuple[Tile, ...]:
    """Return the figures of keys, each with the list that it counts.

    Args:
        figures: The counts.
        scope: Filters that all lists have.
    """

    def tile(label: str, count: int, note: str = "", *, of: dict[str, str] | None = None, alarming: bool = False,
             **filters: str) -> Tile:  # fmt: skip
        return Tile(label, count, "/keys", {**filters, **scope}, note, of and {**of, **scope}, alarming)

    def active(count: int, **filters: str) -> tuple[str, dict[str, str] | None]:
        return (
            (f"{count:,} of them active", {**filters, "status": "Active"}) if count else ("none of them active", None)
        )

    old, old_of = active(figures.old_active, age="90") if figures.old else ("", None)
    unused, unused_of = active(figures.unused_active, unused="45") if figures.unused else ("", None)
    never, never_of = active(figures.never_used_active, never="1") if figures.never_used else ("", None)
    share = f"{percent(figures.users_with_two_active, figures.users)} of users" if figures.users_with_two_active else ""
    return (
        tile("Keys", figures.keys, f"of {counted(figures.users, 'user')}" if figures.keys else ""),
        tile(
            "Active keys",
            figures.active,
            f"{percent(figures.active, figures.keys)} of keys" if figures.active else "",
            status="Active",
        ),
        tile("Root keys", figures.root, "should not exist" if figures.root else "", alarming=True, root="1"),
        tile("Over 90 days old", figures.old, old, of=old_of, age="90"),
        tile("Unused for 45 days", figures.unused, unused, of=unused_of, unused="45"),
        tile("Never used", figures.never_used, never, of=never_of, never="1"),
        tile("Users with two active keys", figures.users_with_two_active, share, two="1"),
    )


def _account_tile(found: Overview) -> Tile:
    accounts = found.accounts
    parts = [f"{accounts.not_read:,} not read"] * bool(accounts.not_read)
    parts += [f"{accounts.skipped:,} skipped"] * bool(accounts.skipped)
    return Tile("Accounts read", accounts.read, "/accounts", {}, " \N{MIDDLE DOT} ".join(parts) or "all of them")
