"""The filters of a list of keys: what can be chosen, what is, and how to take it away again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from keywatch.report.model import Choices
from keywatch.report.query import SORTS, STATUSES, KeyQuery, Sort
from keywatch_airflow.page.parameters import FIRST_ORDER, list_parameters
from keywatch_airflow.page.presentation import counted

AGES: Final = (30, 90, 180, 365)
UNUSED: Final = (45, 90, 180)


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a filter."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Select:
    """A filter of which one choice can be taken."""

    name: str
    label: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A filter that is set or not."""

    name: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, and the parameters of the list without it."""

    label: str
    without: dict[str, str]


@dataclass(frozen=True, slots=True)
class Heading:
    """A column that sorts, and the parameters of the list when its heading is chosen."""

    label: str
    direction: str | None
    parameters: dict[str, str]


def selects(query: KeyQuery, choices: Choices) -> tuple[Select, ...]:
    """Return the filters of which one choice can be taken."""
    return (
        select_of("status", "Status", "Any", [(each, each) for each in STATUSES], query.status),
        select_of("age", "Age", "Any", _days(AGES, query.older_than, "Over"), query.older_than),
        select_of("unused", "Unused", "Any", _days(UNUSED, query.unused_for, "For"), query.unused_for),
        select_of("service", "Last used for", "Any service", names_of(choices.services, query.service), query.service),
        select_of("region", "Last used in", "Any region", names_of(choices.regions, query.region), query.region),
    )


def marks(query: KeyQuery) -> tuple[Mark, ...]:
    """Return the filters that are set or not."""
    return (
        Mark("never", "Never used", query.never_used),
        Mark("two", "Users with two active keys", query.two_active),
        Mark("root", "Root users", query.root),
        Mark("unowned", "No owner", query.unowned),
        Mark("deleted", "Deleted keys", query.deleted),
    )


def chips(query: KeyQuery) -> tuple[Chip, ...]:
    """Return the filters that are set."""
    labels = {
        "q": f"\N{LEFT DOUBLE QUOTATION MARK}{query.search}\N{RIGHT DOUBLE QUOTATION MARK}",
        "status": query.status,
        "age": f"Over {counted(query.older_than or 0, 'day')} old",
        "unused": f"Unused for {counted(query.unused_for or 0, 'day')}",
        "never": "Never used",
        "two": "Users with two active keys",
        "root": "Root users",
        "account": f"Account {query.account}",
        "arn": query.user_arn,
        "service": f"Last used for {query.service}",
        "region": f"Last used in {query.region}",
        "owner": f"Owner {query.owner}",
        "unowned": "No owner",
        "deleted": "Deleted keys",
    }
    return chips_of(labels, list_parameters(query))


def chips_of(labels: Mapping[str, str | None], given: Mapping[str, str]) -> tuple[Chip, ...]:
    """Return the filters that are set.

    Args:
        labels: What each parameter means.
        given: The parameters of the list.
    """
    return tuple(
        Chip(label or "", {other: value for other, value in given.items() if other != name})
        for name, label in labels.items()
        if name in given
    )


def without_filters(query: KeyQuery) -> dict[str, str]:
    """Return the parameters of the whole list in the same order."""
    return {name: value for name, value in list_parameters(query).items() if name in ("sort", "order")}


def headings(query: KeyQuery) -> dict[Sort, Heading]:
    """Return the columns that sort: the one that does turns the list round, another starts as is most useful."""
    labels: dict[Sort, str] = {"user": "User", "account": "Account", "age": "Age", "last_used": "Last used"}
    return {sort: _heading(query, sort, label) for sort, label in labels.items()}


def sorts(query: KeyQuery) -> Select:
    """Return the orders, for where there are no headings to choose."""
    labels = {"age": "Age", "last_used": "Last use", "user": "User", "account": "Account"}
    return Select("sort", "Sorted by", tuple(Option(each, labels[each], each == query.sort) for each in SORTS))


def _heading(query: KeyQuery, sort: Sort, label: str) -> Heading:
    given = {name: value for name, value in list_parameters(query).items() if name not in ("sort", "order")}
    now = "desc" if query.descending else "asc"
    order = FIRST_ORDER[sort] if sort != query.sort else ("asc" if query.descending else "desc")
    if sort != "age":
        given["sort"] = sort
    if order != FIRST_ORDER[sort]:
        given["order"] = order
    return Heading(label, now if sort == query.sort else None, given)


def select_of(name: str, label: str, none: str, choices: Iterable[tuple[str, str]], chosen: str | int | None) -> Select:
    """Return a filter of which one choice can be taken.

    Args:
        name: The parameter.
        label: For people.
        none: What it means that none is taken.
        choices: Values, and what they mean.
        chosen: The value that is taken.
    """
    options = [Option(value, text, value == str(chosen)) for value, text in choices]
    return Select(name, label, (Option("", none, chosen is None), *options))


def _days(offered: tuple[int, ...], chosen: int | None, word: str) -> list[tuple[str, str]]:
    days = {*offered} if chosen is None else {*offered, chosen}
    return [(str(each), f"{word} {counted(each, 'day')}") for each in sorted(days)]


def names_of(offered: tuple[str, ...], chosen: str | None) -> list[tuple[str, str]]:
    """Return names as choices, the chosen one among them."""
    names = offered if chosen is None else (chosen, *offered)
    return [(each, each) for each in dict.fromkeys(names)]
