"""What is counted, and that counting fails nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from keywatch import metrics
from keywatch.access_keys.calls import CallCounter
from keywatch.errors import ServiceUnavailableError, ThrottledError, UnreachableError
from keywatch.log_analytics.delivery import deliver
from keywatch.log_analytics.destination import Limits
from keywatch.log_analytics.receipts import ReceiptBook
from keywatch.staging import encode, line_writer
from keywatch.transport import Transport
from keywatch.transport.retry import retrying
from tests.keywatch.counted import Counted, counted
from tests.keywatch.fakes import MemoryDestination, MortalDestination

log = logging.getLogger(__name__)


@pytest.fixture
def sink() -> Iterator[Counted]:
    """Give what is counted while a test runs."""
    with counted() as found:
        yield found


def stage(folder: Path, count: int) -> Path:
    """Stage records of the same size."""
    path = folder / "records.ndjson"
    with line_writer(path) as writer:
        for _ in range(count):
            writer.write(encode({"x": "y" * 90}))
    return path


def test_metrics_have_distinct_names_that_every_backend_takes() -> None:
    """Names begin alike, differ, and are of the characters that StatsD and OpenTelemetry both take."""
    names = [each.name for each in vars(metrics).values() if isinstance(each, metrics.Metric)]

    assert len(names) == len(set(names)) > 10
    assert all(name.startswith("keywatch.") and name.replace(".", "").replace("_", "").isalpha() for name in names)


def test_delivery_counts_records_chunks_and_how_full_they_are(sink: Counted, tmp_path: Path) -> None:
    """Twelve records of 98 bytes in chunks of at most 500 bytes are three chunks: two nearly full, one not."""
    path = stage(tmp_path, 12)
    deliver(path, ReceiptBook(tmp_path / "receipts"), MemoryDestination(500), reject=print, in_flight=1)

    assert sink.counts == {("records.accepted", "memory"): 12, ("chunks.accepted", "memory"): 3}
    assert sink.values == pytest.approx([99.2, 99.2, 39.8])


def test_delivery_counts_what_no_chunk_can_carry(sink: Counted, tmp_path: Path) -> None:
    """Records that are rejected are counted as such, and as nothing else."""
    rejected: list[object] = []
    deliver(stage(tmp_path, 3), ReceiptBook(tmp_path / "receipts"), MemoryDestination(50), reject=rejected.append)

    assert len(rejected) == 3
    assert sink.counts == {("records.rejected", "memory"): 3}


def test_delivery_counts_what_is_perhaps_there_twice(sink: Counted, tmp_path: Path) -> None:
    """Records that were sent again after an answer was lost are counted once they are accepted."""
    path = stage(tmp_path, 2)
    with pytest.raises(UnreachableError):
        deliver(path, ReceiptBook(tmp_path / "receipts"), MortalDestination(500, 0, stored=True), reject=print)
    deliver(path, ReceiptBook(tmp_path / "receipts"), MemoryDestination(500), reject=print)

    assert sink.counts["records.perhaps_twice", "memory"] == 2
    assert sink.counts["records.accepted", "memory"] == 2


def test_delivery_that_is_done_again_counts_nothing_twice(sink: Counted, tmp_path: Path) -> None:
    """A task that is cleared after it delivered everything adds nothing to the rows that are perhaps there twice."""
    path = stage(tmp_path, 2)
    with pytest.raises(UnreachableError):
        deliver(path, ReceiptBook(tmp_path / "receipts"), MortalDestination(500, 0, stored=True), reject=print)
    for _ in range(2):
        done = deliver(path, ReceiptBook(tmp_path / "receipts"), MemoryDestination(500), reject=print)

    assert done.perhaps_twice == 2
    assert sink.counts["records.perhaps_twice", "memory"] == 2


@pytest.mark.parametrize(
    ("body", "wire", "limit", "percent"),
    [(500, 0, None, 50), (500, 0, 500, 100), (500, 90, None, 90), (500, 0, 5_000, 50)],
)
def test_fullness_is_by_the_limit_that_is_nearest(body: int, wire: int, limit: int | None, percent: float) -> None:
    """A request is as full as the tightest of its limits has it, the user's own included."""
    limits = Limits(body=1_000, usual=1_000, wire=100)

    assert limits.percent(body, wire, limit) == percent


def test_retries_and_throttles_are_counted_by_service(sink: Counted) -> None:
    """Every further attempt is counted, and every answer that asks for patience."""
    errors: list[Exception] = [ThrottledError("patience"), ServiceUnavailableError("down"), ThrottledError("patience")]

    def ask() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    assert retrying(Transport(), log, "entra").copy(sleep=lambda _: None)(ask) == "done"
    assert sink.counts == {("calls.retried", "entra"): 3, ("calls.throttled", "entra"): 2}


def test_calls_of_aws_are_counted_by_botocores_own_count_of_attempts(sink: Counted) -> None:
    """A request that is not the first for the same thing is a retry, whether it was throttled or got no answer."""
    counter = CallCounter()
    counter.received({}, {"retries": {"attempt": 1}})
    counter.received({"Error": {"Code": "Throttling"}}, {"retries": {"attempt": 1}})
    counter.received(None, {"retries": {"attempt": 2}})
    counter.report("iam")

    assert sink.counts == {("calls.made", "iam"): 3, ("calls.retried", "iam"): 1, ("calls.throttled", "iam"): 1}


class Broken:
    """A sink that fails."""

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        """Fail."""
        raise OSError(name, value, tags)

    def observe(self, name: str, value: float, tags: Mapping[str, str]) -> None:
        """Fail."""
        raise RuntimeError(name, value, tags)


def test_sink_that_fails_fails_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Everything is delivered although no count can be sent, and one line of the log says so."""
    before = metrics.use(Broken())
    try:
        done = deliver(stage(tmp_path, 10), ReceiptBook(tmp_path / "r"), MemoryDestination(500), reject=print)
    finally:
        metrics.use(before)

    assert done.accepted == 10
    assert len([line for line in caplog.messages if line.startswith("Metrics are not sent: OSError: ")]) == 1


def test_nothing_is_counted_where_nobody_asked(tmp_path: Path) -> None:
    """Without a sink, counts go nowhere."""
    before = metrics.use(None)
    try:
        assert deliver(stage(tmp_path, 1), ReceiptBook(tmp_path / "r"), MemoryDestination(), reject=print).accepted == 1
        assert metrics.use(None) is None
    finally:
        metrics.use(before)
