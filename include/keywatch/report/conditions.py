"""What a key query means in SQL. Every value is a bound parameter."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection

from keywatch.report.ascii_case import lower_ascii
from keywatch.report.predicates import never_used, of_root, older_than, unused_for
from keywatch.report.query import KeyQuery
from keywatch.report.schema import SORTED, USUAL, keys, owner_address, unusual
from keywatch.report.search import search
from keywatch.report.uneven import few_meet, has_none, has_one_of


def conditions(connection: Connection, query: KeyQuery, now: int) -> list[ColumnElement[bool]]:
    """Return what a key must meet to be in a list, cheapest first.

    Args:
        connection: To the store.
        query: Which keys.
        now: The moment to which ages are counted, in seconds.
    """
    key = keys.c
    equal = ((key.status, query.status), (key.account_id, query.account), (key.user_arn, query.user_arn))
    uneven = ((key.service, query.service), (key.region, query.region), (key.owner, query.owner))
    marks = (
        (query.never_used, never_used),
        (query.two_active, key.two_active.is_(True)),
        (query.root, of_root),
    )
    wanted = [key.deleted > 0 if query.deleted else key.deleted == 0]
    wanted += [column == value for column, value in equal if value is not None]
    wanted += [has_one_of(connection, column, [value]) for column, value in uneven if value is not None]
    if query.owner_address is not None:
        wanted.append(owner_address == lower_ascii(query.owner_address))
    if query.unowned:
        wanted.append(has_none(connection, key.owner))
    if query.status not in (None, *USUAL) and few_meet(connection, unusual):
        wanted.append(unusual)
    wanted += [condition for asked, condition in marks if asked]
    if query.older_than is not None:
        wanted.append(older_than(query.older_than, now))
    if query.unused_for is not None:
        wanted.append(unused_for(query.unused_for, now))
    if query.search:
        wanted.append(search(connection, query.search, key[SORTED[query.sort]]))
    return wanted
