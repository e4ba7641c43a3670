"""Memory does not grow with the number of keys: the peaks of 100,000 and of 1,000,000 records, side by side.

Three ways are measured, each in a fresh process, with the limit in use and with 1,000,000 bytes:

- `stream`: raw rows, made lazily -> record -> JSON -> chunk -> body -> SharedKey signature. No file, no thread.
- `staged`: what runs. Raw rows lie in a staged file, `transform_batch` makes the file of records, `deliver` sends it,
  four chunks in flight, to a destination that signs, counts and accepts at once.
- `staged, slow answers`: the same, but each body is accepted after a second, as over a network, so that four bodies
  really are in memory at once. Only with the default limit, where that is most.

The row `baseline` is a process that imports the same modules and does nothing.
"""

from __future__ import annotations

import base64
import secrets
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.harness import Demand, Row, in_fresh_process, report

if TYPE_CHECKING:
    from keywatch.access_keys.record import RawAccessKey
    from keywatch.log_analytics.destination import Limits, Sent
    from keywatch.log_analytics.shared_key import SharedKey
    from keywatch.pipeline.folders import RunFolder
    from keywatch.pipeline.manifests import ExtractedBatch

NAME: Final = "memory"
SIZES: Final = (100_000, 1_000_000)
MOST_GROWTH: Final = 1.3
"""Peak memory of the larger size may be this many times that of the smaller one."""
DATA_COLLECTOR_LIMIT: Final = 29_000_000
DEFAULT_LIMIT: Final = 5_000_000
"""The Data Collector's usual; its module is not imported here: a child's peak counts its parent's memory."""
SMALL_LIMIT: Final = 1_000_000
IN_FLIGHT: Final = 4
SLOW_SECONDS: Final = 1.0
ACCOUNT: Final = "123456789012"
RUN_ID: Final = "scheduled__2026-10-01T00:00:00+00:00"
SNAPSHOT: Final = datetime(2026, 10, 1, tzinfo=UTC)
SNAPSHOT_TEXT: Final = "2026-10-01T00:00:00Z"

CASES: Final = (
    ("stream", DATA_COLLECTOR_LIMIT),
    ("stream", SMALL_LIMIT),
    ("staged", DEFAULT_LIMIT),
    ("staged", SMALL_LIMIT),
    ("staged, slow answers", DEFAULT_LIMIT),
)


def benchmark() -> Iterator[Row]:
    """Measure every case with both sizes."""
    bare = in_fresh_process(__name__, "baseline", "0", "0")
    yield Row(NAME, "baseline: imports only", 0, bare.seconds, bare.peak_mb)
    for way, limit in CASES:
        smaller, larger = (in_fresh_process(__name__, way, str(limit), str(size)) for size in SIZES)
        case = f"{way}; chunks of {limit:,} bytes"
        yield Row(NAME, case, SIZES[0], smaller.seconds, smaller.peak_mb)
        growth = Demand("1,000,000 : 100,000 =", larger.peak_mb / smaller.peak_mb, MOST_GROWTH)
        yield Row(NAME, case, SIZES[1], larger.seconds, larger.peak_mb, growth)


def raw_rows(count: int) -> Iterator[RawAccessKey]:
    """Make raw rows as `extract` stages them, one at a time."""
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
            "last_used_date": SNAPSHOT_TEXT if used else None,
            "last_used_region": "eu-central-1" if used else "N/A",
            "last_used_service": "s3" if used else "N/A",
            "last_used_source": "exact",
            "snapshot_time": SNAPSHOT_TEXT,
        }


def stream(limit: int, count: int) -> float:
    """Transform, pack and sign without a file; return the seconds that took."""
    from keywatch.access_keys.transform import transform_row
    from keywatch.log_analytics.chunk import Chunk, pack
    from keywatch.log_analytics.gauge import BodyGauge
    from keywatch.staging import encode

    destination = SigningDestination()
    began = time.monotonic()
    records = enumerate(encode(transform_row(raw, RUN_ID)) for raw in raw_rows(count))
    packed = 0
    for chunk in pack(records, BodyGauge(limit)):
        assert isinstance(chunk, Chunk)
        destination.send(chunk.body())
        packed += chunk.count
    assert packed == count
    return time.monotonic() - began


