"""What the policy finds of the keys in the store, into the store: in one transaction, user by user."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, case, func, select
from sqlalchemy.dialects import postgresql, sqlite

from keywatch.access_keys.findings import Excused, Finding, findings_of_user
from keywatch.access_keys.policy.model import SEVERITIES, Policy
from keywatch.errors import NoReportError
from keywatch.progress import Progress
from keywatch.report.chunks import chunks
from keywatch.report.engine import speaking_of
from keywatch.report.facts import users_keys
from keywatch.report.migrate import migrate
from keywatch.report.model import KEPT
from keywatch.report.schema import findings, known_moment, looks, runs, seconds
from keywatch.report.upsert import upsert

log = logging.getLogger(__name__)

ROWS_AT_ONCE: Final = 2_000


@dataclass(slots=True)
class FoundCounts:
    """What a run of the findings found.

    Attributes:
        as_of: The moment to which ages were counted: when the newest report listed its accounts, UTC.
        keys: Keys that were looked at.
        by_rule: Findings by the rule's id.
        by_severity: Findings by severity.
        excused: What would have been found but for an exception, by its place in the policy.
        new: Findings that were not there before.
        resolved: Findings that were there before, and are no longer.
    """

    as_of: datetime
    keys: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    by_severity: Counter[str] = field(default_factory=Counter)
    excused: Counter[int] = field(default_factory=Counter)
    new: int = 0
    resolved: int = 0


def write_findings(engine: Engine, policy: Policy, run_id: str, now: datetime) -> FoundCounts:
    """Look at every key that exists, and write what the rules find. Writing the same run again changes nothing.

    Args:
        engine: For writing.
        policy: The rules and exceptions.
        run_id: Of the run that looks.
        now: UTC; exceptions hold or not on this day.

    Raises:
        NoReportError: No report has been written yet.
        StoreSchemaError: The store is a later version's.
        StoreUnavailableError: It cannot be written; nothing of the run is in it then.
    """
    with speaking_of(engine):
        migrate(engine)
        with engine.begin() as connection:
            newest = connection.scalar(select(func.max(runs.c.listed_at)))
            if newest is None:
                raise NoReportError("There is no report yet. Run access_key_report first, and then this again.")
            counts = FoundCounts(as_of=known_moment(newest))
            for some in chunks(_found(connection, policy, now, counts), ROWS_AT_ONCE):
                _write(connection, [_row(each, run_id, seconds(now)) for each in some])
            _resolve(connection, run_id, seconds(now))
            _note(connection, counts, run_id, seconds(now))
            counts.new = _count(connection, findings.c.first_run == run_id, findings.c.resolved == 0)
            counts.resolved = _count(connection, findings.c.resolved_run == run_id, findings.c.resolved > 0)
            return counts


def _found(connection: Connection, policy: Policy, now: datetime, counts: FoundCounts) -> Iterator[Finding]:
    progress = Progress(log, "Looked at")
    for keys in users_keys(connection):
        counts.keys += len(keys)
        progress.tick(keys=counts.keys)
        for each in findings_of_user(keys, policy, counts.as_of, now.date()):
            if isinstance(each, Excused):
                counts.excused[policy.exceptions.index(each.exception)] += 1
            else:
                counts.by_rule[each.rule.id] += 1
                counts.by_severity[each.rule.severity] += 1
                yield each


def _row(found: Finding, run_id: str, now: int) -> dict[str, Any]:
    rule = found.rule
    return {
        "finding_id": found.id,
        "key_id": found.key.key_id,
        "rule": rule.id,
        "kind": rule.kind,
        "severity": rule.severity,
        "rank": SEVERITIES.index(rule.severity),
        "control": rule.against,
        "reason": found.reason,
        "proposes": rule.proposes,
        "first_found": now,
        "first_run": run_id,
        "last_found": now,
        "last_run": run_id,
        "resolved": 0,
        "resolved_run": None,
    }


def _write(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Write findings; one that was there, and was not resolved, keeps when it was found first."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(findings)
    new, old = statement.excluded, findings.c
    changed: dict[str, Any] = {name: new[name] for name in rows[0] if name != "finding_id"}
    for name in ("first_found", "first_run"):
        changed[name] = case((old.resolved > 0, new[name]), else_=old[name])
    connection.execute(statement.on_conflict_do_update(index_elements=["finding_id"], set_=changed), rows)


def _resolve(connection: Connection, run_id: str, now: int) -> None:
    """Mark as resolved what this run has not found, and forget what was long ago."""
    gone = (findings.c.resolved == 0) & (findings.c.last_run != run_id)
    connection.execute(findings.update().where(gone).values(resolved=now, resolved_run=run_id))
    oldest = now - int(KEPT.total_seconds())
    connection.execute(findings.delete().where(findings.c.resolved > 0, findings.c.resolved < oldest))


def _note(connection: Connection, counts: FoundCounts, run_id: str, now: int) -> None:
    """Note that every key was looked at."""
    row = {
        "run_id": run_id,
        "looked_at": now,
        "as_of": seconds(counts.as_of),
        "keys": counts.keys,
        "found": counts.by_rule.total(),
        "excused": counts.excused.total(),
    }
    upsert(connection, looks, [row], key=["run_id"])
    connection.execute(looks.delete().where(looks.c.looked_at < now - int(KEPT.total_seconds())))


def _count(connection: Connection, *conditions: Any) -> int:  # noqa: ANN401 - conditions of SQLAlchemy's
    return int(connection.scalar(select(func.count()).select_from(findings).where(*conditions)) or 0)
