"""From one account to a thousand: extract, transform and load, without a scheduler.

The library's own steps run over batches of 20 accounts, against a local STS and IAM, which answer at once, and an
ingestion endpoint that counts bytes. Each account is entered by a role, as the DAG does it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks import extract, load
from tests.benchmarks.harness import Figure, Measured, Note, Row, in_fresh_process, report, stopwatch
from tests.benchmarks.served import Served

if TYPE_CHECKING:
    from keywatch.access_keys.record import Account
    from keywatch.log_analytics.logs_ingestion import LogsIngestion
    from keywatch.pipeline.extract import Connect
    from keywatch.pipeline.folders import RunFolder
    from keywatch.pipeline.manifests import Batch, ExtractedBatch, LoadedBatch, TransformedBatch

NAME: Final = "growth"
TITLE: Final = "extract, transform and load of many accounts"
USERS: Final = 100
SIZES: Final = (1, 10, 100, 1_000)
BATCH: Final = 20
FIRST_ACCOUNT: Final = 100_000_000_000


def benchmark() -> Iterator[Note | Row]:
    """Measure every number of accounts."""
    bare = in_fresh_process(__name__, "0", "", "", "")
    with (
        tempfile.TemporaryDirectory() as folder,
        Served(extract.ENDPOINT, str(USERS)) as iam,
        Served(load.ENDPOINT, f"{folder}/ca.pem") as ingestion,
    ):
        yield Note(f"In each account: {iam.told['population']}. Batches of {BATCH} accounts, one after another.")
        yield Note(f"Imports alone: {bare.peak_mb:.0f} MB. IAM answers at once, so processor time is what shows.")
        for size in SIZES:
            iam.set()
            ca_file = ingestion.told["ca_file"]
            measured = in_fresh_process(__name__, str(size), iam.url, ingestion.url, ca_file)
            yield Row(f"{size:,} accounts", _figures(size, measured, iam.counts(), bare))


def _figures(size: int, measured: Measured, counts: dict[str, Any], bare: Measured) -> dict[str, Figure]:
    def each(seconds: float) -> float:
        return seconds / size * 1_000

    return {
        "seconds": measured.seconds,
        "ms/account": each(measured.seconds),
        "connect": each(measured.more["connect"]),
        "extract": each(measured.more["extract"]),
        "transform": each(measured.more["transform"]),
        "load": each(measured.more["load"]),
        "CPU ms/account": each(measured.cpu_seconds),
        "calls/account": counts["allowed"] / size,
        "keys": measured.more["keys"],
        "peak MB": measured.peak_mb,
        "MB/account": (measured.peak_mb - bare.peak_mb) / size,
    }


def roles(url: str, spent: dict[str, float]) -> Connect:
    """Return what makes an account's client: the role is assumed, then the account's own IAM endpoint is taken."""
    import secrets
    import threading

    import boto3

    from keywatch.access_keys.accounts import assume_role
    from keywatch.access_keys.iam import patient_config
    from keywatch.transport import AWS_HOSTS, Transport
    from keywatch.transport.aws import aws_client

    session = boto3.Session("not-looked-at", secrets.token_hex(20), region_name="us-east-1")
    hosts, transport, lock = AWS_HOSTS.in_lab(True), Transport(proxy="direct"), threading.Lock()  # noqa: FBT003
    sts = aws_client(session, "sts", transport, hosts, endpoint_url=url)

    def connect(account: Account) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        with stopwatch() as watch:
            role = assume_role(session, sts, account, "audit")
            endpoint = f"{url}/{account.id}"
            client = aws_client(role, "iam", transport, hosts, config=patient_config(), endpoint_url=endpoint)
        with lock:
            spent["connect"] += watch.seconds
        return client

    return connect


def audit(
    run: RunFolder[Path], batches: list[Batch], connect: Connect, destination: Callable[[], LogsIngestion]
) -> dict[str, float]:
    """Take every batch through the three steps; return the seconds that each took, and the keys delivered."""
    from keywatch.pipeline.extract import extract_batch
    from keywatch.pipeline.load import load_batch
    from keywatch.pipeline.transform import transform_batch

    spent = {"extract": 0.0, "transform": 0.0, "load": 0.0, "keys": 0}
    for batch in batches:
        with stopwatch() as extracting:
            extracted: ExtractedBatch = extract_batch(batch, run.batch(batch["number"]), connect)
        with stopwatch() as transforming:
            transformed: TransformedBatch = transform_batch(extracted, run)
        with stopwatch() as loading:
            loaded: LoadedBatch = load_batch(transformed, run, [destination()])
        spent["extract"] += extracting.seconds
        spent["transform"] += transforming.seconds
        spent["load"] += loading.seconds
        spent["keys"] += loaded["accepted"]
        assert loaded["accepted"] == extracted["keys"] > 0
    return spent


def main(number: str, iam_url: str, ingestion_url: str, ca_file: str) -> None:
    """Measure one number of accounts, in this process; with none, what the imports need."""
    from keywatch.access_keys.organization import Selection
    from keywatch.access_keys.record import Account
    from keywatch.log_analytics.logs_ingestion import LogsIngestion
    from keywatch.pipeline.folders import RunFolder
    from keywatch.pipeline.list_accounts import list_accounts
    from keywatch.pipeline.tables import TABLES

    spent = {"connect": 0.0}
    connect = roles(iam_url or "http://127.0.0.1", spent)
    with tempfile.TemporaryDirectory() as folder, stopwatch() as watch:
        if size := int(number):
            run = RunFolder(Path(folder), "growth")
            accounts = tuple(Account(str(FIRST_ACCOUNT + place)) for place in range(size))
            batches = list_accounts(Selection(accounts), run, datetime.now(UTC), BATCH)
            endpoint = load.local_endpoint(ingestion_url, ca_file)
            spent |= audit(run, batches, connect, lambda: LogsIngestion(endpoint, TABLES["keys"]))
    report(watch, **spent)


if __name__ == "__main__":
    main(*sys.argv[1:])
