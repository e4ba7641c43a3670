"""What is recorded while something is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3

from keywatch.trace import TracedTask, recording
from tests.keywatch.trace.har_schema import read_har
from tests.keywatch.trace.server import Server

TASK = TracedTask("access_key_report", "audit.extract", 3, 1)
TEXT = b"hello, " * 1000
JSON = b'{"user":"me","access_token":"opaque-123456"}'
DIRECT = urllib3.Timeout(connect=5, read=5)

Use = Callable[[Server], Any]


def recorded(folder: Path, use: Callable[[], Any], **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - of `recording`
    """Record what is used, and give the entries."""
    with recording(folder, TASK, **options):
        use()
    (path,) = folder.glob("*.har")
    return read_har(path)
