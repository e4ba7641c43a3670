"""What the policy has found, out of the store."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, func, or_, select

from keywatch.access_keys.key_facts import KeyFacts
from keywatch.report.facts import key_facts
from keywatch.report.schema import accounts, findings, keys, known_moment, looks, moment

PER_PAGE: Final = 50
ROWS_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding. Moments are UTC.

    Attributes:
        id: The same for the same rule and key over the days.
        rule: The rule's id.
        kind: What kind of rule it is.
        severity: As the policy has it.
        control: What it is against, if anything.
        reason: Why, in a few words, as of when it was last found.
        proposes: Whether its rule asks for the key to be deactivated.
        first_found: When it was found first.
        first_run: The run that did.
        last_found: When it was found last.
        resolved: When it was no longer found; None while it is.
        key: The key, as it was last seen.
    """

    id: str
    rule: str
    kind: str
    severity: str
    control: str | None
    reason: str
    proposes: bool
    first_found: datetime
    first_run: str
    last_found: datetime
    resolved: datetime | None
    key: KeyFacts


@dataclass(frozen=True, slots=True)
class Look:
    """That every key was looked at by the policy. Moments are UTC.

    Attributes:
        run_id: The run that looked.
        looked_at: When.
        as_of: At the state of which report: when that listed its accounts.
        keys: Keys that were looked at.
        found: Findings.
        excused: What exceptions have left out.
    """

    run_id: str
    looked_at: datetime
    as_of: datetime
    keys: int
    found: int
    excused: int