def staged(limit: int, count: int, answer_seconds: float = 0.0) -> float:
    """Transform and deliver staged files; return the seconds that took, without making the raw rows."""
    from keywatch.log_analytics.delivery import deliver
    from keywatch.pipeline.folders import RunFolder
    from keywatch.pipeline.transform import transform_batch

    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder), RUN_ID)
        extracted = stage(run, count)
        destination = SigningDestination(answer_seconds)
        began = time.monotonic()
        transform_batch(extracted, run)
        batch = run.batch(0)
        done = deliver(
            batch.records, batch.receipts(destination), destination, reject=print, limit=limit, in_flight=IN_FLIGHT
        )
        seconds = time.monotonic() - began
    assert done.accepted == count
    return seconds


def baseline(limit: int, count: int) -> float:
    """Import what the others import, and do nothing."""
    from keywatch.log_analytics import data_collector
    from keywatch.pipeline import load, transform

    del data_collector, load, transform, limit, count
    return 0.0


class SigningDestination:
    """A destination that signs what it is given and accepts it.

    Args:
        answer_seconds: How long each body takes to be accepted.
    """

    def __init__(self, answer_seconds: float = 0.0) -> None:
        from keywatch.log_analytics.data_collector_answers import MAX_BYTES

        self._max_bytes = MAX_BYTES
        self._key = new_key()
        self._answer_seconds = answer_seconds

    @property
    def name(self) -> str:
        """One table."""
        return "memory"

    @property
    def limits(self) -> Limits:
        """The Data Collector's own limits."""
        from keywatch.log_analytics.data_collector import USUAL_BYTES
        from keywatch.log_analytics.destination import Limits

        return Limits(body=self._max_bytes, usual=USUAL_BYTES)

    @property
    def encode(self) -> None:
        """Records are taken as they are staged."""
        return None

    def send(self, body: bytes) -> Sent:
        """Sign a body; holds it until it is accepted."""
        from keywatch.log_analytics.destination import Sent

        self._key.headers(body, datetime.now(UTC))
        time.sleep(self._answer_seconds)
        return Sent()


def new_key() -> SharedKey:
    """Make a shared key as long as a workspace's."""
    from keywatch.log_analytics.shared_key import SharedKey

    return SharedKey(str(uuid.uuid4()), base64.b64encode(secrets.token_bytes(64)).decode())


def stage(run: RunFolder[Path], count: int) -> ExtractedBatch:
    """Stage an account's raw rows, as `extract` does."""
    from keywatch.pipeline.manifests import AccountOutcome, AccountRef, Batch, ExtractedBatch
    from keywatch.staging import encode, line_writer

    run.start(SNAPSHOT_TEXT)
    folder = run.batch(0)
    with line_writer(folder.raw(ACCOUNT)) as rows:
        for raw in raw_rows(count):
            rows.write(encode(raw))
    folder.write_outcome(
        AccountOutcome(
            id=ACCOUNT,
            name=None,
            status="ok",
            reason=None,
            users=count,
            keys=count,
            gone=0,
            snapshot_time=SNAPSHOT_TEXT,
            sha256=rows.sha256,
        )
    )
    batch = Batch(number=0, accounts=[AccountRef(id=ACCOUNT, name=None)], listed_at=SNAPSHOT_TEXT)
    return ExtractedBatch(batch=batch, keys=count)


WAYS: Final[dict[str, Callable[[int, int], float]]] = {
    "baseline": baseline,
    "stream": stream,
    "staged": staged,
    "staged, slow answers": lambda limit, count: staged(limit, count, SLOW_SECONDS),
}


def main(way: str, limit: str, count: str) -> None:
    """Measure one case, in this process."""
    report(WAYS[way](int(limit), int(count)))


if __name__ == "__main__":
    main(*sys.argv[1:])
