"""The keys that a person answers for, out of the report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import URL

from keywatch.portal.accounts.model import Account
from keywatch.report.engine import open_engine
from keywatch.report.model import KeyRow
from keywatch.report.query import KeyQuery, decode_cursor
from keywatch.report.read import ReportReader
from keywatch.report.read_findings import FindingRow

MOST_PER_PAGE: Final = 200

MOST_COUNTED: Final = 1_000_000
"""Keys of one person that are counted."""


@dataclass(frozen=True, slots=True)
class OwnedKey:
    """A key, and what the policy finds of it, the worst first."""

    key: KeyRow
    findings: tuple[FindingRow, ...]


@dataclass(frozen=True, slots=True)
class OwnedKeys:
    """One page of a person's keys, the oldest first.

    Attributes:
        rows: The keys.
        total: How many keys the person has, a million and one at most.
        before: What leads to the page before; None if there is none.
        after: What leads to the page after; None if there is none.
        as_of: The moment to which ages are counted; None before there is a report.
        checked: When the policy looked at every key last; None if never, so that there are no findings.
    """

    rows: tuple[OwnedKey, ...]
    total: int
    before: str | None
    after: str | None
    as_of: datetime | None
    checked: datetime | None = None


class OwnersKeys:
    """Reads the keys of accounts. Threads may share it.

    Args:
        url: Of the report store.

    Raises:
        ConfigurationError: The database's driver is not installed.
    """

    def __init__(self, url: URL) -> None:
        self._engine = open_engine(url, writing=False, mapped=0)
        self._reader = ReportReader(self._engine)

    def close(self) -> None:
        """Let the connections go."""
        self._engine.dispose()

    def page(self, account: Account, cursor: str | None = None, limit: int = 50) -> OwnedKeys:
        """Return one page of the keys that exist and whose owner is an account's, all of one moment.

        Owners are compared without the case of ASCII letters: anything else that differs is another owner.

        Args:
            account: Whose.
            cursor: `before` or `after` of another page; None for the first.
            limit: The most keys, 1 to 200.

        Raises:
            BadQueryError: The cursor is none.
            StoreSchemaError: The store has another schema than this version needs.
            StoreUnavailableError: It cannot be read.
        """
        query = KeyQuery(owner_address=account.owner)
        place = decode_cursor(cursor, query.sort) if cursor else None
        with self._reader.at_one_moment() as reader:
            page = reader.keys(query, place, min(max(limit, 1), MOST_PER_PAGE))
            found = reader.findings_of_keys([row.key_id for row in page.rows])
            return OwnedKeys(
                rows=tuple(OwnedKey(row, found.get(row.key_id, ())) for row in page.rows),
                total=reader.count(query, MOST_COUNTED),
                before=page.before,
                after=page.after,
                as_of=reader.as_of(),
                checked=None if (look := reader.last_look()) is None else look.looked_at,
            )
