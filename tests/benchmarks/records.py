"""Generated rows of access keys, as `extract` stages them, and records, as `transform` does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from keywatch.access_keys.record import RawAccessKey

ACCOUNT: Final = "123456789012"
SNAPSHOT: Final = datetime.now(UTC).replace(microsecond=0)
"""The service takes no rows of long ago, so they were read just now."""
RUN_ID: Final = "scheduled__2026-10-01T00:00:00+00:00"


def raw_rows(count: int) -> Iterator[RawAccessKey]:
    """Make raw rows as `extract` stages them, one at a time; in one process always the same."""
    snapshot_text = SNAPSHOT.strftime("%Y-%m-%dT%H:%M:%SZ")
    for number in range(count):
        name = f"{'jürgen' if number % 7 == 0 else 'service'}.{number:07d}@example.com"
        used = number % 3 != 0
        yield {
            "account_name": "production",
            "user_name": name,
            "user_arn": f"arn:aws:iam::{ACCOUNT}:user/engineering/{name}",
            "access_key_id": f"AKIA...{number % 10_000:04d}",
            "slot": 1,
            "status": "Active" if number % 5 else "Inactive",
            "create_date": (SNAPSHOT - timedelta(hours=number % 40_000)).isoformat(),
            "last_used_date": snapshot_text if used else None,
            "last_used_region": "eu-central-1" if used else "N/A",
            "last_used_service": "s3" if used else "N/A",
            "last_used_source": "exact",
            "snapshot_time": snapshot_text,
        }


def records(count: int) -> Iterator[Any]:
    """Make records, one at a time."""
    from keywatch.access_keys.transform import transform_row

    return (transform_row(raw, RUN_ID) for raw in raw_rows(count))


def stage(path: Path, count: int) -> None:
    """Write records to a staged file."""
    from keywatch.staging import encode, line_writer

    with line_writer(path) as lines:
        for record in records(count):
            lines.write(encode(record))
