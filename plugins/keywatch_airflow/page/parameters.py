"""Query strings into questions to the store, and back. Nothing in one is passed over in silence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, cast

from starlette.datastructures import QueryParams

from keywatch.access_keys.owners import LONGEST as LONGEST_OWNER
from keywatch.errors import BadQueryError
from keywatch.report.model import NOT_READ
from keywatch.report.query import (
    LONGEST_SEARCH,
    SORTS,
    STATUSES,
    Cursor,
    KeyQuery,
    Sort,
    Status,
    decode_cursor,
    is_storable,
)

MOST_DAYS: Final = 36_500
LONGEST_ARN: Final = 2_048
LONGEST_NAME: Final = 128
MOST_PAGES: Final = 1_000_000

ACCOUNT_STATUSES: Final = {
    "ok": ("ok",),
    "partial": ("partial",),
    "not_read": NOT_READ,
    "denied": ("denied",),
    "failed": ("failed",),
    "skipped": ("skipped",),
    "left": ("left",),
}
"""What accounts can be filtered by, and the statuses that each stands for."""
ACCOUNT_ID: Final = re.compile(r"[0-9]{12}", re.ASCII)

ORDERS: Final = ("asc", "desc")
FIRST_ORDER: Final[dict[Sort, str]] = {"age": "desc", "last_used": "asc", "user": "asc", "account": "asc"}
"""The order of a list when none is asked for: keys that need somebody first, or by the alphabet."""

LIST: Final = (
    *("q", "status", "age", "unused", "never", "two", "root"),
    *("account", "arn", "service", "region", "owner", "unowned", "deleted"),
    *("sort", "order"),
)
"""What page, count and export of a list take alike."""


class BadParameterError(BadQueryError):
    """A parameter of the address has a value that means nothing.

    Attributes:
        name: The parameter.
    """

    def __init__(self, name: str, takes: str) -> None:
        super().__init__(takes)
        self.name = name


class Parameters:
    """The parameters of one address, each at most once; an empty one is as good as none.

    Args:
        values: As the address has them.
        known: What it may have.

    Raises:
        BadParameterError: One is not known, or is there twice.
    """

    def __init__(self, values: QueryParams, known: Iterable[str]) -> None:
        known = tuple(known)
        self._values: dict[str, str] = {}
        for name, value in values.multi_items():
            if name not in known:
                raise BadParameterError(_shown(name), f"This page takes {', '.join(known)}.")
            if name in self._values:
                raise BadParameterError(name, "It is given twice, and can have one value.")
            self._values[name] = value

    def text(self, name: str, longest: int) -> str:
        """Read a text of at most so many characters."""
        value = self._values.get(name, "").strip()
        if len(value) > longest:
            raise BadParameterError(name, f"It takes at most {longest} characters.")
        if not is_storable(value):
            raise BadParameterError(name, "It holds a character that no name can have.")
        return value

    def one_of(self, name: str, choices: Iterable[str]) -> str | None:
        """Read one of some words; None if there is none."""
        value, choices = self._values.get(name, ""), tuple(choices)
        if value and value not in choices:
            raise BadParameterError(name, f"It takes one of {', '.join(choices)}.")
        return value or None

    def number(self, name: str, least: int, most: int) -> int | None:
        """Read a whole number; None if there is none."""
        value = self._values.get(name, "")
        if not value:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) or not least <= int(value) <= most:
            raise BadParameterError(name, f"It takes a whole number from {least:,} to {most:,}.")
        return int(value)

    def flag(self, name: str) -> bool:
        """Read a mark that is 1 or not there."""
        return self.one_of(name, ("1",)) is not None

    def account(self, name: str) -> str | None:
        """Read the number of an account; None if there is none."""
        value = self._values.get(name, "")
        if value and not ACCOUNT_ID.fullmatch(value):
            raise BadParameterError(name, "It takes the 12 digits of an AWS account.")
        return value or None

    def arn(self, name: str) -> str | None:
        """Read an ARN; None if there is none."""
        value = self.text(name, LONGEST_ARN)
        if value and not value.startswith("arn:"):
            raise BadParameterError(name, "It takes the ARN of a user, such as arn:aws:iam::123456789012:user/alice.")
        return value or None


def key_query(values: QueryParams) -> tuple[KeyQuery, Cursor | None]:
    """Read which keys a list shows, and where it begins.

    Raises:
        BadParameterError: A parameter cannot be read, or is not known.
    """
    given = Parameters(values, (*LIST, "cursor"))
    sort = cast("Sort", given.one_of("sort", SORTS) or "age")
    query = KeyQuery(
        search=given.text("q", LONGEST_SEARCH),
        status=cast("Status | None", given.one_of("status", STATUSES)),
        older_than=given.number("age", 0, MOST_DAYS),
        unused_for=given.number("unused", 0, MOST_DAYS),
        never_used=given.flag("never"),
        two_active=given.flag("two"),
        root=given.flag("root"),
        account=given.account("account"),
        user_arn=given.arn("arn"),
        service=given.text("service", LONGEST_NAME) or None,
        region=given.text("region", LONGEST_NAME) or None,
        owner=given.text("owner", LONGEST_OWNER) or None,
        unowned=given.flag("unowned"),
        deleted=given.flag("deleted"),
        sort=sort,
        descending=(given.one_of("order", ORDERS) or FIRST_ORDER[sort]) == "desc",
    )
    return query, _cursor(given.text("cursor", LONGEST_ARN), sort)


def list_parameters(query: KeyQuery) -> dict[str, str]:
    """Write a query for an address, as short as it can be; the opposite of `key_query`."""
    order = "desc" if query.descending else "asc"
    written = {
        "q": query.search,
        "status": query.status,
        "age": query.older_than,
        "unused": query.unused_for,
        "never": query.never_used,
        "two": query.two_active,
        "root": query.root,
        "account": query.account,
        "arn": query.user_arn,
        "service": query.service,
        "region": query.region,
        "owner": query.owner,
        "unowned": query.unowned,
        "deleted": query.deleted,
        "sort": query.sort if query.sort != "age" else None,
        "order": order if order != FIRST_ORDER[query.sort] else None,
    }
    return written_parameters(written)


def written_parameters(values: Mapping[str, str | int | None]) -> dict[str, str]:
    """Write parameters for an address, without those that ask for nothing."""
    return {
        name: "1" if value is True else str(value)
        for name, value in values.items()
        if value is not None and value is not False and value != ""
    }


def _cursor(text: str, sort: Sort) -> Cursor | None:
    if not text:
        return None
    try:
        return decode_cursor(text, sort)
    except BadQueryError as error:
        raise BadParameterError("cursor", str(error)) from error


def _shown(name: str) -> str:
    shortened = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in shortened)
