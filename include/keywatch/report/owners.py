"""The table of owners in the store: taken in whole, and read for the accounts of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, exists, func, select

from keywatch.access_keys.owners import Owned
from keywatch.report.chunks import chunks
from keywatch.report.engine import speaking_of
from keywatch.report.migrate import migrate
from keywatch.report.schema import keys, owners

ROWS_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class OwnersTaken:
    """What the import of a table changed.

    Attributes:
        users: Users that it has.
        added: Of those, not in the table before.
        changed: Of those, with another owner before.
        removed: Users that were in the table before, and are no longer.
        keys: Keys that exist whose owner is in the table now.
        unowned: Keys that exist for which nobody is known to answer.
    """

    users: int
    added: int
    changed: int
    removed: int
    keys: int
    unowned: int


def take_owners(engine: Engine, table: Iterable[Owned]) -> OwnersTaken:
    """Put a table in place of the one that was there, and give the keys that are known their owners by it.

    A key whose owner came from the table before, and whom it no longer has, has none until the next report.

    Args:
        engine: For writing.
        table: As `keywatch.access_keys.owners.read_owner_table` reads it.

    Raises:
        StoreSchemaError: The store is a later version's.
        StoreUnavailableError: It cannot be written; nothing is changed then.
    """
    with speaking_of(engine):
        migrate(engine)
        with engine.begin() as connection:
            before = {(row.account_id, row.user_name): row.owner for row in connection.execute(select(owners))}
            after = {(each.account_id, each.user_name): each.owner for each in table}
            connection.execute(owners.delete())
            rows = [{"account_id": account, "user_name": user, "owner": who} for (account, user), who in after.items()]
            for some in chunks(rows, ROWS_AT_ONCE):
                connection.execute(owners.insert(), some)
            give_owners(connection)
            return _taken(connection, before, after)


def _taken(
    connection: Connection, before: Mapping[tuple[str, str], str], after: Mapping[tuple[str, str], str]
) -> OwnersTaken:
    return OwnersTaken(
        users=len(after),
        added=len(after.keys() - before.keys()),
        changed=sum(before[user] != owner for user, owner in after.items() if user in before),
        removed=len(before.keys() - after.keys()),
        keys=_count(connection, keys.c.owner_source == "table"),
        unowned=_count(connection, keys.c.owner.is_(None)),
    )


def read_owners(connection: Connection, account_ids: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the owners of some accounts' users, by account and user name."""
    chosen = select(owners).where(owners.c.account_id.in_(list(account_ids)))
    return {(row.account_id, row.user_name): row.owner for row in connection.execute(chosen)}


def give_owners(connection: Connection) -> None:
    """Give every key the owner that the table has for its user.

    Args:
        connection: In a transaction that writes.
    """
    of_user = (owners.c.account_id == keys.c.account_id) & (owners.c.user_name == keys.c.user_name)
    owner = select(owners.c.owner).where(of_user).scalar_subquery()
    there: Any = exists().where(of_user)
    was_there = keys.c.owner_source == "table"
    connection.execute(keys.update().where(was_there, ~there).values(owner=None, owner_source=None))
    connection.execute(keys.update().where(there).values(owner=owner, owner_source="table"))


def _count(connection: Connection, condition: Any) -> int:  # noqa: ANN401 - a condition of SQLAlchemy's
    chosen: Select[Any] = select(func.count()).select_from(keys).where(keys.c.deleted == 0, condition)
    return int(connection.scalar(chosen) or 0)
