"""Staging on an object store, which has no empty folders: a real S3 API on loopback."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from upath import UPath

from keywatch.log_analytics.receipts import Receipt, ReceiptBook
from keywatch.pipeline.extract import extract_batch
from keywatch.pipeline.folders import RunFolder, remove_expired_runs
from keywatch.pipeline.load import load_batch
from keywatch.pipeline.manifests import ExtractedBatch
from keywatch.pipeline.publish import publish
from keywatch.pipeline.transform import transform_batch
from keywatch.report.query import KeyQuery
from tests.keywatch.fakes import MemoryDestination
from tests.keywatch.pipeline.staged import ACCOUNTS, batch_of, begun, raw_row, stage_account
from tests.keywatch.report.stores import reader_of, store_in

NOW = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[UPath]:
    """Give an empty bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    name = f"keywatch-{uuid.uuid4().hex}"
    path = UPath(
        f"s3://{name}/staging", client_kwargs={"endpoint_url": f"http://{host}:{port}"}, skip_instance_cache=True
    )
    path.fs.mkdir(name)
    yield path
    server.stop()


def test_report_is_staged_on_an_object_store(bucket: UPath, tmp_path: Path) -> None:
    """Transform, load twice and publish work where folders exist only through their files."""
    run: RunFolder[UPath] = begun(bucket)  # type: ignore[arg-type, assignment]
    stage_account(run, ACCOUNTS[0], [raw_row(ACCOUNTS[0], f"user{n}") for n in range(5)])  # type: ignore[arg-type]
    batch, destination = batch_of(ACCOUNTS[0]), MemoryDestination()

    transformed = transform_batch(ExtractedBatch(batch=batch, keys=5), run)
    first, second = (load_batch(transformed, run, [destination]) for _ in range(2))
    done = publish([batch], [second], run, [MemoryDestination()], store_in(tmp_path), now=NOW, keep=timedelta(7))

    assert (first["accepted"], second["accepted"], second["chunks"]) == (5, 5, 0)
    assert len(destination.records) == 5
    assert done["complete"]
    assert reader_of(tmp_path).count(KeyQuery()) == 5


def test_attempt_sees_on_an_object_store_that_another_took_over(bucket: UPath) -> None:
    """What another worker has written since is seen, though an object store's client remembers what it has listed."""
    first, second = (ReceiptBook(UPath(bucket / "receipts", **bucket.storage_options)) for _ in range(2))
    first.take_over()
    assert first.is_newest()
    assert first.read() == []

    second.take_over()
    second.write(Receipt(0, 2, "0" * 64))

    assert not first.is_newest()
    assert first.read() == [Receipt(0, 2, "0" * 64)]


def test_expired_runs_are_removed_from_an_object_store(bucket: UPath) -> None:
    """Retention takes an old run with all its files, and leaves the current one."""
    old: RunFolder[UPath] = begun(bucket, "old", "2024-02-01T00:00:00Z")  # type: ignore[arg-type, assignment]
    stage_account(old, ACCOUNTS[0], [raw_row(ACCOUNTS[0], "user")])  # type: ignore[arg-type]
    run: RunFolder[UPath] = begun(bucket)  # type: ignore[arg-type, assignment]

    assert [old.name] == remove_expired_runs(run, timedelta(7), NOW)
    assert [run.name] == [folder.name for folder in (bucket / "runs").iterdir()]


def test_damaged_raw_rows_are_read_again(bucket: UPath) -> None:
    """An account whose staged rows were altered is not taken for read."""
    run: RunFolder[UPath] = begun(bucket)  # type: ignore[arg-type, assignment]
    stage_account(run, ACCOUNTS[0], [raw_row(ACCOUNTS[0], "user")])  # type: ignore[arg-type]
    folder = run.batch(0)
    folder.raw(ACCOUNTS[0]).write_bytes(b"cut")
    asked = []

    def connect(account: object) -> None:
        asked.append(account)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_batch(batch_of(ACCOUNTS[0]), folder, connect)  # type: ignore[arg-type]

    assert len(asked) == 1
