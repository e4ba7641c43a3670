"""Loading records with `LogsIngestionClient.upload` of azure-monitor-ingestion, and with this project.

The same records go to the same endpoint, over TLS. The SDK is given the list that it takes, of rows that have their
columns' names already; this project reads its staged file, renames, packs, sends and keeps receipts. Neither making
the list nor writing the file is timed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.harness import Demand, Figure, Measured, Note, Row, in_fresh_process, report, stopwatch
from tests.benchmarks.records import records, stage
from tests.benchmarks.served import Served

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

    from keywatch.log_analytics.logs_ingestion import IngestionEndpoint

NAME: Final = "load"
TITLE: Final = "sending records to the Logs Ingestion API"
ENDPOINT: Final = "tests.benchmarks.ingestion_endpoint"
STRICT: Final = "tests.benchmarks.load_strictly"
SIZES: Final = (100_000, 1_000_000)
CASES: Final = ((0.0, SIZES[0]), (0.0, SIZES[1]), (0.1, SIZES[0]))
"""Latency in seconds, and records. How soon the real service, far away, answers is unverified."""
STRICT_SIZE: Final = 100_000
SDK: Final = "azure-monitor-ingestion"
PACKINGS: Final = ("documented", "wire")
RULE: Final = f"dcr-{0:032x}"
LEAST_TIMES_FASTER: Final = 5.0
LEAST_TIMES_FEWER: Final = 5.0
MOST_GROWTH: Final = 1.3


def benchmark() -> Iterator[Note | Row]:
    """Measure every way with both sizes, then let the strict endpoint look at the rows."""
    yield Note("Bytes are those of requests with their heads, inside TLS. The endpoint stores nothing.")
    with tempfile.TemporaryDirectory() as folder, Served(ENDPOINT, f"{folder}/ca.pem") as endpoint:
        peaks: dict[str, float] = {}
        for latency, size in CASES:
            when = f"{size:,}, answers {f'after {latency * 1_000:.0f} ms' if latency else 'at once'}"
            base = _measure(endpoint, SDK, size, latency)
            yield _row(f"{SDK}, {when}", size, base, ())
            for packing in PACKINGS:
                ours = _measure(endpoint, packing, size, latency)
                growth = ours[0].peak_mb / peaks[packing] if size != SIZES[0] else None
                demands = tuple(_demands(packing, ours, base, growth))
                yield _row(f"this project, {packing}, {when}", size, ours, demands)
                peaks.setdefault(packing, ours[0].peak_mb)
    yield Note("Strict: the local cloud's endpoint, which checks tokens, sizes and columns and stores every row.")
    for way in (SDK, *PACKINGS):
        yield _strict_row(way)


def _measure(endpoint: Served, way: str, size: int, latency: float) -> tuple[Measured, dict[str, Any]]:
    endpoint.set(latency=latency)
    measured = in_fresh_process(__name__, way, str(size), endpoint.url, endpoint.told["ca_file"])
    return measured, endpoint.counts()


def _row(case: str, size: int, of: tuple[Measured, dict[str, Any]], demands: tuple[Demand, ...]) -> Row:
    measured, counts = of
    figures: dict[str, Figure] = {
        "records": size,
        "seconds": measured.seconds,
        "records/s": size / measured.seconds,
        "requests": counts["requests"],
        "MB sent": counts["bytes"] / 1_000_000,
        "CPU s": measured.cpu_seconds,
        "peak MB": measured.peak_mb,
    }
    return Row(case, figures, demands)


def _demands(
    packing: str, ours: tuple[Measured, dict[str, Any]], base: tuple[Measured, dict[str, Any]], growth: float | None
) -> Iterator[Demand]:
    faster = base[0].seconds / ours[0].seconds
    requests = ours[1]["requests"] / base[1]["requests"]
    yield Demand("times the SDK's records per second", faster, LEAST_TIMES_FASTER, at_least=True)
    yield Demand("requests, of the SDK's", requests, 1.0)
    if packing == "wire":
        yield Demand("times fewer requests than the SDK", 1 / requests, LEAST_TIMES_FEWER, at_least=True)
    if growth is not None:
        yield Demand("peak memory, of that of 100,000 records", growth, MOST_GROWTH)


def _strict_row(way: str) -> Row:
    measured = in_fresh_process(STRICT, way, str(STRICT_SIZE))
    found = measured.more
    counts = {"requests": found["requests"], "bytes": found["bytes"]}
    demands = (Demand("rows missing", found["missing"], 0), Demand("rows too many", found["surplus"], 0))
    return _row(f"strict: {way}, {STRICT_SIZE:,}", STRICT_SIZE, (measured, counts), demands)


class StaticCredential:
    """A token that nobody looks at."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:  # noqa: ANN401 - as azure-core's protocol
        """Return the token."""
        from azure.core.credentials import AccessToken

        return AccessToken(" ".join(scopes), int(time.time()) + 3_600)

    def forget(self) -> None:
        """Forget nothing: nobody refuses the token."""


def local_endpoint(url: str, ca_file: str) -> IngestionEndpoint:
    """Describe the rule behind the local endpoint."""
    from keywatch.log_analytics.logs_ingestion import IngestionEndpoint
    from keywatch.transport import AZURE_CLOUDS, Transport

    cloud = AZURE_CLOUDS["AzureCloud"]
    return IngestionEndpoint(
        url=url,
        rule_id=RULE,
        credential=StaticCredential(),
        scope=cloud.monitor_scope,
        hosts=cloud.ingestion_hosts.in_lab(True),  # noqa: FBT003 - reads as a sentence
        transport=Transport(ca_bundle=ca_file, proxy="direct"),
    )


def sdk(size: int, endpoint: IngestionEndpoint) -> Callable[[], None]:
    """Prepare to upload a list of rows, as the SDK's documentation shows."""
    from azure.monitor.ingestion import LogsIngestionClient

    from keywatch.pipeline.tables import TABLES

    table = TABLES["keys"]
    rows = [table.row(record) for record in records(size)]
    way = endpoint.transport
    client = LogsIngestionClient(
        endpoint.url,
        endpoint.credential,
        credential_scopes=[endpoint.scope],
        connection_verify=way.ca_bundle,
        proxies={"https": way.proxy} if way.proxy not in (None, "direct") else {},
    )
    return lambda: client.upload(endpoint.rule_id, table.stream, rows)  # type: ignore[arg-type]


def ours(packing: str, size: int, endpoint: IngestionEndpoint, folder: Path) -> Callable[[], None]:
    """Prepare to deliver a staged file."""
    from keywatch.log_analytics.delivery import deliver
    from keywatch.log_analytics.logs_ingestion import LogsIngestion, Packing
    from keywatch.log_analytics.receipts import ReceiptBook
    from keywatch.pipeline.tables import TABLES

    stage(folder / "records.ndjson", size)
    destination = LogsIngestion(endpoint, TABLES["keys"], packing=Packing(packing))

    def send() -> None:
        receipts = ReceiptBook.of(folder / "receipts", destination)
        done = deliver(folder / "records.ndjson", receipts, destination, reject=print)
        assert done.accepted == size

    return send


def prepared(way: str, size: int, endpoint: IngestionEndpoint, folder: Path) -> Callable[[], None]:
    """Prepare one way."""
    return sdk(size, endpoint) if way == SDK else ours(way, size, endpoint, folder)


def main(way: str, size: str, url: str, ca_file: str) -> None:
    """Measure one case, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        send = prepared(way, int(size), local_endpoint(url, ca_file), Path(folder))
        with stopwatch() as watch:
            send()
    report(watch)


if __name__ == "__main__":
    main(*sys.argv[1:])
