"""The log of every request: what was asked and answered, and nothing that could authenticate anybody."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localcloud.model import RequestRecord, utc_text

if TYPE_CHECKING:
    from localcloud.http1 import Request
    from localcloud.service import Call

FILTERS = frozenset(
    {
        *("host", "method", "path", "action", "account", "user", "access_key_id", "status", "error", "fault"),
        *("log_type", "detail"),
    }
)

RECORD_IDS = ("RecordId", "RecordId_s")
"""What a record's id is called: as a field of the Data Collector, and as a column."""


class RequestLog:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._records: list[RequestRecord] = []
        self._lock = threading.Lock()

    def add(self, record: RequestRecord) -> None:
        """Add a record at the end."""
        with self._lock:
            self._records.append(record)

    def clear(self) -> None:
        """Forget all records."""
        with self._lock:
            self._records.clear()

    def select(self, filters: dict[str, str]) -> list[RequestRecord]:
        """List the records whose fields, as text, equal the filters.

        Raises:
            ValueError: a filter names a field that cannot be filtered by.
        """
        unknown = sorted(set(filters) - FILTERS)
        if unknown:
            raise ValueError(f"Requests cannot be filtered by {', '.join(unknown)}; by {', '.join(sorted(FILTERS))}")
        with self._lock:
            records = list(self._records)
        return [
            record for record in records if all(str(getattr(record, name)) == value for name, value in filters.items())
        ]


def describe(request: Request, call: Call) -> RequestRecord:
    """Write down a request, before it is answered."""
    return RequestRecord(
        time=utc_text(datetime.now(UTC)),
        host=call.host,
        method=request.method,
        path=request.path,
        action=call.action,
        account=call.account,
        user=call.user,
        access_key_id=call.access_key_id,
        body_bytes=request.body_bytes,
        body_sha256=None if request.too_large else hashlib.sha256(request.body).hexdigest(),
        log_type=call.log_type,
        records=len(call.payload) if isinstance(call.payload, list) else None,
        record_ids=tuple(_record_ids(call.payload)),
        raw_bytes=call.raw_bytes,
        detail=call.detail,
    )


def refused_tunnel(host: str, status: int | None, error: str, fault: str | None = None) -> RequestRecord:
    """Write down a CONNECT that led nowhere."""
    return RequestRecord(utc_text(datetime.now(UTC)), host, "CONNECT", "", status=status, error=error, fault=fault)


def answered(record: RequestRecord, status: int | None, error: str | None, faults: list[str]) -> RequestRecord:
    """Complete a record with the answer."""
    return dataclasses.replace(record, status=status, error=error, fault="+".join(faults) or None)


def _record_ids(payload: Any) -> list[str]:  # noqa: ANN401 - whatever was sent
    if not isinstance(payload, list):
        return []
    records = [each for each in payload if isinstance(each, dict)]
    return [str(each[name]) for each in records for name in RECORD_IDS if name in each]
