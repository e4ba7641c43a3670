"""Peak memory of reading and delivering the activity log, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from localcloud import LocalCloud
from tests.activity.running import DAY, midnight


def peak_of(cloud: LocalCloud, events: int, folder: Path) -> int:
    """Read so many events, and return the peak in KiB."""
    cloud.reset()
    subscription = cloud.azure.subscription_id
    cloud.add_activity_events(subscription, events, start=midnight(1), end=midnight(1) + DAY)
    command = [sys.executable, "-m", "tests.activity.peak", str(cloud.ca_bundle.parent), subscription, str(folder)]
    finished = subprocess.run(command, check=True, text=True, capture_output=True)
    said = json.loads(finished.stdout)
    assert events <= said["events"] < events + 100, "and those of the seed"
    return int(said["peak"])


def test_memory_does_not_grow_with_events(small_cloud: LocalCloud, tmp_path: Path) -> None:
    """Four times as many events take a twentieth more memory at most."""
    some = peak_of(small_cloud, 25_000, tmp_path / "some")
    many = peak_of(small_cloud, 100_000, tmp_path / "many")

    assert many < 1.05 * some, f"{some:,} KiB of 25,000 events, {many:,} KiB of 100,000"
