"""Memory does not grow with the number of keys: the peaks of 100,000 and of 1,000,000 records, side by side.

What runs is measured, each time in a fresh process: raw rows lie in a staged file, `transform_batch` makes the file of
records, `deliver` sends it, four chunks in flight, to a destination of the Data Collector's limits that signs, counts
and accepts at once; or after a second, as over a network, so that four bodies really are in memory at once.

The row `imports only` is a process that imports the same modules and does nothing.
"""

from __future__ import annotations

import base64
import secrets
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.harness import (
    Demand,
    Figure,
    Measured,
    Note,
    Row,
    Stopwatch,
    in_fresh_process,
    report,
    stopwatch,
)
from tests.benchmarks.records import ACCOUNT, RUN_ID, SNAPSHOT, raw_rows

if TYPE_CHECKING:
    from keywatch.log_analytics.destination import Limits, Sent
    from keywatch.log_analytics.shared_key import SharedKey
    from keywatch.pipeline.folders import RunFolder
    from keywatch.pipeline.manifests import ExtractedBatch

NAME: Final = "memory"
TITLE: Final = "transforming staged rows and sending them to the Data Collector, signed"
SIZES: Final = (100_000, 1_000_000)
MOST_GROWTH: Final = 1.3
"""Peak memory of the larger size may be this many times that of the smaller one."""
IN_FLIGHT: Final = 4
SLOW_SECONDS: Final = 1.0
SNAPSHOT_TEXT: Final = SNAPSHOT.strftime("%Y-%m-%dT%H:%M:%SZ")

AT_ONCE: Final = "answers at once"
SLOWLY: Final = "answers after 1 s"
CASES: Final = (AT_ONCE, SLOWLY)


def benchmark() -> Iterator[Note | Row]:
    """Measure every case with both sizes."""
    bare = in_fresh_process(__name__, "imports only", "0")
    yield Note("Chunks of the Data Collector's usual size, eight in flight.")
    yield Row("imports only", {"records": None, "seconds": None, "records/s": None, "peak MB": bare.peak_mb})
    for way in CASES:
        smaller, larger = (in_fresh_process(__name__, way, str(size)) for size in SIZES)
        yield Row(f"{way}, {SIZES[0]:,}", _figures(SIZES[0], smaller))
        growth = Demand(f"peak memory, of that of {SIZES[0]:,}", larger.peak_mb / smaller.peak_mb, MOST_GROWTH)
        yield Row(f"{way}, {SIZES[1]:,}", _figures(SIZES[1], larger), (growth,))


def _figures(size: int, measured: Measured) -> dict[str, Figure]:
    return {
        "records": size,
        "seconds": measured.seconds,
        "records/s": size / measured.seconds,
        "peak MB": measured.peak_mb,
    }


def staged(count: int, answer_seconds: float = 0.0) -> Stopwatch:
    """Transform and deliver staged files; making the raw rows is not timed."""
    from keywatch.log_analytics.delivery import deliver
    from keywatch.log_analytics.receipts import ReceiptBook
    from keywatch.pipeline.folders import RunFolder
    from keywatch.pipeline.transform import transform_batch

    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder), RUN_ID)
        extracted = stage_raw(run, count)
        destination = SigningDestination(answer_seconds)
        with stopwatch() as watch:
            transform_batch(extracted, run)
            batch = run.batch(0)
            receipts = ReceiptBook.of(batch.receipts, destination)
            done = deliver(batch.records, receipts, destination, reject=print, in_flight=IN_FLIGHT)
    assert done.accepted == count
    return watch


def imports_only(count: int) -> Stopwatch:
    """Import what the others import, and do nothing."""
    from keywatch.log_analytics import data_collector
    from keywatch.pipeline import load, transform

    del data_collector, load, transform, count
    return Stopwatch()


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


def stage_raw(run: RunFolder[Path], count: int) -> ExtractedBatch:
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
            action=None,
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


WAYS: Final[dict[str, Callable[[int], Stopwatch]]] = {
    "imports only": imports_only,
    AT_ONCE: staged,
    SLOWLY: lambda count: staged(count, SLOW_SECONDS),
}


def main(way: str, count: str) -> None:
    """Measure one case, in this process."""
    report(WAYS[way](int(count)))


if __name__ == "__main__":
    main(*sys.argv[1:])
