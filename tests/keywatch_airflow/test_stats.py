"""Counts reach what Airflow sends its own metrics with."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk._shared.observability.metrics.otel_logger import SafeOtelLogger
from airflow.sdk._shared.observability.metrics.statsd_logger import get_statsd_logger
from airflow.sdk.observability import stats
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from statsd import StatsClient

from keywatch import metrics
from keywatch_airflow.stats import AirflowSink


@pytest.fixture(autouse=True)
def airflow_sink() -> Iterator[None]:
    """Count by Airflow's facade, and leave it as Airflow has it outside tasks."""
    before = metrics.use(AirflowSink())
    yield
    metrics.use(before)
    stats.initialize(factory=NoStatsLogger, export_legacy_names=False)


def count_by(factory: Callable[[], Any]) -> None:
    """Let Airflow make its facade's back end as the test has it."""
    stats.initialize(factory=factory, export_legacy_names=False)


def test_plugin_counts_by_airflows_facade() -> None:
    """Whoever imports the plugin has its counts sent where Airflow's own go."""
    code = "import keywatch_airflow; from keywatch import metrics; print(type(metrics.use(None)).__name__)"

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "AirflowSink"


def test_opentelemetry_gets_sums_and_histograms_with_tags() -> None:
    """Counters are sums and distributions histograms, by tag, under the name that Airflow's prefix makes."""
    reader = InMemoryMetricReader()
    count_by(lambda: SafeOtelLogger(MeterProvider([reader])))

    metrics.count(metrics.RECORDS_ACCEPTED, 3, destination="a")
    metrics.count(metrics.RECORDS_ACCEPTED, 4, destination="a")
    metrics.count(metrics.RECORDS_ACCEPTED, 5, destination="b/Custom-C")
    metrics.observe(metrics.CHUNK_FILL, 40, destination="a")
    metrics.observe(metrics.CHUNK_FILL, 99, destination="a")

    data: Any = reader.get_metrics_data()
    found = {metric.name: metric.data for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    sums = found["airflow.keywatch.records.accepted"].data_points
    [fill] = found["airflow.keywatch.chunks.fill_percent"].data_points
    assert {point.attributes["destination"]: point.value for point in sums} == {"a": 7, "b/Custom-C": 5}
    assert (fill.count, fill.sum, fill.min, fill.max) == (2, 139, 40, 99)


@pytest.mark.parametrize(
    ("destination", "tag"),
    [
        ("dcr-0/Custom-Keys", "dcr-0/Custom-Keys"),
        ("https://a-1.ods.opinsights.azure.com/Keys", "a-1.ods.opinsights.azure.com/Keys"),
        ("https://127.0.0.1:8443/Keys", "127.0.0.1_8443/Keys"),
    ],
)
def test_statsd_gets_the_tag_of_every_kind_of_destination(destination: str, tag: str) -> None:
    """With tags in InfluxDB's format, the counts of a rule, of a workspace and of a laboratory's host all arrive."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        logger = get_statsd_logger(
            stats_class=StatsClient,
            host="127.0.0.1",
            port=listener.getsockname()[1],
            influxdb_tags_enabled=True,
            statsd_influxdb_enabled=True,
        )
        count_by(lambda: logger)
        metrics.count(metrics.RECORDS_ACCEPTED, 3, destination=destination)
        received = listener.recv(1_000)
        logger.statsd.close()

    assert received.decode() == f"keywatch.records.accepted,destination={tag}:3|c"


def test_statsd_that_is_away_does_not_matter(caplog: pytest.LogCaptureFixture) -> None:
    """A StatsD that nobody answers for is no error, and not worth a line."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    logger = get_statsd_logger(stats_class=StatsClient, host="127.0.0.1", port=port)
    count_by(lambda: logger)

    for _ in range(3):
        metrics.count(metrics.CHUNKS_ACCEPTED, destination="a")
        metrics.observe(metrics.CHUNK_FILL, 1, destination="a")

    logger.statsd.close()
    assert caplog.messages == []


def test_statsd_that_cannot_be_made_does_not_matter() -> None:
    """Whatever goes wrong with the set-up of metrics stays there."""

    def fail() -> NoStatsLogger:
        raise RuntimeError("no metrics today")

    count_by(fail)

    metrics.count(metrics.CHUNKS_ACCEPTED, destination="a")
