"""What a search finds: user names, accounts, and access key ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, false, or_, select

from keywatch.access_keys.record import shorten
from keywatch.report.schema import accounts, keys

FULL_KEY_ID: Final = re.compile(r"A[A-Z]IA[A-Z0-9]{12,124}")
SHORT_KEY_ID: Final = re.compile(r"[A-Z0-9]{4}\.\.\.[A-Z0-9]{4}")

NAMED: Final = 2_000
"""As many names, or accounts, are looked up by name. A text that more of them have is soon found on the way."""


def search(connection: Connection, text: str) -> ColumnElement[bool]:
    """Return what a key must meet to be found.

    Names are asked for first, in an index of names alone: that is several times as fast as looking into every key when
    few have the text, or none.

    Args:
        connection: To the store.
        text: Part of a user name, of an account's name or number, or an access key id, of which both ends are known.
    """
    key_id = text.strip().upper()
    if SHORT_KEY_ID.fullmatch(key_id):
        return keys.c.access_key_id == key_id
    if FULL_KEY_ID.fullmatch(key_id):
        return keys.c.access_key_id == shorten(key_id)
    sqlite = connection.dialect.name == "sqlite"
    has_name = contains(keys.c.user_name, text, sqlite=sqlite)
    in_account = or_(
        contains(accounts.c.name, text, sqlite=sqlite), accounts.c.account_id.contains(text, autoescape=True)
    )
    of_account = _one_of(connection, keys.c.account_id, accounts.c.account_id, in_account)
    of_user = _one_of(connection, keys.c.user_name, keys.c.user_name, has_name)
    return or_(of_user, of_account)


def contains(column: ColumnElement[str], text: str, *, sqlite: bool) -> ColumnElement[bool]:
    """Say that a column has a text in it, in any letter case.

    SQLite's LIKE takes no notice of case by itself, of ASCII letters, and IAM's names have no others.
    """
    return column.contains(text, autoescape=True) if sqlite else column.icontains(text, autoescape=True)


def _one_of(
    connection: Connection, column: ColumnElement[str], source: ColumnElement[str], condition: ColumnElement[bool]
) -> ColumnElement[bool]:
    names: Sequence[str] = connection.scalars(select(source).where(condition).distinct().limit(NAMED + 1)).all()
    if not names:
        return false()
    if len(names) <= NAMED:
        return column.in_(names)
    return condition if column is source else column.in_(select(source).where(condition))
