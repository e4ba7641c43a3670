"""Progress in the log."""

from __future__ import annotations

import logging

import pytest

from keywatch.progress import Progress

log = logging.getLogger(__name__)


def test_progress_logs_at_most_once_per_interval(caplog: pytest.LogCaptureFixture) -> None:
    """Ticks within the interval say nothing; the end always does."""
    with caplog.at_level(logging.INFO):
        progress = Progress(log, "Read", interval=3_600)
        for count in range(100):
            progress.tick(keys=count)
        progress.done(keys=12_345, users=1)

    assert caplog.messages == ["Read: 12,345 keys, 1 users"]


def test_progress_logs_when_the_interval_has_passed(caplog: pytest.LogCaptureFixture) -> None:
    """With no interval, every tick is a line."""
    with caplog.at_level(logging.INFO):
        progress = Progress(log, "Read", interval=0)
        progress.tick(keys=1)
        progress.tick(keys=2)

    assert caplog.messages == ["Read: 1 keys", "Read: 2 keys"]
