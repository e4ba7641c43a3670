"""Which account or chunk a log line is about, from whichever thread it comes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars

from keywatch.errors import AuthorizationRefusedError
from keywatch.log_analytics.delivery import deliver
from keywatch.log_analytics.receipts import ReceiptBook
from keywatch.pipeline.extract import extract_batch
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.manifests import Batch
from keywatch.staging import encode, line_writer
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.fakes import MemoryDestination

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient


class Lines(logging.Handler):
    """Keeps every line's text with the context that structlog would give it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.seen.append((record.getMessage(), get_contextvars()))

    def context_of(self, words: str) -> dict[str, Any]:
        """Return the context of the one line with these words."""
        [context] = [context for text, context in self.seen if words in text]
        return context


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Give what Keywatch logs while a test runs, in a context that names a run."""
    handler, logger = Lines(), logging.getLogger("keywatch")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    with bound_contextvars(run_id="today"):
        yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_lines_about_a_chunk_say_which(lines: Lines, tmp_path: Path) -> None:
    """The error of one chunk of several names the run, where it was sent to, its first record and their number."""
    path = tmp_path / "records.ndjson"
    with line_writer(path) as writer:
        for _ in range(10):
            writer.write(encode({"x": "y" * 90}))
    destination = MemoryDestination(500, errors=[None, AuthorizationRefusedError("refused")])
    with pytest.raises(AuthorizationRefusedError):
        deliver(path, ReceiptBook(tmp_path / "receipts"), destination, reject=print, in_flight=1)

    assert lines.context_of("not accepted: refused") == {
        "run_id": "today",
        "destination": "memory",
        "chunk_first": 5,
        "chunk_records": 5,
    }


def test_lines_about_an_account_say_which(lines: Lines, cloud: LocalCloud, iam: IAMClient, tmp_path: Path) -> None:
    """What the threads that read one account's users log names the run and the account."""
    account = cloud.aws.account_id
    cloud.inject(Fault(FaultKind.THROTTLE, action="ListAccessKeys", count=2))
    batch = Batch(number=0, accounts=[{"id": account, "name": None}], listed_at="2026-01-01T00:00:00Z")
    run = RunFolder(tmp_path, "today")
    run.start("2026-01-01T00:00:00Z")
    extract_batch(batch, run.batch(0), lambda _: iam)

    assert lines.context_of("AWS throttles (Throttling)") == {"run_id": "today", "account": account}
    assert lines.context_of("2 of them throttled") == {"run_id": "today", "account": account}
    assert get_contextvars() == {"run_id": "today"}
