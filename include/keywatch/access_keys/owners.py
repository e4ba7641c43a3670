"""Who answers for a key: the table of owners first, then a tag of the user, then the policy's patterns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from keywatch.access_keys.policy.model import OwnerPattern, owner_by_pattern
from keywatch.access_keys.record import ACCOUNT_ID, ROOT_USER
from keywatch.errors import OwnerTableError

COLUMNS: Final = ("account", "user", "owner")
"""What the first line of a table of owners names."""

USER_NAME: Final = re.compile(rf"[\w+=,.@-]{{1,128}}|{re.escape(ROOT_USER)}")
"""A name of an IAM user (IAM API reference, CreateUser), or of root."""

LONGEST: Final = 256
"""Characters of an owner."""

LARGEST: Final = 64_000_000
"""Bytes of a table of owners."""

SHOWN: Final = 20
"""Errors that a message lists."""

SHOWN_OF_HEADING: Final = 200
"""Characters of a first line that a message shows."""

Source = Literal["table", "tag", "pattern"]


class Owned(NamedTuple):
    """One line of the table of owners."""

    account_id: str
    user_name: str
    owner: str


class Owner(NamedTuple):
    """Who answers for a key, and who says so."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class OwnerBook:
    """What is known of the owners of some accounts' users.

    Attributes:
        table: Owners by account and user name.
        patterns: The policy's, in their order.
    """

    table: Mapping[tuple[str, str], str] = field(default_factory=dict)
    patterns: Sequence[OwnerPattern] = ()

    def owner(self, account_id: str, user_name: str, tag: str | None = None) -> Owner | None:
        """Tell who answers for a user's keys; None if nobody is known.

        Args:
            account_id: 12 digits.
            user_name: The user.
            tag: The value of the user's tag, if it was read and is there.
        """
        if by_table := self.table.get((account_id, user_name)):
            return Owner(by_table, "table")
        if by_tag := (tag or "").strip():
            return Owner(by_tag[:LONGEST], "tag")
        if by_pattern := owner_by_pattern(self.patterns, account_id, user_name):
            return Owner(by_pattern, "pattern")
        return None


def read_owner_table(data: bytes, name: str) -> list[Owned]:
    """Read a table of owners: CSV in UTF-8, whose first line is `account,user,owner` in any order.

    Args:
        data: The file.
        name: Of the file, for messages.

    Raises:
        OwnerTableError: A line is not usable, or two say different things; nothing of it is to be used then. The
            message names the lines.
    """
    if len(data) > LARGEST:
        raise OwnerTableError(f"{name} has {len(data):,} bytes, and a table of owners at most {LARGEST:,}.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OwnerTableError(f"{name} is not UTF-8 at byte {error.start}. Save it as CSV UTF-8.") from error
    found: dict[tuple[str, str], tuple[int, Owned]] = {}
    problems: list[str] = []
    for line, said in _lines(text, name):
        if isinstance(said, str):
            problems.append(f"- line {line}: {said}")
            continue
        before = found.setdefault((said.account_id, said.user_name), (line, said))
        if before[1].owner != said.owner:
            problems.append(f"- line {line}: line {before[0]} names another owner of the same user")
    if problems:
        more = [f"- and {len(problems) - SHOWN} more"] * (len(problems) > SHOWN)
        said_all = "\n".join([*problems[:SHOWN], *more])
        raise OwnerTableError(f"{name} is not usable, and nothing of it was taken. Correct it:\n{said_all}")
    if not found:
        raise OwnerTableError(f"{name} has a heading, and no line below it: nothing of it was taken.")
    return [said for _, said in found.values()]


def _lines(text: str, name: str) -> Iterator[tuple[int, Owned | str]]:
    """Yield the number of each line, and what it says or what is wrong with it."""
    dialect = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=dialect, strict=True)
    try:
        heading = [each.strip().lower() for each in next(rows, [])]
        if sorted(heading) != sorted(COLUMNS):
            names = ", ".join(heading)[:SHOWN_OF_HEADING] or "nothing"
            raise OwnerTableError(f"The first line of {name} names {names}. It has to be {','.join(COLUMNS)}.")
        places = [heading.index(each) for each in COLUMNS]
        for row in rows:
            if any(each.strip() for each in row):
                yield rows.line_num, _owned(row, places)
    except csv.Error as error:
        yield rows.line_num, f"it is no CSV: {error}"


def _owned(row: list[str], places: list[int]) -> Owned | str:
    if len(row) != len(COLUMNS):
        return f"it has {len(row)} fields, not {len(COLUMNS)}: put a name with a comma in quotation marks"
    account, user, owner = (row[place].strip() for place in places)
    if not ACCOUNT_ID.fullmatch(account):
        return _no_account(account)
    if not user or not owner:
        return f"{'user' if not user else 'owner'} is empty"
    if not USER_NAME.fullmatch(user):
        return (
            f"{user[:80]!r} is no name of an IAM user: patterns go into the policy, and of an ARN only the name counts"
        )
    if not owner.isprintable() or len(owner) > LONGEST:
        return f"the owner is longer than {LONGEST} characters, or has one that cannot be printed"
    return Owned(account, user, owner)


def _no_account(text: str) -> str:
    if not text:
        return "account is empty"
    hint = "format the column as text" if text[0].isdigit() and "-" not in text else "write its digits alone"
    return f"{text[:40]!r} is not the 12 digits of an account: {hint}"
