"""The figures of a page, each with the list of what it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keywatch.report.model import OLD_DAYS, UNUSED_DAYS, AccountFigures, KeyFigures
from keywatch_airflow.page.presentation import counted, percent

OLD: Final = str(OLD_DAYS)
UNUSED: Final = str(UNUSED_DAYS)


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

    old, old_of = active(figures.old_active, age=OLD) if figures.old else ("", None)
    unused, unused_of = active(figures.unused_active, unused=UNUSED) if figures.unused else ("", None)
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
        tile(f"Over {OLD} days old", figures.old, old, of=old_of, age=OLD),
        tile(f"Unused for {UNUSED} days", figures.unused, unused, of=unused_of, unused=UNUSED),
        tile("Never used", figures.never_used, never, of=never_of, never="1"),
        tile("Users with two active keys", figures.users_with_two_active, share, two="1", sort="user"),
    )


def account_tile(accounts: AccountFigures) -> Tile:
    """Return the figure of accounts."""
    parts = [f"{accounts.not_read:,} not read"] * bool(accounts.not_read)
    parts += [f"{accounts.skipped:,} skipped"] * bool(accounts.skipped)
    return Tile("Accounts read", accounts.read, "/accounts", {}, " \N{MIDDLE DOT} ".join(parts) or "all of them")
