"""The keys that exist, user by user, as the policy looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from keywatch.access_keys.key_facts import KeyFacts
from keywatch.report.schema import UNKNOWN, accounts, keys, known_moment, moment

ROWS_AT_ONCE: Final = 2_000


def users_keys(connection: Connection) -> Iterator[list[KeyFacts]]:
    """Yield the keys of each user that exist, a few thousand in memory at a time.

    Args:
        connection: In a transaction, which may write meanwhile, to other tables.
    """
    name = select(accounts.c.name).where(accounts.c.account_id == keys.c.account_id).scalar_subquery()
    chosen = (
        select(keys, name.label("account_name")).where(keys.c.deleted == 0).order_by(keys.c.user_arn, keys.c.key_id)
    )
    with closing(connection.execute(chosen, execution_options={"yield_per": ROWS_AT_ONCE})) as rows:
        for _, of_user in groupby(rows, key=lambda row: row.user_arn):
            yield [key_facts(row) for row in of_user]


def key_facts(row: Row[Any]) -> KeyFacts:
    """Read a row of table `access_key`, with its account's name."""
    return KeyFacts(
        key_id=row.key_id,
        access_key_id=row.access_key_id,
        account_id=row.account_id,
        account_name=row.account_name,
        user_name=row.user_name,
        user_arn=row.user_arn,
        status=row.status,
        created=None if row.created == UNKNOWN else known_moment(row.created),
        last_used=moment(row.last_used),
        first_seen=known_moment(row.first_seen),
        last_seen=known_moment(row.last_seen),
        last_active=moment(row.last_active),
        owner=row.owner,
        owner_source=row.owner_source,
    )
