"""Findings, step 1: look at every key by the policy, and stage what there is to say of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypedDict

from keywatch.access_keys.key_facts import KeyFacts
from keywatch.access_keys.policy.model import Policy
from keywatch.access_keys.record import FindingRecord
from keywatch.columns import iso_time, stable_id
from keywatch.errors import IncompleteReportError
from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.deliver_file import StagedFile, deliver_file
from keywatch.pipeline.folders import RunFolder
from keywatch.progress import Progress
from keywatch.report.engine import speaking_of
from keywatch.report.read_findings import FindingRow, findings_of_run
from keywatch.report.write_findings import FoundCounts, write_findings
from keywatch.staging import check_file, encode, line_writer

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger(__name__)

FILE: Final = "findings.ndjson"


class Found(TypedDict):
    """What a run found: the moment to which ages count, numbers, and the SHA-256 of what is staged for delivery."""

    as_of: str
    keys: int
    open: int
    new: int
    resolved: int
    excused: int
    by_severity: dict[str, int]
    by_rule: dict[str, int]
    count: int
    sha256: str


def find(store: Engine, policy: Policy, run: RunFolder[Any], now: datetime) -> Found:
    """Write findings into the store, and stage a record of each that is open, or has been resolved by this run.

    Args:
        store: The report store, for writing.
        policy: The rules and exceptions.
        run: The run's folder.
        now: UTC.

    Raises:
        NoReportError: No report has been written yet.
        StoreUnavailableError: The store cannot be written.
        StagingUnavailableError: Staging cannot be written.
    """
    counts = write_findings(store, policy, run.run_id, now)
    run.start(iso_time(now))
    progress = Progress(log, "Staged")
    with (
        line_writer(run.folder / FILE) as lines,
        speaking_of(store),
        store.begin() as connection,
    ):
        for row in findings_of_run(connection, run.run_id):
            lines.write(encode(finding_record(row, counts.as_of, run.run_id, now)))
            progress.tick(findings=lines.count)
    _tell_of_exceptions(policy, counts, now)
    return Found(
        as_of=iso_time(counts.as_of),
        keys=counts.keys,
        open=sum(counts.by_rule.values()),
        new=counts.new,
        resolved=counts.resolved,
        excused=sum(counts.excused.values()),
        by_severity=dict(counts.by_severity),
        by_rule=dict(counts.by_rule),
        count=lines.count,
        sha256=lines.sha256,
    )


def load_findings(found: Found, run: RunFolder[Any], destinations: Sequence[Destination]) -> int:
    """Deliver the records of a run's findings to each destination that has given no receipt for them.

    Args:
        found: What the run found.
        run: The run's folder.
        destinations: The tables of findings; none is fine.

    Returns:
        How many records every destination has accepted, in this attempt or before.

    Raises:
        IncompleteReportError: Some were rejected, and are in the dead letters.
        StagingGoneError: The records are no longer there.
        StagingDamagedError: The records are not what was written.
        KeywatchError: A destination's.
    """
    path = run.folder / FILE
    check_file(path, found["sha256"])
    file = StagedFile(path, run.folder / "findings-receipts", "findings", "account_number")
    done = deliver_file(file, run, destinations)
    if missing := done.rejected_in_all:
        raise IncompleteReportError(
            f"{missing} of {found['count']} findings were not accepted: they are in the dead letters, with reasons."
        )
    return done.accepted or 0


def finding_record(row: FindingRow, as_of: datetime, run_id: str, now: datetime) -> FindingRecord:
    """Make the record of a finding.

    Args:
        row: The finding.
        as_of: The moment to which ages are counted, UTC.
        run_id: The run.
        now: When the run looked, UTC.
    """
    state, snapshot_time = "resolved" if row.resolved else "open", iso_time(now)
    record = {
        "loggedDate": snapshot_time[:10],
        "State": state,
        "Rule": row.rule,
        "Kind": row.kind,
        "Severity": row.severity,
        "Control": row.control,
        "Reason": row.reason,
        **_key(row.key, as_of),
        "FirstFound": iso_time(row.first_found),
        "LastSeen": iso_time(row.key.last_seen),
        "SnapshotTime": snapshot_time,
        "KeyId": row.key.key_id,
        "FindingId": row.id,
        "RecordId": stable_id("r", row.id, state, snapshot_time[:10]),
        "RunId": run_id,
    }
    return {name: value for name, value in record.items() if value is not None}  # type: ignore[return-value]


def _key(key: KeyFacts, as_of: datetime) -> dict[str, Any]:
    return {
        "account_number": key.account_id,
        "AccountName": key.account_name,
        "user": key.user_name,
        "UserArn": key.user_arn,
        "AccessKeyId": key.access_key_id,
        "Status": key.status,
        "CreateDate": key.created and iso_time(key.created),
        "LastUsedDate": key.last_used and iso_time(key.last_used),
        "KeyAgeDays": key.age_days(as_of),
        "IdleDays": key.idle_days(as_of),
        "Owner": key.owner,
        "OwnerSource": key.owner_source,
    }


def _tell_of_exceptions(policy: Policy, counts: FoundCounts, now: datetime) -> None:
    expired = policy.expired(now.date())
    for number, exception in enumerate(policy.exceptions):
        if exception in expired:
            log.warning(
                "exceptions[%s] of the policy expired on %s and holds no more: remove it, or renew it. It said: %s",
                *(number, exception.expires, exception.reason),
            )
        else:
            log.info(
                "exceptions[%s] of the policy, until %s: %s findings are left out",
                *(number, exception.expires, counts.excused[number]),
            )
