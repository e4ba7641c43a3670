"""From staged records to bodies for the Logs Ingestion API, against the splitter of Azure's own SDK.

The baseline is what `azure-monitor-ingestion` makes of a list of rows: split, serialised and compressed by
`_create_gzip_requests`. The rows are renamed to their columns for both; ours are packed from staged lines and
compressed as they would be sent. Requests are counted, since each costs a round trip, and compared.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.benchmarks.harness import Demand, Row, in_fresh_process, report
from tests.benchmarks.memory import RUN_ID, raw_rows

NAME: Final = "ingestion"
COUNT: Final = 100_000
MOST_SECONDS: Final = {"documented": 1.0, "wire": 1.5}
"""Of the SDK's time. By the wire, each record is compressed twice: to measure it, and to send it."""


def benchmark() -> Iterator[Row]:
    """Measure the SDK's splitter and both of our packings on the same rows."""
    baseline = in_fresh_process(__name__, "sdk")
    yield Row(NAME, "baseline: the SDK's splitter", COUNT, baseline.seconds, baseline.peak_mb)
    for mode, most in MOST_SECONDS.items():
        ours = in_fresh_process(__name__, mode)
        demand = Demand("ours : SDK's seconds =", ours.seconds / baseline.seconds, most)
        yield Row(NAME, f"packing {mode}", COUNT, ours.seconds, ours.peak_mb, demand)


def lines() -> Iterator[bytes]:
    """Make staged records, one at a time."""
    from keywatch.access_keys.transform import transform_row
    from keywatch.staging import encode

    return (encode(transform_row(raw, RUN_ID)) for raw in raw_rows(COUNT))


def sdk() -> tuple[float, int]:
    """Split and compress as the SDK does; return the seconds that took, and the requests."""
    from azure.monitor.ingestion._helpers import _create_gzip_requests

    from keywatch.pipeline.tables import TABLES

    staged = list(lines())
    began = time.monotonic()
    rows: list[Any] = [TABLES["keys"].row(json.loads(line)) for line in staged]
    requests = sum(1 for _ in _create_gzip_requests(rows))
    return time.monotonic() - began, requests


def ours(mode: str) -> tuple[float, int]:
    """Pack and compress as the client does; return the seconds that took, and the requests."""
    from keywatch.log_analytics.chunk import Chunk, pack
    from keywatch.log_analytics.gauge import GZIP_LEVEL
    from keywatch.log_analytics.logs_ingestion import LIMITS, Packing
    from keywatch.pipeline.tables import TABLES
    from keywatch.staging import encode

    staged, table, requests = list(lines()), TABLES["keys"], 0
    began = time.monotonic()
    for chunk in pack(
        enumerate(staged), LIMITS[Packing(mode)].gauge(), lambda line: encode(table.row(json.loads(line)))
    ):
        assert isinstance(chunk, Chunk)
        gzip.compress(chunk.body(), GZIP_LEVEL, mtime=0)
        requests += 1
    return time.monotonic() - began, requests


MODES: Final[dict[str, Callable[[], tuple[float, int]]]] = {
    "sdk": sdk,
    "documented": lambda: ours("documented"),
    "wire": lambda: ours("wire"),
}

if __name__ == "__main__":
    seconds, requests = MODES[sys.argv[1]]()
    print(f"{sys.argv[1]}: {requests} requests", file=sys.stderr)
    report(seconds)