@dataclass(frozen=True, slots=True)
class FindingQuery:
    """Which findings. What is None or false does not filter.

    Attributes:
        severity: As the policy has it.
        rule: The rule's id.
        owner: Who answers for the key, in full.
        unowned: Of keys for which nobody is known to answer.
        account: 12 digits.
        user_arn: Of one user.
        resolved: Those that are no longer found, instead of those that are.
    """

    severity: str | None = None
    rule: str | None = None
    owner: str | None = None
    unowned: bool = False
    account: str | None = None
    user_arn: str | None = None
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class FindingPage:
    """One page of a list of findings, the worst and oldest first."""

    rows: tuple[FindingRow, ...]
    number: int
    pages: int
    total: int


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many keys a rule has found, and since when."""

    rule: str
    kind: str
    severity: str
    control: str | None
    keys: int
    oldest: datetime


def read_findings(connection: Connection, query: FindingQuery, page: int) -> FindingPage:
    """Return one page of a list of findings; one that is too high is the last."""
    wanted = _conditions(query)
    joined = findings.join(keys, keys.c.key_id == findings.c.key_id)
    total = connection.scalar(select(func.count()).select_from(joined).where(*wanted)) or 0
    pages = max(1, math.ceil(total / PER_PAGE))
    number = min(max(page, 1), pages)
    order = (findings.c.rank, findings.c.first_found, findings.c.finding_id)
    if query.resolved:
        order = (findings.c.resolved.desc(), findings.c.finding_id)  # type: ignore[assignment]
    chosen = _whole().where(*wanted).order_by(*order).limit(PER_PAGE).offset((number - 1) * PER_PAGE)
    return FindingPage(tuple(_finding(row) for row in connection.execute(chosen)), number, pages, total)


def read_last_look(connection: Connection) -> Look | None:
    """Return when every key was last looked at; None if never."""
    row = connection.execute(select(looks).order_by(looks.c.looked_at.desc()).limit(1)).mappings().first()
    if row is None:
        return None
    at = {name: known_moment(row[name]) for name in ("looked_at", "as_of")}
    return Look(run_id=row["run_id"], keys=row["keys"], found=row["found"], excused=row["excused"], **at)


def count_rules(connection: Connection) -> tuple[RuleCount, ...]:
    """Count the findings that are open, by rule, the worst first."""
    rule = (findings.c.rule, findings.c.kind, findings.c.severity, findings.c.control, findings.c.rank)
    counted = (
        select(*rule, func.count().label("count"), func.min(findings.c.first_found).label("oldest"))
        .where(findings.c.resolved == 0)
        .group_by(*rule)
        .order_by(findings.c.rank, func.count().desc(), findings.c.rule)
    )
    return tuple(
        RuleCount(row.rule, row.kind, row.severity, row.control, row._mapping["count"], known_moment(row.oldest))  # noqa: SLF001 - public, named so that no column collides
        for row in connection.execute(counted)
    )


def findings_of_run(connection: Connection, run_id: str) -> Iterator[FindingRow]:
    """Yield what a run found, and what it found resolved, in the order of their ids."""
    of_run = or_(
        and_(findings.c.last_run == run_id, findings.c.resolved == 0),
        and_(findings.c.resolved_run == run_id, findings.c.resolved > 0),
    )
    yield from _stream(connection, _whole().where(of_run).order_by(findings.c.finding_id))


def findings_of_keys(connection: Connection, key_ids: Collection[str]) -> dict[str, tuple[FindingRow, ...]]:
    """Return what is found of some keys, by KeyId, the worst and oldest first, by one query."""
    chosen = _whole().where(findings.c.key_id.in_(key_ids), findings.c.resolved == 0)
    found: defaultdict[str, list[FindingRow]] = defaultdict(list)
    for row in connection.execute(chosen.order_by(findings.c.rank, findings.c.first_found, findings.c.finding_id)):
        found[row.key_id].append(_finding(row))
    return {key_id: tuple(rows) for key_id, rows in found.items()}


def new_findings(connection: Connection, run_id: str) -> Iterator[FindingRow]:
    """Yield what a run found first, by owner, the worst first, the oldest keys first."""
    of_run = (findings.c.first_run == run_id) & (findings.c.resolved == 0)
    order = (keys.c.owner, findings.c.rank, keys.c.created, findings.c.finding_id)
    yield from _stream(connection, _whole().where(of_run).order_by(*order))


def proposed_findings(connection: Connection, run_id: str) -> Iterator[FindingRow]:
    """Yield what a run found by rules that ask for deactivation, the worst first, the longest unused first."""
    of_run = (findings.c.last_run == run_id) & (findings.c.resolved == 0) & findings.c.proposes.is_(True)
    order = (findings.c.rank, keys.c.last_activity, findings.c.finding_id)
    yield from _stream(connection, _whole().where(of_run).order_by(*order))


def _whole() -> Select[Any]:
    name = select(accounts.c.name).where(accounts.c.account_id == keys.c.account_id).scalar_subquery()
    joined = findings.join(keys, keys.c.key_id == findings.c.key_id)
    of_finding = [column for column in findings.c if column.name != "key_id"]
    return select(*of_finding, keys, name.label("account_name")).select_from(joined)


def _stream(connection: Connection, chosen: Select[Any]) -> Iterator[FindingRow]:
    with closing(connection.execute(chosen, execution_options={"yield_per": ROWS_AT_ONCE})) as rows:
        for row in rows:
            yield _finding(row)


def _conditions(query: FindingQuery) -> list[Any]:
    equal = (
        (findings.c.severity, query.severity),
        (findings.c.rule, query.rule),
        (keys.c.owner, query.owner),
        (keys.c.account_id, query.account),
        (keys.c.user_arn, query.user_arn),
    )
    wanted: list[Any] = [findings.c.resolved > 0 if query.resolved else findings.c.resolved == 0]
    wanted += [column == value for column, value in equal if value is not None]
    return [*wanted, *[keys.c.owner.is_(None)] * query.unowned]


def _finding(row: Row[Any]) -> FindingRow:
    return FindingRow(
        id=row.finding_id,
        rule=row.rule,
        kind=row.kind,
        severity=row.severity,
        control=row.control,
        reason=row.reason,
        proposes=row.proposes,
        first_found=known_moment(row.first_found),
        first_run=row.first_run,
        last_found=known_moment(row.last_found),
        resolved=moment(row.resolved),
        key=key_facts(row),
    )
