"""Findings, step 4, whatever happened before: say what was decided, and what became of each key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from keywatch.access_keys.record import DeactivationRecord
from keywatch.columns import iso_time, stable_id
from keywatch.errors import DeactivationsFailedError, IncompleteReportError
from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.deactivate import Answer
from keywatch.pipeline.deliver_file import StagedFile, deliver_file
from keywatch.pipeline.folders import RunFolder
from keywatch.report.engine import speaking_of
from keywatch.report.proposals import Proposals, State
from keywatch.report.read_deactivations import DeactivationRow, deactivations_of
from keywatch.staging import encode, line_writer

if TYPE_CHECKING:
    from sqlalchemy import Engine

NAMED: Final = 20
"""Keys that an error names."""

WRONG: Final = {
    "altered": "the proposal's file was altered after it was shown. See the log of task deactivate.",
    "refused": "the approval does not count. See the log of task deactivate.",
    "failed": "the request or what follows it failed. See the logs of tasks approve and deactivate; the next report "
    "asks again.",
}
"""What a proposal may end in that needs somebody."""

NO_RESULT: Final = (
    "not tried: see the log of task deactivate",
    "AWS was asked to, and its answer is not known; look at the key, and see the log of task deactivate",
)
"""What is said of an approved key without a result: of one that AWS was not asked about, and of one that it was."""

DONE: Final = ("deactivated", "would_deactivate", "refused")


def record_decision(
    sha256: str,
    answer: Answer | None,
    run: RunFolder[Any],
    store: Engine,
    destinations: Sequence[Destination],
    *,
    now: datetime,
) -> dict[str, int]:
    """Close the proposal if nobody has, and deliver a row for each of its keys.

    Args:
        sha256: The proposal.
        answer: What was answered, by a person or, without one, by the request's default; None if it failed before.
        run: The run's folder.
        store: The report store, for writing.
        destinations: The tables of deactivations; none is fine.
        now: UTC.

    Returns:
        How many keys ended how.

    Raises:
        DeactivationsFailedError: Keys that were approved could not be deactivated; the message names them. Or nothing
            was tried, since the request failed, or the approval does not count.
        StoreUnavailableError: The store cannot be written.
        IncompleteReportError: Rows were rejected, and are in the dead letters.
        KeywatchError: The rows could not be delivered.
    """
    user = (answer["user_id"], answer["user_name"]) if answer else (None, None)
    Proposals(store).decide(sha256, _decision(answer), now, *user)
    with speaking_of(store), store.begin() as connection:
        rows = deactivations_of(connection, sha256)
    missing = _deliver(rows, run, destinations, now)
    ended: dict[str, int] = {}
    for row in rows:
        ended[_result(row)] = ended.get(_result(row), 0) + 1
    _check(rows)
    if missing:
        raise IncompleteReportError(
            f"{missing} of {len(rows)} rows of deactivations were not accepted: they are in the dead letters, with "
            "reasons."
        )
    return ended


def _decision(answer: Answer | None) -> State:
    """Say how a proposal that is still open was decided; that a newer run closed it is in the store already."""
    if answer is None or answer["approved"]:
        return "failed"
    return "rejected" if answer["user_id"] else "timed_out"


def deactivation_record(row: DeactivationRow, run_id: str, now: datetime) -> DeactivationRecord:
    """Make the record of one key of a proposal.

    Args:
        row: The key, and what was decided.
        run_id: The run.
        now: UTC; what counts for a key that was tried is when that ended.
    """
    moment = iso_time(row.ended or row.proposal.decided or now)
    record = {
        "loggedDate": moment[:10],
        "Proposal": row.proposal.sha256,
        "DryRun": row.proposal.dry_run or row.result == "would_deactivate",
        "Decision": row.proposal.state,
        "DecidedBy": row.proposal.decided_by,
        "DecidedById": row.proposal.decided_by_id,
        "DecidedTime": row.proposal.decided and iso_time(row.proposal.decided),
        "Result": _result(row),
        "Reason": row.reason,
        "Rule": row.rule,
        "account_number": row.account_id,
        "AccountName": row.account_name,
        "user": row.user_name,
        "UserArn": row.user_arn,
        "AccessKeyId": row.access_key_id,
        "Owner": row.owner,
        "SnapshotTime": moment,
        "KeyId": row.key_id,
        "RecordId": stable_id("r", row.proposal.sha256, row.key_id),
        "RunId": run_id,
    }
    return {name: value for name, value in record.items() if value is not None}  # type: ignore[return-value]


def _result(row: DeactivationRow) -> str:
    return row.result or ("unknown" if row.attempted else "not_attempted")


def _deliver(
    rows: Sequence[DeactivationRow], run: RunFolder[Any], destinations: Sequence[Destination], now: datetime
) -> int:
    """Deliver the rows, and count those that a destination cannot take, which are in the dead letters."""
    path = run.folder / "deactivations.ndjson"
    with line_writer(path) as lines:
        for row in rows:
            lines.write(encode(deactivation_record(row, run.run_id, now)))
    file = StagedFile(path, run.folder / "deactivation-receipts", "deactivations", "account_number")
    return deliver_file(file, run, destinations).rejected_in_all


def _check(rows: Sequence[DeactivationRow]) -> None:
    """Fail if anything was approved, and not done, or if something went wrong before."""
    state = rows[0].proposal.state if rows else "open"
    if state in WRONG:
        raise DeactivationsFailedError(f"Nothing was deactivated: {WRONG[state]}")
    missed = [row for row in rows if row.proposal.state == "approved" and _result(row) not in DONE]
    if not missed:
        return
    named = [
        f"- {row.access_key_id} of {row.user_arn}: {row.reason or NO_RESULT[row.attempted is not None]}"
        for row in missed[:NAMED]
    ]
    more = [f"- and {len(missed) - NAMED} more, on the page and in AWS_Access_Key_Deactivation_CL"]
    who = rows[0].proposal.decided_by
    may_be = ", or are not known to be" * any(_result(row) == "unknown" for row in missed)
    summary = (
        f"Of {len(rows)} keys that {who} has approved, these {len(missed)} were not deactivated{may_be}. Do what is "
        "said of each; the next proposal has them again:"
    )
    raise DeactivationsFailedError("\n".join([summary, *named, *more * (len(missed) > NAMED)]))
