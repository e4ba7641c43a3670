"""What a search finds: user names, accounts, and access key ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, String, and_, false, func, or_, select

from keywatch.access_keys.record import shorten
from keywatch.report.names import find_names
from keywatch.report.predicates import of_root
from keywatch.report.schema import accounts, keys
from keywatch.report.uneven import has_one_of

FULL_KEY_ID: Final = re.compile(r"A[A-Z]IA[A-Z0-9]{12,124}")
SHORT_KEY_ID: Final = re.compile(r"[A-Z0-9]{4}\.\.\.[A-Z0-9]{4}")

NAMED: Final = 2_000
"""As many names, or accounts, are looked up by name."""

SAMPLE: Final = 5_000
"""Keys that are looked at to tell whether a text is common."""

COMMON: Final = 10
"""A text that is found in as many accounts of the sample is common: a list soon comes upon it."""


def search(connection: Connection, text: str, sorted_by: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return what a key must meet to be found.

    Unless many users' names have the text, it is looked up first which do, so that not every key is looked into.

    Args:
        connection: To the store.
        text: Part of a user name, of an account's name or number; an access key id, of which both ends are known; the
            ARN of a user; or "root user".
        sorted_by: The column that sorts the list.
    """
    if text.startswith("arn:"):
        return keys.c.user_arn == text
    if text.casefold() == "root user":
        return of_root
    key_id = text.strip().upper()
    if SHORT_KEY_ID.fullmatch(key_id):
        return keys.c.access_key_id == key_id
    has_id = keys.c.access_key_id == shorten(key_id)
    if FULL_KEY_ID.fullmatch(key_id) and connection.scalar(select(keys.c.id).where(has_id).limit(1)) is not None:
        return has_id
    return _by_name(connection, text, sorted_by)  # a user may be called like a key id


def _by_name(connection: Connection, text: str, sorted_by: ColumnElement[Any]) -> ColumnElement[bool]:
    """Find users and accounts by their names.

    SQLite is told between which values of the column that sorts to look, if only users or only accounts have the text:
    otherwise a list would begin far before the first key that it has. PostgreSQL chooses by itself.
    """
    sqlite = connection.dialect.name == "sqlite"
    user, account = keys.c.user_name, keys.c.account_id
    has_name = contains(user, text, sqlite=sqlite)
    found = select(accounts.c.account_id).where(is_account(text, sqlite=sqlite)).order_by(accounts.c.account_id)
    ids = list(connection.scalars(found))
    common = _is_common(connection, has_name)
    names = [] if common else list(islice(find_names(connection, text), NAMED + 1))
    of_user = has_name if common else _one_of(connection, user, names, has_name)
    of_account = _one_of(connection, account, ids, account.in_(found))
    if sqlite and sorted_by is user and not ids and (common or names):
        first = next(find_names(connection, text), "")
        last = next(find_names(connection, text, backwards=True), "")
        return and_(of_user, user.between(first, last))
    if sqlite and sorted_by is account and ids and not (common or names):
        return and_(of_account, account.between(ids[0], ids[-1]))
    return or_(of_user, of_account)


def contains(column: ColumnElement[str], text: str, *, sqlite: bool) -> ColumnElement[bool]:
    """Say that a column has a text in it, in any letter case.

    SQLite's LIKE takes no notice of case by itself, of ASCII letters: IAM's names have no others.
    """
    if sqlite and not text.isascii():
        return func.casefold(column, type_=String).contains(text.casefold(), autoescape=True)
    return column.contains(text, autoescape=True) if sqlite else column.icontains(text, autoescape=True)


def is_account(text: str, *, sqlite: bool) -> ColumnElement[bool]:
    """Say that an account's number or its name, which may have any letters, has a text in it."""
    name, folded = accounts.c.name, func.casefold(accounts.c.name, type_=String)
    by_name = folded.contains(text.casefold(), autoescape=True) if sqlite else name.icontains(text, autoescape=True)
    return or_(by_name, accounts.c.account_id.contains(text, autoescape=True))


def _is_common(connection: Connection, condition: ColumnElement[bool]) -> bool:
    """Tell whether keys of many accounts meet a condition, by a sample: as KeyIds are digests, the first are any."""
    last = select(keys.c.key_id).order_by(keys.c.key_id).limit(1).offset(SAMPLE - 1).scalar_subquery()
    found = select(func.count(keys.c.account_id.distinct())).where(keys.c.key_id <= last, condition)
    return (connection.scalar(found) or 0) >= COMMON


def _one_of(
    connection: Connection, column: ColumnElement[str], names: Sequence[str], many: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Say that a column has one of the names that were found; if those are very many, in another way."""
    if not names:
        return false()
    return has_one_of(connection, column, names) if len(names) <= NAMED else many
