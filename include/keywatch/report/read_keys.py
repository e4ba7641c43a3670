"""Lists of keys: by pages that start beside a row, as a number, and as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, tuple_

from keywatch.report.conditions import conditions
from keywatch.report.model import KeyPage, KeyRow
from keywatch.report.predicates import DAY
from keywatch.report.query import Cursor, KeyQuery
from keywatch.report.schema import SORTED, UNKNOWN, accounts, keys, known_moment, moment

ROWS_AT_ONCE: Final = 1_000

Found: TypeAlias = Row[Any]


def read_keys(connection: Connection, query: KeyQuery, now: int, cursor: Cursor | None, limit: int) -> KeyPage:
    """Return one page of a list: the rows beside a cursor, or the first."""
    forward = cursor is None or cursor.forward
    rising = _rises(query) == forward
    column = keys.c[SORTED[query.sort]]
    places = select(keys.c.id).where(*conditions(connection, query, now))
    if cursor is not None:
        place, beside = tuple_(column, keys.c.id), tuple_(cursor.value, cursor.number)
        places = places.where(place > beside if rising else place < beside)
    # First which, from the index that sorts alone, and then all of just these: a third less than both at once.
    which = places.order_by(*_order(column, rising=rising)).limit(limit + 1).subquery()
    whole = _whole().join(which, which.c.id == keys.c.id)
    found = list(connection.execute(whole.order_by(*_order(column, rising=rising))))
    more = len(found) > limit
    rows = found[:limit] if forward else found[:limit][::-1]
    return KeyPage(
        tuple(_key(row, now) for row in rows),
        before=_cursor(rows, 0, column.name) if rows and (more if not forward else cursor is not None) else None,
        after=_cursor(rows, -1, column.name) if rows and (more if forward else True) else None,
    )


def count_keys(connection: Connection, query: KeyQuery, now: int, most: int) -> int:
    """Count a list, up to one more than `most`."""
    some = select(keys.c.id).where(*conditions(connection, query, now)).limit(most + 1).subquery()
    return int(connection.scalar(select(func.count()).select_from(some)) or 0)


def stream_keys(connection: Connection, query: KeyQuery, now: int) -> Iterator[KeyRow]:
    """Yield a whole list in its order, as it was at one moment, a thousand rows in memory at a time."""
    order = _order(keys.c[SORTED[query.sort]], rising=_rises(query))
    chosen = _whole().where(*conditions(connection, query, now)).order_by(*order)
    with closing(connection.execution_options(yield_per=ROWS_AT_ONCE).execute(chosen)) as rows:
        for row in rows:
            yield _key(row, now)


def _rises(query: KeyQuery) -> bool:
    """Tell whether the column that sorts rises. The older a key, the smaller the moment at which it was made."""
    return query.descending == (query.sort == "age")


def _whole() -> Select[Any]:
    name = select(accounts.c.name).where(accounts.c.account_id == keys.c.account_id).scalar_subquery()
    return select(keys, name.label("account_name"))


def _order(column: ColumnElement[Any], *, rising: bool) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return (column.asc(), keys.c.id.asc()) if rising else (column.desc(), keys.c.id.desc())


def _cursor(rows: list[Found], place: int, column: str) -> str:
    row = rows[place]
    return Cursor(getattr(row, column), row.id, forward=place != 0).encode()


def _key(row: Found, now: int) -> KeyRow:
    created = None if row.created == UNKNOWN else known_moment(row.created)
    return KeyRow(
        key_id=row.key_id,
        access_key_id=row.access_key_id,
        account_id=row.account_id,
        account_name=row.account_name,
        user_name=row.user_name,
        user_arn=row.user_arn,
        status=row.status,
        created=created,
        last_used=moment(row.last_used),
        service=row.service,
        region=row.region,
        source=row.source,
        age_days=None if created is None else max(0, (now - row.created) // DAY),
        idle_days=max(0, (now - row.last_used) // DAY) if row.last_used else None,
        first_seen=known_moment(row.first_seen),
        last_seen=known_moment(row.last_seen),
        deleted=moment(row.deleted),
        unseen_days=max(0, (now - row.last_seen) // DAY),
        owner=row.owner,
        owner_source=row.owner_source,
    )
