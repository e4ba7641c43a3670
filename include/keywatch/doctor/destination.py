"""Whether Log Analytics takes what is sent to it: the role, the streams, and a row that is a test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from keywatch.columns import iso_time, stable_id
from keywatch.doctor.model import Outcome, failed, passed
from keywatch.errors import DestinationNotFoundError
from keywatch.log_analytics.data_collector import DataCollector
from keywatch.log_analytics.destination import Destination
from keywatch.log_analytics.logs_ingestion import LogsIngestion
from keywatch.pipeline.audit import AuditRecord
from keywatch.staging import encode

NO_ACCOUNT: Final = "000000000000"
TEST: Final = "test"
REASON: Final = "A test by `keywatch doctor`: this row says that rows arrive, and nothing of an account."


def check_streams(streams: Mapping[str, LogsIngestion], rule_id: str) -> Outcome:
    """See whether a data collection rule takes our token for each stream. Nothing is stored.

    Args:
        streams: The destinations by the tables' names, at least one.
        rule_id: The rule, for messages.

    Raises:
        KeywatchError: The role is missing, there is no such rule, or it cannot be asked.
    """
    missing: dict[str, DestinationNotFoundError] = {}
    for table, destination in streams.items():
        try:
            destination.check()
        except DestinationNotFoundError as error:
            missing[table] = error
    if len(missing) == len(streams):
        raise next(iter(missing.values()))
    if missing:
        names = ", ".join(streams[table].name.rpartition("/")[2] for table in missing)
        return failed(
            f"The rule takes the token, but has no stream {names}.",
            f"Deploy the rule again as include/infra/azure has it or, if its streams have other names, enter those on "
            f"the connection. It is the tables of {', '.join(missing)} that would not be filled.",
            {"rule_id": rule_id, "missing": list(missing), "streams": len(streams)},
        )
    return passed(
        f"The rule takes the token for all {len(streams)} streams.", {"rule_id": rule_id, "streams": len(streams)}
    )


def check_workspace(collector: DataCollector, workspace_id: str) -> Outcome:
    """See whether a workspace takes our signature. Nothing is stored.

    Args:
        collector: Signs and sends.
        workspace_id: The workspace, for messages.

    Raises:
        KeywatchError: It does not, there is no such workspace, or it cannot be asked.
    """
    collector.check()
    return passed("The workspace takes the signature.", {"workspace_id": workspace_id})


def send_test_row(destination: Destination, now: datetime | None = None) -> Outcome:
    """Send a row of the audit table that says that it is a test.

    Args:
        destination: The audit table.
        now: The time now, UTC; None means to look.

    Raises:
        KeywatchError: It was not accepted.
    """
    record = row_of_no_account(now or datetime.now(UTC))
    line = encode(record)
    body = b"[" + (destination.encode(line) if destination.encode else line) + b"]"
    destination.send(body)
    return passed(
        f"One row with Status {TEST} was accepted; some minutes later it is in the audit table, with RunId "
        f"{record['RunId']}.",
        {"destination": destination.name, "run_id": record["RunId"], "record_id": record["RecordId"]},
    )


def row_of_no_account(now: datetime) -> AuditRecord:
    """Make the row: of no account, and of no run.

    Args:
        now: The time now, UTC.
    """
    moment = iso_time(now)
    run_id = f"doctor__{moment}"
    return AuditRecord(
        loggedDate=moment[:10],
        account_number=NO_ACCOUNT,
        Status=TEST,
        Reason=REASON,
        UserCount=0,
        KeyCount=0,
        RejectedCount=0,
        SnapshotTime=moment,
        RecordId=stable_id("r", NO_ACCOUNT, run_id),
        RunId=run_id,
    )
