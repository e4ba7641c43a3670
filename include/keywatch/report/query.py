"""Which keys a list shows, and in which order: pure, and the same for page, count and export."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Final, Literal, get_args

from keywatch.errors import BadQueryError

Sort = Literal["age", "last_used", "user", "account"]
SORTS: Final = get_args(Sort)

Status = Literal["Active", "Inactive", "Expired"]
STATUSES: Final = get_args(Status)

LONGEST_SEARCH: Final = 128
"""Characters: an IAM user name has 64 at most, a full access key id 128 (IAM API reference)."""


LARGEST_INTEGER: Final = 2**63 - 1
"""Of a database."""


@dataclass(frozen=True, slots=True)
class KeyQuery:
    """Which keys, in which order. What is None or false does not filter.

    Attributes:
        search: Part of a user name, of an account's number or name, or an access key id, full or shortened; letter
            case does not matter.
        status: As IAM says.
        older_than: Age above this many whole days.
        unused_for: Not used for this many whole days or more; never used counts from creation.
        never_used: Never used at all.
        two_active: Of users with two active keys or more.
        root: Of root users.
        account: 12 digits.
        user_arn: Of one user.
        service: Last used for.
        region: Last used in.
        owner: Who answers for it, in full.
        owner_address: Who answers for it, in full; the case of ASCII letters does not matter.
        unowned: For which nobody is known to answer.
        deleted: Keys that are gone, instead of those that exist.
        sort: By age, last use, user or account.
        descending: Oldest, most recently used, or last by name first.

    Raises:
        BadQueryError: The search is too long, or a text holds what no database takes.
    """

    search: str = ""
    status: Status | None = None
    older_than: int | None = None
    unused_for: int | None = None
    never_used: bool = False
    two_active: bool = False
    root: bool = False
    account: str | None = None
    user_arn: str | None = None
    service: str | None = None
    region: str | None = None
    owner: str | None = None
    owner_address: str | None = None
    unowned: bool = False
    deleted: bool = False
    sort: Sort = "age"
    descending: bool = True

    def __post_init__(self) -> None:
        if len(self.search) > LONGEST_SEARCH:
            raise BadQueryError(f"The search is longer than {LONGEST_SEARCH} characters. Shorten it.")
        names = (self.account, self.user_arn, self.service, self.region, self.owner, self.owner_address)
        for text in (self.search, *names):
            if not is_storable(text or ""):
                raise BadQueryError("A filter holds a character that no name can have. Remove it.")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list: the row beside it, by the value that sorts it and its number, and which way to go."""

    value: int | str
    number: int
    forward: bool

    def encode(self) -> str:
        """Write it for a URL."""
        text = json.dumps([self.value, self.number, self.forward], ensure_ascii=True, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode("ascii")).decode("ascii").rstrip("=")


def is_storable(text: str) -> bool:
    """Tell whether a database takes a text: PostgreSQL has no NUL, and UTF-8 no surrogates."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def decode_cursor(text: str, sort: Sort) -> Cursor:
    """Read a cursor of a URL.

    Raises:
        BadQueryError: It is no cursor of a list in this order.
    """
    try:
        value, number, forward = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise _bad_cursor() from error
    fits = isinstance(value, str if sort in ("user", "account") else int) and not isinstance(value, bool)
    if not fits or type(number) is not int or type(forward) is not bool:
        raise _bad_cursor()
    if any(isinstance(each, int) and abs(each) > LARGEST_INTEGER for each in (value, number)):
        raise _bad_cursor()
    if isinstance(value, str) and not is_storable(value):
        raise _bad_cursor()
    return Cursor(value, number, forward)


def _bad_cursor() -> BadQueryError:
    return BadQueryError("This page of the list cannot be found. Start again from its first page.")
