"""What was proposed, what was decided, and what became of each key, out of the store."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, case, func, literal_column, select

from keywatch.report.proposals import ProposalState, Result, proposal_state
from keywatch.report.schema import accounts, deactivations, moment, proposals

PER_PAGE: Final = 20


@dataclass(frozen=True, slots=True)
class DeactivationRow:
    """One key of a proposal. Moments are UTC.

    Attributes:
        proposal: What was decided about all of its keys.
        key_id: KeyId.
        access_key_id: First and last four characters.
        account_id: 12 digits.
        account_name: Its name in the organisation, if known.
        user_name: Whose it is.
        user_arn: The same, in full.
        owner: Who answered for it when it was proposed; None if nobody was known.
        rule: The rule that is about it.
        found: Why it was proposed.
        result: How it ended; None if it was not tried.
        reason: Why it did not end as approved.
        ended: When it ended.
        attempted: When AWS was asked to deactivate it; None if it was not.
    """

    proposal: ProposalState
    key_id: str
    access_key_id: str
    account_id: str
    account_name: str | None
    user_name: str
    user_arn: str
    owner: str | None
    rule: str
    found: str
    result: Result | None
    reason: str | None
    ended: datetime | None
    attempted: datetime | None


@dataclass(frozen=True, slots=True)
class ProposalPage:
    """One page of the proposals, newest first."""

    rows: tuple[ProposalState, ...]
    number: int
    pages: int
    total: int


def read_proposals(connection: Connection, page: int) -> ProposalPage:
    """Return one page of the proposals; one that is too high is the last."""
    total = connection.scalar(select(func.count()).select_from(proposals)) or 0
    pages = max(1, math.ceil(total / PER_PAGE))
    number = min(max(page, 1), pages)
    chosen = select(proposals).order_by(proposals.c.created.desc(), proposals.c.sha256)
    rows = connection.execute(chosen.limit(PER_PAGE).offset((number - 1) * PER_PAGE))
    return ProposalPage(tuple(proposal_state(row) for row in rows), number, pages, total)


def count_results(connection: Connection, proposed: Collection[str]) -> dict[str, dict[Result | None, int]]:
    """Count the keys of some proposals by how they ended; None counts those of which nothing was tried.

    What has no result, though AWS was asked, counts as unknown.
    """
    key = deactivations.c
    result = case((key.result.is_(None) & (key.attempted > 0), literal_column("'unknown'")), else_=key.result)
    named = select(key.sha256, result.label("result")).where(key.sha256.in_(proposed)).subquery()
    chosen = select(named, func.count().label("count"))
    found: dict[str, dict[Result | None, int]] = {}
    for row in connection.execute(chosen.group_by(named.c.sha256, named.c.result)):
        found.setdefault(row.sha256, {})[row.result] = row._mapping["count"]  # noqa: SLF001 - public, named so that no column collides
    return found


def deactivations_of(connection: Connection, sha256: str) -> tuple[DeactivationRow, ...]:
    """Return the keys of a proposal, by account and user."""
    order = (deactivations.c.account_id, deactivations.c.user_name, deactivations.c.key_id)
    return _rows(connection, _whole().where(deactivations.c.sha256 == sha256).order_by(*order))


def deactivations_of_user(connection: Connection, user_arn: str, limit: int = 50) -> tuple[DeactivationRow, ...]:
    """Return what was proposed of a user's keys, newest first."""
    of_user = _whole().where(deactivations.c.user_arn == user_arn)
    return _rows(connection, of_user.order_by(proposals.c.created.desc(), deactivations.c.key_id).limit(limit))


def _whole() -> Select[Any]:
    name = select(accounts.c.name).where(accounts.c.account_id == deactivations.c.account_id).scalar_subquery()
    joined = deactivations.join(proposals, proposals.c.sha256 == deactivations.c.sha256)
    of_key = [column for column in deactivations.c if column.name != "sha256"]
    return select(proposals, *of_key, name.label("account_name")).select_from(joined)


def _rows(connection: Connection, chosen: Select[Any]) -> tuple[DeactivationRow, ...]:
    return tuple(_row(row) for row in connection.execute(chosen))


def _row(row: Row[Any]) -> DeactivationRow:
    return DeactivationRow(
        proposal=proposal_state(row),
        key_id=row.key_id,
        access_key_id=row.access_key_id,
        account_id=row.account_id,
        account_name=row.account_name,
        user_name=row.user_name,
        user_arn=row.user_arn,
        owner=row.owner,
        rule=row.rule,
        found=row.found,
        result=row.result,
        reason=row.reason,
        ended=moment(row.ended),
        attempted=moment(row.attempted),
    )
